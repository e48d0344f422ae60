"""S1 for what is heard on the air and who hands out addresses: scapy, in its own process, bears what anybody sends."""

from __future__ import annotations

import importlib.util
import json
import random
import resource
import struct
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve()
ROOT = HERE.parents[3]
PROGRAM = "collectors.probes.radio.hear"
DHCP = """
import sys
import scapy.layers.dhcp
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from collectors.probes.radio import hear

def received(octets):  # as scapy's sockets do it
    try:
        return Ether(octets)
    except Exception:
        return Raw(octets)

hear._offers([received(bytes.fromhex(line.strip())) for line in sys.stdin])
"""


def module(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


fuzzing = module("fuzzing", HERE.parents[1] / "fuzzing.py")
radio = module("radio_tests", HERE.with_name("test_probe_radio.py"))


def damaged(what, seeds, count):
    dice = random.Random(f"{fuzzing.SEED} {what}")
    return [fuzzing.damaged(dice, seeds)[:2_304] for _ in range(count)]


def ran(*words, given=None, seconds=600):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, input=given, timeout=seconds, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done, lines, after.ru_utime - before.ru_utime


def offer():
    """A DHCPOFFER in its frame, as RFC 2131 has it."""
    options = (
        b"\x63\x82\x53\x63\x35\x01\x02\x36\x04\xc0\x00\x02\x01\x03\x04\xc0\x00\x02\x01\x06\x04\xc0\x00\x02\x35\xff"
    )
    bootp = struct.pack(">BBBBIHH", 2, 1, 6, 0, 7, 0, 0x8000) + b"\0" * 4 + b"\xc0\0\2\x64" + b"\0" * 8
    bootp += b"\2\0\0\0\0\1" + b"\0" * 10 + b"\0" * 192 + options
    udp = struct.pack(">HHHH", 67, 68, 8 + len(bootp), 0) + bootp
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + b"\xc0\0\2\1" + b"\xff" * 4
    return b"\xff" * 6 + b"\2\0\0\0\0\2" + b"\x08\x00" + ip + udp


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.partner("scapy")
def test_fuzz_beacons_cost_a_little_each_and_hide_no_access_point(tmp_path):
    good = radio.beacon("0a0b0c0d0e01", radio.CITY)
    nested = radio.beacon("0a0b0c0d0e02", b"n") + b"\xdd\0" * 1_000  # as many elements as a frame holds
    frames = damaged("beacons", [good, nested, radio.beacon("0a0b0c0d0e03", b"\xff" * 32)], min(fuzzing.INPUTS, 50_000))
    file = radio.capture(tmp_path / "air.pcap", [good, *frames, good])

    done, lines, cpu_s = ran("-m", PROGRAM, "beacons", str(file))

    print(f"fuzz beacons: {lines[-1]}, {cpu_s / len(frames) * 1000:.2f} ms of CPU each")
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[-1]["frames"] == len(frames) + 2
    assert any(each.get("bssid") == "0a0b0c0d0e01" and each["beacons"] >= 2 for each in lines)
    assert len(lines) <= 2_001
    assert cpu_s < 5 + 0.010 * len(frames)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.partner("scapy")
def test_fuzz_a_capture_that_is_none_is_said_in_one_line(tmp_path):
    whole = radio.capture(tmp_path / "air.pcap", [radio.beacon("0a0b0c0d0e01", radio.CITY)] * 3).read_bytes()
    heads = [
        whole,
        b"\x0a\x0d\x0d\x0a" + struct.pack("<IIHHq", 28, 0x1A2B3C4D, 1, 0, -1) + struct.pack("<I", 28) + whole,
    ]
    for octets in damaged("captures", [each[:120] for each in heads], 12):
        file = tmp_path / "damaged.pcap"
        file.write_bytes(octets)

        done, lines, _ = ran("-m", PROGRAM, "beacons", str(file))

        assert done.returncode in (0, 1), (octets, done.stderr)
        assert "Traceback" not in done.stderr, octets
        assert "error" in lines[-1] or "unreadable" in lines[-1], octets


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.partner("scapy")
def test_fuzz_offers_hide_no_server():
    """One server's nonsense must not keep the rogue beside it from being named."""
    frames = damaged("offers", [offer()], min(fuzzing.INPUTS // 10, 5_000))
    given = "\n".join(each.hex() for each in [*frames, offer()][-1_999:])

    done, lines, cpu_s = ran("-c", DHCP, given=given)

    print(f"fuzz offers: {lines[-1]}, {cpu_s / len(frames) * 1000:.2f} ms of CPU each")
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[-1]["unreadable"] > 0
    assert lines[-2] == {
        "server": "192.0.2.1",
        "mac": "020000000002",
        "offered": "192.0.2.100",
        "router": "192.0.2.1",
        "resolver": "192.0.2.53",
    }
    assert cpu_s < 5 + 0.010 * len(frames)
