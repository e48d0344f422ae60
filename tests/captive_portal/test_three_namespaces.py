"""The whole gateway with a real kernel: client, gateway and internet in three network namespaces, IPv4 and IPv6."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from captive_portal.gateways.nftables import Nftables
from captive_portal.model import Bounds, Client
from netops.clock import SYSTEM
from netops.config import load

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.root, pytest.mark.partner("nft", "ip", "curl", "dnsmasq"), pytest.mark.timeout(120)]

MAC, OTHER_MAC = "02:11:22:33:44:55", "02:11:22:33:44:66"
CLIENT4, CLIENT6, LATER6 = "10.77.0.10", "fd77::10", "fd77::abcd"
GATEWAY4, GATEWAY6 = "10.77.0.1", "fd77::1"
INTERNET4, INTERNET6 = "203.0.113.2", "2001:db8:113::2"
PORTAL = "http://portal.test/"


def test_before_login_everything_is_captured_or_refused_and_nothing_passes(city) -> None:
    for version, host in ((4, INTERNET4), (6, f"[{INTERNET6}]")):
        assert city.status(f"http://{host}/generate_204", version=version) == f"302 {PORTAL}"
        assert city.status(f"http://{host}/some/page", version=version) == f"302 {PORTAL}"

        refused = city.curl(f"https://{host}/", version=version)
        assert refused.returncode == 7, "443 is refused at once, never answered by somebody else"

    for host in (INTERNET4, INTERNET6):
        assert "got it" not in _datagram(city, host)
        assert not _echo(city, host)


def test_the_input_chain_lets_visitors_reach_portal_and_resolver_only(city) -> None:
    city.start("other", city.gateway, *_listener(9999))

    for version, host in ((4, GATEWAY4), (6, f"[{GATEWAY6}]")):
        assert city.status(f"http://{host}:9999/", version=version) == "exit 7"
        assert city.status(PORTAL, version=version).startswith("200")
        assert not _echo(city, host.strip("[]"))
    assert city.run(city.internet, "curl", "-s", "--max-time", "3", "http://203.0.113.1:9999/").stdout


def test_a_click_without_cookies_and_scripts_opens_both_families_and_logout_closes_them(city) -> None:
    city.status(PORTAL, version=6)  # the phone has used IPv6, so the neighbour table knows its address

    answer = city.login()

    assert answer.stdout.strip() == f"303 {PORTAL}"
    assert city.curl(city.internet_url(4)).stdout == f"internet ::ffff:{CLIENT4}\n"
    assert city.curl(city.internet_url(6), version=6).stdout == f"internet {CLIENT6}\n"
    assert city.status(city.internet_url(4, "/generate_204")) == "204", "after login no probe is touched"
    assert city.curl(f"https://{INTERNET4}/").returncode != 7, "443 passes"
    assert "got it" in _datagram(city, INTERNET4)
    page = city.curl(PORTAL).stdout
    assert "您已上网" in page
    assert _echo(city, INTERNET4)
    assert _echo(city, INTERNET6)

    _press(city, page, "logout")

    assert city.status(city.internet_url(4)) == f"302 {PORTAL}"
    assert city.status(city.internet_url(6), version=6) == f"302 {PORTAL}"


def test_the_same_address_with_another_mac_is_another_client(city) -> None:
    city.login()
    assert city.status(city.internet_url(4)).startswith("200")

    city.run(city.client, "ip", "link", "set", "eth0", "address", OTHER_MAC)
    city.run(city.client, "ip", "-6", "address", "replace", f"{CLIENT6}/64", "dev", "eth0", "nodad")
    city.route_client()

    assert city.status(city.internet_url(4)) == f"302 {PORTAL}"
    assert city.status(city.internet_url(6), version=6) == f"302 {PORTAL}"


def test_an_address_that_comes_later_is_let_in_without_a_tap(city, eventually: Callable[..., float]) -> None:
    city.login()
    city.run(city.client, "ip", "-6", "address", "add", f"{LATER6}/64", "dev", "eth0", "nodad")
    source = ("--interface", LATER6)

    first = city.curl(*source, "-o", "/dev/null", "-w", "%{http_code}", city.internet_url(6), version=6)
    assert first.stdout == "302", "a new address is not in the kernel yet"
    eventually(lambda: city.curl(*source, city.internet_url(6), version=6).stdout == f"internet {LATER6}\n")


def test_the_kernel_ends_a_session_by_itself(city, eventually: Callable[..., float]) -> None:
    city.login()
    settings = load(city.settings_file, environ={})
    with Nftables(settings, SYSTEM) as gate:
        known = tuple(each.client.addresses[0] for each in gate.admitted())
        began = SYSTEM.monotonic()
        gate.allow(Client(mac=MAC, interface=city.visitor, addresses=known), Bounds(seconds=2))
        assert city.status(city.internet_url(4)).startswith("200")

        eventually(lambda: city.status(city.internet_url(4)) == f"302 {PORTAL}")

        assert SYSTEM.monotonic() - began > 1.9, "not before its time; how much later is the load of the machine"
        assert gate.admitted() == []


def test_revoking_cuts_a_running_download_at_once(city, eventually: Callable[..., float]) -> None:
    city.login()
    target = city.folder / "download"
    fetch = ["ip", "netns", "exec", city.client, "curl", "-sN", "-o", str(target), city.internet_url(4, "/endless")]
    with subprocess.Popen(fetch) as download:
        eventually(lambda: target.exists() and target.stat().st_size > 50_000)
        page = city.curl(PORTAL).stdout
        _press(city, page, "logout")

        size = target.stat().st_size
        with pytest.raises(subprocess.TimeoutExpired):
            download.wait(1.5)  # the connection is dead, not closed
        grown = target.stat().st_size - size
        download.kill()

    assert grown < 20_000, "at 200 kB/s a second and a half would be 300 kB"


def test_dns_before_login_is_answered_by_our_resolver_and_too_slow_for_a_tunnel(city) -> None:
    for host in ("8.8.8.8", "2001:4860:4860::8888"):
        city.run(city.gateway, "nft", "flush", "set", "inet", "netops_portal", "asking")
        told = city.ask_resolver(host, 3.0)

        assert told["asked"] > 300
        assert 20 <= told["answered"] <= 40 + 2 * 4
        assert told["octets"] / 3 < 2048

    city.login()
    free = city.ask_resolver(GATEWAY4, 1.0)
    assert free["answered"] > 150, "who is logged in is not slowed"


def test_dns_over_tcp_is_nobodys_way_out_before_login(city) -> None:
    """A stream has no length that could be bounded: a tunnel's dream."""
    program = (
        "import socket, sys\nask = bytes.fromhex('001e123401000001000000000000077669736974656404746573740000010001')\n"
        "try:\n    with socket.create_connection((sys.argv[1], 53), 2) as link:\n"
        "        link.sendall(ask); print(len(link.recv(512)))\nexcept OSError as error: print('shut')"
    )

    def asked(host: str) -> str:
        return city.run(city.client, "python3", "-c", program, host).stdout.strip()

    assert [asked(host) for host in (GATEWAY4, GATEWAY6, "8.8.8.8", "2001:4860:4860::8888")] == ["shut"] * 4
    city.login()
    assert int(asked(GATEWAY4)) > 12, "who is logged in may ask in a long way"


