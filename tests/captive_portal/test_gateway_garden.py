"""The walled garden by name, with a real dnsmasq and a real kernel: what was told is open, and nothing else."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from captive_portal import garden, ruleset
from netops.config import load

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
POLICY = "policy: park\ntitle: Park\nsites: [site-1]\ngarden: [garden.test, pay.example]\n"
FOUR, SIX, CDN, OTHER = "203.0.113.20", "2001:db8:113::20", ("203.0.113.31", "203.0.113.32"), "203.0.113.40"
REAL = [pytest.mark.root, pytest.mark.partner("nft", "ip", "curl", "dnsmasq"), pytest.mark.timeout(120)]


@pytest.fixture
def walled(network) -> Iterator[object]:
    """A gate, a web server at many addresses, and the gateway's resolver that asks the internet's."""
    folder = network.folder / "policies"
    folder.mkdir()
    (folder / "park.yaml").write_text(POLICY, encoding="utf-8")
    text = network.settings_file.read_text(encoding="utf-8")
    network.settings_file.write_text(text.replace("[portal]\n", f'[portal]\npolicies = "{folder}"\n'), "utf-8")
    for each in (FOUR, *CDN, OTHER):
        network.run(network.internet, "ip", "address", "add", f"{each}/32", "dev", "eth0")
    network.run(network.internet, "ip", "-6", "address", "add", f"{SIX}/128", "dev", "eth0", "nodad")
    network.start_internet()
    network.start_gate()
    settings = load(network.settings_file, environ={})
    words = ("dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--user=root", "--log-facility=-")
    names = (f"/garden.test/{FOUR}", f"/garden.test/{SIX}", f"/notgarden.test/{OTHER}", f"/sub.garden.test/{CDN[0]}")
    hosts = [f"--host-record=edge.cdn.example,{each}" for each in CDN]
    cname = "--cname=shop.pay.example,edge.cdn.example"
    network.start("names", network.internet, *words, "--conf-file=/dev/null",
                  *(f"--address={each}" for each in names), *hosts, cname, "--local-ttl=60", ready="")  # fmt: skip
    made = network.folder / "dnsmasq.conf"
    made.write_text("\n".join(["server=203.0.113.2", *garden.dnsmasq(settings)]) + "\n", encoding="utf-8")
    network.start("resolver", network.gateway, *words, f"--conf-file={made}", ready="")
    yield network
    for name in ("resolver", "names"):
        network.stop(name, signal.SIGKILL)


def told(network, name: str, kind: str = "A", host: str = "10.77.0.1") -> list[str]:
    done = network.run(network.client, sys.executable, str(HERE / "run_lookup.py"), host, name, kind, check=False)
    return list(json.loads(done.stdout)) if done.returncode == 0 else []


def opened(network, host: str) -> bool:
    version = 6 if ":" in host else 4
    at = f"[{host}]" if version == 6 else host
    return network.curl(f"http://{at}/", version=version).stdout.startswith("internet")


def left(network, kind: str) -> int:
    found = json.loads(network.nft("-j", "list", "set", "inet", "netops_portal", f"{kind}4_{network.visitor}"))
    elements = list(ruleset.items(found["nftables"]))
    return int(elements[0]["expires"]) if elements else 0


class TestWalled:
    """One gateway for each test."""

    pytestmark = REAL

    def test_what_was_told_is_open_for_the_web_and_nothing_else_is(self, walled, eventually) -> None:
        assert not opened(walled, FOUR), "nobody has asked yet"
        eventually(lambda: told(walled, "garden.test") == [FOUR])

        assert opened(walled, FOUR)
        connect = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"
        for port, passes in ((443, True), (8000, False), (22, False)):
            done = walled.run(walled.client, "python3", "-c", connect, FOUR, str(port), check=False)
            assert (done.returncode == 0) is passes, (port, done.stderr)
            assert passes or "refused" in done.stderr
        assert told(walled, "notgarden.test") == [OTHER]
        assert not opened(walled, OTHER), "a name that only ends alike"
        assert not opened(walled, "203.0.113.2")

        assert told(walled, "garden.test", "AAAA") == [SIX]
        assert opened(walled, SIX)
        assert told(walled, "a.b.sub.garden.test") == [CDN[0]], "whatever is below the name"
        assert opened(walled, CDN[0])

    @pytest.mark.slow
    def test_a_chain_of_names_opens_every_address_told(self, walled, eventually) -> None:
        eventually(lambda: set(told(walled, "shop.pay.example")) == set(CDN))
        assert all(opened(walled, each) for each in CDN)

        walled.nft("flush", "set", "inet", "netops_portal", f"heard4_{walled.visitor}")
        assert not opened(walled, CDN[0]), "what is not told any more is closed, for a flow that runs too"

    @pytest.mark.slow
    def test_the_gate_keeps_open_what_was_told_and_a_repetition_lengthens_it(self, walled, eventually) -> None:
        eventually(lambda: told(walled, "garden.test") == [FOUR])
        eventually(lambda: left(walled, "garden") > ruleset.GARDEN_S - 20, 15)
        walled.nft("flush", "set", "inet", "netops_portal", f"heard4_{walled.visitor}")
        assert opened(walled, FOUR)
        first = left(walled, "garden")
        eventually(lambda: left(walled, "garden") < first - 3, 10)
        walled.nft("add", "element", "inet", "netops_portal", f"heard4_{walled.visitor}", "{", FOUR, "}")
        eventually(lambda: left(walled, "garden") >= first, 15)

        walled.nft("flush", "set", "inet", "netops_portal", f"heard4_{walled.visitor}")
        walled.nft("flush", "set", "inet", "netops_portal", f"garden4_{walled.visitor}")
        assert not opened(walled, FOUR)


def test_each_interface_has_the_garden_of_its_own_site(settings, tmp_path) -> None:
    for name, site, words in (("a", "site-1", "both.example, one.example"), ("b", "site-2", "both.example")):
        (tmp_path / f"{name}.yaml").write_text(f"policy: {name}\ntitle: T\nsites: [{site}]\ngarden: [{words}]\n")
    portal = replace(settings.portal, policies=tmp_path, visitors={"v.1": "site-1", "v2": "site-2", "v3": "site-3"})

    lines = list(garden.dnsmasq(replace(settings, portal=portal)))

    at = "#inet#netops_portal#heard"
    assert lines == [
        "max-ttl=300",
        "max-cache-ttl=300",
        f"nftset=/both.example/4{at}4_v_1,6{at}6_v_1,4{at}4_v2,6{at}6_v2",
        f"nftset=/one.example/4{at}4_v_1,6{at}6_v_1",
    ]
    assert garden.LONGEST_ANSWER_S + ruleset.HEARD_S < ruleset.GARDEN_S
    assert list(garden.dnsmasq(settings)) == []


@pytest.mark.partner("dnsmasq")
def test_dnsmasq_takes_the_lines(settings, tmp_path: Path) -> None:
    made = tmp_path / "garden.conf"
    made.write_text(
        "nftset=/both.example/4#inet#netops_portal#heard4_v_1,6#inet#netops_portal#heard6_v_1\nmax-ttl=300\n"
    )

    done = subprocess.run(["dnsmasq", "--test", f"--conf-file={made}"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
