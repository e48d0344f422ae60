"""What `netops check` says about the probes: targets that cannot be looked at, services that nobody bought."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from collectors.errors import CollectorError
from collectors.probes import calling, dns, figures, handing, looks, reflector
from netops.checks import Problem
from netops.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inventory.snapshot import Snapshot
    from netops.config import Settings
    from netops.probing import Target

LEAST_ANCHORS = 2  # sla.md 2.6
MOST_PACKETS = 2000
MOST_PADDING = 1200
ECHO_OCTETS, LOOK_OCTETS = 130, 1500  # of a record: one packet's times; the rest
_BY_ADDRESS = frozenset({"icmp", "tcp", "dns", "stamp"})
_BY_URL = frozenset({"http", "login", "throughput"})


def check(settings: Settings, snapshot: Snapshot) -> list[Problem]:
    """Return every problem of [probe]."""
    found: list[Problem] = []
    services = {each.id for each in snapshot.services}
    for name, target in settings.probe.targets.items():
        where = next((w for key, w in settings.origin.items() if key.startswith(f"probe.targets.{name}.")), "settings")
        for what, remedy in wrong(target, settings.probe.interval_s):
            found.append(Problem(where, f"probe.targets.{name}: {what}", remedy))
        if target.anchor and target.service:
            what = f"probe.targets.{name}: is an anchor of service '{target.service}'; with it the sight on it is lost"
            found.append(Problem(where, what, "an anchor does not hang on what is judged: leave out one of the two"))
        if target.service and target.service not in services:
            remedy = nearest(target.service, services).removeprefix("; ") or "name a service of the register"
            found.append(Problem(where, f"probe.targets.{name}: there is no service '{target.service}'", remedy))
    return found + list(_of_all(settings))


def wrong(target: Target, interval_s: int) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a target, each with its remedy."""
    if target.kind not in figures.KINDS:
        yield f"kind '{target.kind}' is unknown", f"one of {', '.join(figures.KINDS)}"
        return
    if target.kind in _BY_ADDRESS and not _numeric(target.address):
        yield f"address '{target.address}' is no numeric address", "one such as 192.0.2.1; names are what dns probes"
    elif target.address and _needs_link(target):
        yield f"address '{target.address}' is of a link, and of which is not said", "write fe80::1%eth0, or interface"
    if target.kind in _BY_URL and not _url(target.url):
        yield f"url '{target.url}' is none", "http:// or https:// with a host"
    if target.kind == "tcp" and not 0 < target.port < 65_536:
        yield "a tcp target needs a port", "set port = 443, say"
    if target.kind == "dns":
        try:
            dns.query(0, target.name, target.type)
        except CollectorError as error:
            yield str(error), "a name such as www.example.com"
    if not 0 <= target.count <= MOST_PACKETS or target.spacing_ms < 1:
        yield f"count {target.count} every {target.spacing_ms:g} ms", f"at most {MOST_PACKETS}, at least 1 ms apart"
    if not 0 <= target.padding <= MOST_PADDING:
        yield f"padding of {target.padding} octets", f"0 to {MOST_PADDING}: a fragment lost is a packet lost"
    if target.every_s % interval_s:
        yield f"every_s is {target.every_s}", f"a multiple of probe.interval_s, which is {interval_s}"
    if _seconds(target) > interval_s * 0.8:
        yield f"one look may take {_seconds(target):g} s of a slot of {interval_s} s", "fewer packets, or a longer slot"
    if target.kind in {"air", "dhcp"} and not target.expect:
        yield "expect is empty", "name the SSIDs that were bought, or the DHCP servers that belong here"
    if (target.kind == "air" and not target.url) or (target.kind == "dhcp" and not target.interface):
        yield "it says not where to listen", "air: url = the capture's file; dhcp: interface"
    if target.kind == "throughput" and not 0 < target.bytes_per_run <= target.bytes_per_day:
        yield "it has no budget: nothing is fetched", "set bytes_per_run and bytes_per_day"


def _packets(target: Target) -> int:
    """Return how many packets a look sends whose times are archived."""
    usual = {"icmp": looks.PINGS, "stamp": looks.PACKETS}.get(target.kind, 0)
    return (target.count or usual) if usual else 0


def _seconds(target: Target) -> float:
    return _packets(target) * target.spacing_ms / 1000 + target.timeout_s


def _of_all(settings: Settings) -> Iterator[Problem]:
    probe = settings.probe
    if probe.core_url:
        yield from _way_to_the_core(settings)
    where = settings.origin.get("probe.interval_s", "settings")
    anchors = {each.address or urlsplit(each.url).hostname for each in probe.targets.values() if each.anchor}
    if probe.targets and len(anchors) < LEAST_ANCHORS:
        what = f"{len(anchors)} independent anchors among the probe's targets; expected at least {LEAST_ANCHORS}"
        yield Problem(where, what, "set anchor = true on two targets that are not of one carrier")
    if probe.reflect_host:
        try:
            if not reflector.networks(probe.reflect_allow):
                yield Problem(where, "probe.reflect_allow is empty: the reflector answers nobody", "name networks")
        except ConfigError as error:
            yield Problem(where, str(error), "write networks such as 192.0.2.0/24,2001:db8::/32")


def _way_to_the_core(settings: Settings) -> Iterator[Problem]:
    where, vantage = settings.origin.get("probe.core_url", "settings"), settings.probe.vantage
    try:
        calling.check_url(settings.probe.core_url)
    except ConfigError as error:
        yield Problem(where, str(error), "write the address of the core's intake")
    octets = sum(LOOK_OCTETS + _packets(each) * ECHO_OCTETS for each in settings.probe.targets.values())
    if octets > handing.BODY_OCTETS:
        what = f"the records of one slot may have {octets // 1024} KiB; one that is handed in has at most "
        remedy = "fewer packets or targets, or a second vantage point"
        yield Problem(where, f"{what}{handing.BODY_OCTETS // 1024} KiB", remedy)
    if not handing.VANTAGE.fullmatch(vantage):
        what = f"probe.core_url is set and probe.vantage is '{vantage}'"
        yield Problem(where, what, "give this vantage point the id that it was enrolled with, such as site-7")


def _numeric(address: str) -> bool:
    try:
        ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return True


def _needs_link(target: Target) -> bool:
    """Whether an address of one link alone (fe80::/10) comes without the name of the link."""
    address, _, link = target.address.partition("%")
    try:
        return ipaddress.ip_address(address).is_link_local and ":" in address and not (link or target.interface)
    except ValueError:
        return False


def _url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