def test_one_device_cannot_hold_all_of_the_portals_connections(city) -> None:
    program = (
        "import socket\nheld, refused = [], 0\n"
        "for _ in range(60):\n"
        "    try: held.append(socket.create_connection(('10.77.0.1', 80), 2))\n"
        "    except OSError: refused += 1\n"
        "print(len(held), refused)"
    )

    held, refused = map(int, city.run(city.client, "python3", "-c", program).stdout.split())

    assert 35 <= held <= 41
    assert refused == 60 - held
    assert city.status(PORTAL).startswith("200"), "once they are closed the page is there again"


def test_a_killed_portal_throws_nobody_out_and_knows_them_again(city, eventually: Callable[..., float]) -> None:
    city.login()
    city.stop("portal", signal.SIGKILL)
    assert city.status(city.internet_url(4)).startswith("200")

    city.start_portal()

    assert city.status(city.internet_url(4)).startswith("200")
    assert "您已上网" in city.curl(PORTAL).stdout


def test_who_is_in_the_kernel_without_a_record_is_put_out_at_start(city, eventually: Callable[..., float]) -> None:
    city.stop("portal", signal.SIGKILL)
    settings = load(city.settings_file, environ={})
    with Nftables(settings, SYSTEM) as gate:
        gate.allow(Client(mac=MAC, interface=city.visitor, addresses=(CLIENT4,)), Bounds(seconds=600))
        assert city.status(city.internet_url(4)).startswith("200")

        city.start_portal()

        assert gate.admitted() == []
    assert city.status(city.internet_url(4)) == f"302 {PORTAL}"


