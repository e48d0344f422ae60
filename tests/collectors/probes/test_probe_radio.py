"""What is on the air and who hands out addresses: scapy in a process of its own, captures written by hand."""

from __future__ import annotations

import json
import os
import random
import secrets
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from collectors.probes import figures, looks
from netops.probing import Target

ROOT = Path(__file__).resolve().parents[3]
NOW_S = 1_795_719_388


def beacon(bssid: str, ssid: bytes, *, channel=6, signal=-55) -> bytes:
    """A beacon with a radiotap head: flags, channel and antenna signal present."""
    tap = struct.pack("<BBHIBBHHb", 0, 0, 15, 0b101010, 0, 0, 2437, 0x00A0, signal)
    mac = bytes.fromhex(bssid)
    head = struct.pack("<HH", 0x0080, 0) + b"\xff" * 6 + mac + mac + struct.pack("<H", 16)
    body = struct.pack("<QHH", 0, 100, 0x0421) + bytes([0, len(ssid)]) + ssid + bytes([3, 1, channel])
    return tap + head + body


def capture(path: Path, frames: list[bytes]) -> Path:
    """Write frames as a capture of LINKTYPE_IEEE802_11_RADIOTAP."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 127)]
    out += [struct.pack("<IIII", NOW_S + n, 0, len(each), len(each)) + each for n, each in enumerate(frames)]
    path.write_bytes(b"".join(out))
    return path


def told(record):
    observations, gaps = figures.read(record, device="site-7/probe", vantage="site-7")
    return {each.metric: each.value for each in observations}, {each.metric: each.reason.value for each in gaps}


def look(tmp_path, good_clock, **target):
    return looks.look("t", Target(**target), account=tmp_path / "x", clock=good_clock)


CITY = "免费WiFi".encode()


@pytest.mark.partner("scapy")
def test_our_access_points_are_heard_and_the_neighbours_only_counted(tmp_path, good_clock):
    frames = [beacon("0a0b0c0d0e01", CITY, signal=s) for s in (-60, -50, -70)]
    frames += [beacon("0a0b0c0d0e02", CITY, channel=11, signal=-80), beacon("020000000009", b"the neighbours")]
    frames += [b"\x00\x00\x08\x00", b"noise", beacon("0a0b0c0d0e01", CITY)[:40]]
    url = str(capture(tmp_path / "air.pcap", frames))

    record = look(tmp_path, good_clock, kind="air", url=url, expect="免费WiFi", timeout_s=20)
    values, gaps = told(record)

    assert gaps == {}
    assert (values["probe.reached"], values["probe.air.points"], values["probe.air.others"]) == (1, 2, 1)
    assert (values["probe.air.signal"], values["probe.air.signal_median"]) == (-50, -70)
    assert values["probe.air.ssids"] == "免费WiFi"
    assert {(each["bssid"], each["channel"]) for each in record["heard"]} == {("0a0b0c0d0e01", 6), ("0a0b0c0d0e02", 11)}
    assert "020000000009" not in json.dumps(record)
    assert b"the neighbours".hex() not in json.dumps(record)


@pytest.mark.partner("scapy")
def test_a_network_that_is_not_on_the_air_is_not_reached(tmp_path, good_clock):
    url = str(capture(tmp_path / "air.pcap", [beacon("020000000009", b"another")]))

    values, gaps = told(look(tmp_path, good_clock, kind="air", url=url, expect="city, another", timeout_s=20))

    assert (values["probe.reached"], values["probe.air.points"], values["probe.air.ssids"]) == (0, 1, "another")
    assert gaps == {}


@pytest.mark.partner("scapy")
@pytest.mark.parametrize(
    "octets",
    [pytest.param(b"", marks=pytest.mark.slow), b"no capture at all", pytest.param(bytes(24), marks=pytest.mark.slow)],
)
def test_what_is_no_capture_is_our_trouble(tmp_path, good_clock, octets):
    (tmp_path / "air.pcap").write_bytes(octets)

    values, gaps = told(
        look(tmp_path, good_clock, kind="air", url=str(tmp_path / "air.pcap"), expect="city", timeout_s=20)
    )

    assert gaps["probe.reached"] == "collector_not_running"
    assert values == {"probe.kind": "air", "probe.role": "target"}


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.partner("scapy")
def test_hostile_captures_end_with_lines_or_an_error_never_a_traceback(tmp_path):
    random_ = random.Random(80211)
    for _ in range(int(os.environ.get("NETOPS_ROUNDS", "8"))):
        frames = []
        for _ in range(200):
            made = bytearray(beacon("0a0b0c0d0e01", CITY))
            for _ in range(random_.randrange(8)):
                made[random_.randrange(len(made))] = random_.randrange(256)
            frames.append(bytes(made[: random_.randrange(1, len(made) + 1)]))
        url = capture(tmp_path / "air.pcap", frames)
        words = [sys.executable, "-m", "collectors.probes.radio.hear", "beacons", str(url)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)

        assert "Traceback" not in done.stderr, done.stderr[-2000:]
        assert all(isinstance(json.loads(line), dict) for line in done.stdout.splitlines())


def test_without_scapy_it_says_what_is_missing_and_blames_nobody(tmp_path, good_clock, monkeypatch):
    (tmp_path / "scapy").mkdir()
    (tmp_path / "scapy" / "__init__.py").write_text("raise ImportError('left out')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    record = look(tmp_path, good_clock, kind="air", url="/nonexistent", expect="city")
    _, gaps = told(record)

    assert "netops[radio]" in record["detail"]
    assert gaps["probe.reached"] == "collector_not_running"


def test_the_house_never_imports_scapy():
    script = "import sys, collectors.probes.service, collectors.probes.commands; print('scapy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("servers", "reached", "strangers"),
    [([], 0, 0), (["192.0.2.1"], 1, 0), (["192.0.2.1", "192.0.2.66"], 1, 1), (["192.0.2.66"], 0, 1)],
)
def test_a_server_that_is_not_on_the_list_is_a_stranger(servers, reached, strangers):
    record = {
        "target": "t",
        "kind": "dhcp",
        "at_ms": 0,
        "asked": ["192.0.2.1"],
        "heard": [{"server": s} for s in servers],
    }

    values, _ = told(record)

    assert (values["probe.reached"], values["probe.dhcp.strangers"]) == (reached, strangers)
    assert ("probe.dhcp.stranger" in values) == bool(strangers)


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.partner("scapy", "ip", "dnsmasq")
def test_two_servers_on_one_link_are_both_found_and_the_rogue_is_named(tmp_path):
    mark = secrets.token_hex(3)
    client, bridge = f"dh{mark}c", f"dh{mark}b"
    servers = []

    def ip(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True)

    for name in (client, bridge):
        ip("netns", "add", name)
    try:
        ip("-n", bridge, "link", "add", "br0", "type", "bridge")
        ip("link", "add", "eth0", "netns", client, "type", "veth", "peer", "name", "c0", "netns", bridge)
        for name, link in ((bridge, "br0"), (bridge, "c0"), (client, "eth0")):
            ip("-n", name, "link", "set", link, "up")
        ip("-n", bridge, "link", "set", "c0", "master", "br0")
        for number, address in enumerate(("10.98.0.1", "10.98.0.66")):
            there = f"dh{mark}{number}"
            servers.append((there, None))
            ip("netns", "add", there)
            ip("link", "add", "eth0", "netns", there, "type", "veth", "peer", "name", f"s{number}", "netns", bridge)
            ip("-n", bridge, "link", "set", f"s{number}", "master", "br0", "up")
            ip("-n", there, "address", "add", f"{address}/24", "dev", "eth0")
            ip("-n", there, "link", "set", "eth0", "up")
            words = [
                "ip",
                "netns",
                "exec",
                there,
                "dnsmasq",
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--port=0",
            ]
            words += [f"--dhcp-range=10.98.0.{100 + 50 * number},10.98.0.{140 + 50 * number},1h", "--user=root"]
            words += [f"--dhcp-leasefile={tmp_path / there}", f"--pid-file={tmp_path / there}.pid", "--no-ping"]
            servers[-1] = (there, subprocess.Popen(words, stderr=subprocess.DEVNULL))
        time.sleep(1.0)
        script = (
            "import json; from pathlib import Path; from collectors.probes.looks import look;"
            "from netops.probing import Target;"
            "t = Target(kind='dhcp', interface='eth0', expect='10.98.0.1', timeout_s=3);"
            "print(json.dumps(look('t', t, account=Path('/nonexistent'))))"
        )
        words = ["ip", "netns", "exec", client, sys.executable, "-c", script]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    finally:
        for there, process in servers:
            if process is not None:
                process.terminate()
                process.wait()
            ip("netns", "del", there)
        for name in (client, bridge):
            ip("netns", "del", name)

    assert done.returncode == 0, done.stderr
    values, gaps = told(json.loads(done.stdout))
    assert gaps == {}, done.stdout
    assert (values["probe.dhcp.servers"], values["probe.dhcp.strangers"], values["probe.reached"]) == (2, 1, 1)
    assert values["probe.dhcp.stranger"] == "10.98.0.66"
