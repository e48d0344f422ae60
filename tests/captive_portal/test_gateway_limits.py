"""Before login no tunnel carries anything (S14); after it, the volume and the idle time of the policy end a visit."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
pytestmark = [pytest.mark.root, pytest.mark.partner("nft", "ip", "curl", "dnsmasq"), pytest.mark.timeout(260)]
INTERNET4, INTERNET6 = "203.0.113.2", "2001:db8:113::2"
RESOLVERS = ("8.8.8.8", "2001:4860:4860::8888", INTERNET4)


def test_before_login_no_way_carries_a_packet_and_dns_less_than_two_kilobytes_a_second(city) -> None:
    rules = "table inet s14 { chain seen { type filter hook prerouting priority -400; %s counter; %s counter; }\n}"
    heard = rules % ("ip saddr 10.77.0.0/24", "ip6 saddr fd77::/64")
    city.run(city.internet, "nft", heard)
    city.run(city.client, "sysctl", "-qw", "net.ipv4.ping_group_range=0 0")

    told = json.loads(
        city.run(city.client, sys.executable, str(HERE / "run_tunnels.py"), "0.15", INTERNET4, INTERNET6).stdout
    )
    asked = [city.ask_resolver(host, 1.5) for host in RESOLVERS]

    assert len(told) == 10
    assert min(sent for sent, _ in told.values()) > 20, told
    assert {way: octets for way, (_, octets) in told.items() if octets} == {}
    passed = json.loads(city.run(city.internet, "nft", "-j", "list", "table", "inet", "s14").stdout)
    counters = [
        e["counter"]["packets"] for r in passed["nftables"] for e in r.get("rule", {}).get("expr", []) if "counter" in e
    ]
    assert counters == [0, 0]
    assert sum(each["asked"] for each in asked) > 300
    assert sum(each["octets"] for each in asked) / 4.5 < 2048


def boundaries(network, **bounds: int) -> None:
    folder = network.folder / "policies"
    folder.mkdir()
    lines = [f"{name}: {value}" for name, value in bounds.items()]
    (folder / "park.yaml").write_text("\n".join(["policy: park", "title: Park", "sites: [site-1]", *lines]), "utf-8")
    text = network.settings_file.read_text("utf-8")
    network.settings_file.write_text(text.replace("[portal]\n", f'[portal]\npolicies = "{folder}"\n'), "utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("bound", ["volume_mb", "idle_minutes"])
def test_the_kernels_counters_end_a_visit_whose_volume_or_patience_is_used_up(network, eventually, bound: str) -> None:
    boundaries(network, **{bound: 1})
    network.begin()
    network.login()
    url = network.internet_url(4)
    assert network.status(url).startswith("200")

    if bound == "volume_mb":
        network.curl("-o", "/dev/null", "--max-time", "8", network.internet_url(4, "/endless"))
        took = eventually(lambda: network.status(url).startswith("302"), 35)
        assert took < 35, "at most a round of half a minute later"
    else:
        for _ in range(2):  # who does something stays
            network.run(network.client, "sleep", "40")
            assert network.status(url).startswith("200")
        for _ in range(2):
            network.run(network.client, "sleep", "50")
        assert network.status(url).startswith("302")