def test_a_restarted_gate_keeps_the_sets_and_a_flushed_firewall_is_filled_again(
    city, eventually: Callable[..., float]
) -> None:
    city.login()
    city.stop("gate")
    assert city.status(city.internet_url(4)).startswith("200"), "stopping the gate throws nobody out"
    city.start_gate()
    assert city.status(city.internet_url(4)).startswith("200")

    city.nft("delete", "table", "inet", "netops_portal")
    eventually(lambda: "netops_portal" in city.nft("list", "tables"), 3)
    eventually(lambda: '"born"' in city.nft("-j", "list", "sets") and MAC in city.nft("list", "ruleset"), 10)
    assert city.status(city.internet_url(4)).startswith("200")


def test_a_login_while_the_gate_is_away_fails_closed_with_a_page(city) -> None:
    city.stop("gate", signal.SIGKILL)

    answer = city.login()

    assert answer.stdout.startswith("503")
    assert city.status(city.internet_url(4)) == f"302 {PORTAL}"


def _press(city, page: str, where: str) -> None:
    token = page.partition('name="token" value="')[2].partition('"')[0]
    done = city.curl("-o", "/dev/null", "-w", "%{http_code}", "-d", f"token={token}", f"{PORTAL}{where}")
    assert done.stdout == "303"


def _datagram(city, host: str) -> str:
    program = (
        "import socket,sys; six = ':' in sys.argv[1];"
        "s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM);"
        "s.settimeout(1); s.connect((sys.argv[1], 9)); s.send(b'hi'); print(s.recv(99))"
    )
    return str(city.run(city.client, "python3", "-c", program, host, check=False).stdout)


def _echo(city, host: str) -> bool:
    """Whether an ICMP echo is answered; the identifier and checksum are the kernel's (a ping socket)."""
    program = (
        "import socket,sys; six = ':' in sys.argv[1];"
        "s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM,"
        " socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP); s.settimeout(1); s.connect((sys.argv[1], 0));"
        "s.send(bytes([128 if six else 8, 0, 0, 0, 0, 0, 0, 1]) + b'hello'); print(s.recv(99)[-5:])"
    )
    city.run(city.client, "sysctl", "-qw", "net.ipv4.ping_group_range=0 0")
    return "hello" in city.run(city.client, "python3", "-c", program, host, check=False).stdout


def _listener(port: int) -> tuple[str, ...]:
    program = (
        "import http.server,socket\n"
        "class D(http.server.HTTPServer): address_family = socket.AF_INET6\n"
        f"s = D(('::', {port}), http.server.SimpleHTTPRequestHandler)\nprint('READY', flush=True)\ns.serve_forever()\n"
    )
    return ("python3", "-c", program)
