"""One look at one target: settings in, record out. The edge that knows every kind; nothing is raised above it."""

from __future__ import annotations

import ipaddress
import json
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from collectors.probes import clocks, dns, icmp, logging_in, sockets, tcp, throughput, web
from collectors.probes.radio import figures as radio
from collectors.probes.radio import listening
from collectors.probes.stamp import sending, tlv
from collectors.probes.streams import Pace
from netops.errors import NetopsError
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from collectors.probes.clocks import ClockState
    from netops.probing import Target

NS_PER_MS = 1_000_000
PINGS, PACKETS = 5, 20
RECORD_OCTETS = 384 * 1024
STAMP_PORT = 862


class _Around:
    """What a look needs beside its target."""

    __slots__ = ("account", "clock", "name")

    def __init__(self, name: str, clock: Callable[[], ClockState], account: Path) -> None:
        self.name = name
        self.clock = clock
        self.account = account


def look(
    name: str, target: Target, *, account: Path, clock: Callable[[], ClockState] = clocks.kernel
) -> dict[str, Any]:
    """Look at the target called `name` and return the record; what we cannot do ourselves stands in it as ours."""
    at = sockets.instant()
    said = {"target": name, "kind": target.kind, "service": target.service, "anchor": target.anchor}
    try:
        return _bounded(LOOKS[target.kind](target, _Around(name, clock, account)) | said)
    except NetopsError as error:
        wrong = {"failed": Reason.NO_ADDRESS.value, "detail": str(error)[:200]}
    except OSError as error:  # no route, say
        wrong = {"failed": tcp.reason(error).value, "detail": str(error)[:200]}
    return {"at_ms": at.wall_ns // NS_PER_MS, "clock": clock().record(), **wrong, **said}


def _bounded(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record, without what it holds where that is too much: it would take the others' of its slot along."""
    octets = len(json.dumps(record))
    if octets <= RECORD_OCTETS:
        return record
    about = {name: record[name] for name in ("target", "kind", "service", "anchor", "at_ms", "clock") if name in record}
    return about | {"failed": Reason.PROTOCOL_FAULT.value, "detail": f"what came fills a record of {octets} octets"}


def unlooked(name: str, target: Target, *, at_ms: int, reason: Reason, detail: str) -> dict[str, Any]:
    """Return the record of a look that was not made, or whose end nobody saw."""
    said = {"target": name, "kind": target.kind, "service": target.service, "anchor": target.anchor}
    return {"at_ms": at_ms, "failed": reason.value, "detail": detail, **said}


def _icmp(target: Target, around: _Around) -> dict[str, Any]:
    pace = Pace(count=target.count or PINGS, spacing_ms=target.spacing_ms, timeout_s=target.timeout_s)
    return icmp.run(target.address, pace, interface=target.interface, dscp=target.dscp, clock=around.clock)


def _stamp(target: Target, around: _Around) -> dict[str, Any]:
    plan = sending.Plan(
        address=target.address,
        port=target.port or STAMP_PORT,
        pace=Pace(count=target.count or PACKETS, spacing_ms=target.spacing_ms, timeout_s=target.timeout_s),
        interface=target.interface,
        key=target.key.read().encode() if target.key is not None else None,
        dscp=target.dscp,
        tlvs=_tlvs(target),
    )
    bounds = {"stateful": target.stateful, "limit_ns": int(target.clock_error_ms * NS_PER_MS)}
    return sending.run(plan, clock=around.clock) | bounds


def _tlvs(target: Target) -> bytes:
    asked = tlv.location() + tlv.timestamp() + tlv.service(target.dscp) if target.ask else b""
    return asked + (tlv.padding(target.padding) if target.padding else b"")


def _tcp(target: Target, around: _Around) -> dict[str, Any]:
    how = {"timeout_s": target.timeout_s, "interface": target.interface}
    return tcp.run(target.address, target.port, clock=around.clock, **how)  # type: ignore[arg-type]


def _dns(target: Target, around: _Around) -> dict[str, Any]:
    return dns.run(
        target.address,
        target.name,
        target.type,
        port=target.port or dns.PORT,
        timeout_s=target.timeout_s,
        interface=target.interface,
        clock=around.clock,
    )


def _http(target: Target, around: _Around) -> dict[str, Any]:
    at = sockets.instant()
    page = web.fetch(target.url, _way(target))
    status, _, text = (target.expect or "200").partition(" ")
    right = str(page.status) == status and text.encode() in page.body
    made = {"at_ms": at.wall_ns // NS_PER_MS, "monotonic_ms": at.monotonic_ns // NS_PER_MS}
    return made | {"clock": around.clock().record(), "right": right} | page.record()


def _login(target: Target, around: _Around) -> dict[str, Any]:
    voucher = target.voucher.read() if target.voucher is not None else ""
    return logging_in.run(target.url, _way(target), expect=target.expect, voucher=voucher, clock=around.clock)


def _throughput(target: Target, around: _Around) -> dict[str, Any]:
    now_ms = sockets.instant().wall_ns // NS_PER_MS
    account = throughput.read(around.account)
    run, daily = target.bytes_per_run, target.bytes_per_day
    account, granted = account.grant(around.name, now_ms=now_ms, run=run, daily=daily)
    if granted:
        try:
            throughput.write(around.account, account)
        except OSError as error:
            wrong = f"the account of octets cannot be kept ({error.strerror}): nothing is fetched"
            return {
                "at_ms": now_ms,
                "clock": around.clock().record(),
                "failed": Reason.DISK_FULL.value,
                "detail": wrong,
            }
    made = throughput.run(target.url, _way(target), granted=granted, clock=around.clock)
    if granted:
        with suppress(OSError):  # what is not given back stays spent
            back = account.give_back(around.name, granted=granted, used=int(made["octets"]))
            throughput.write(around.account, back)
    return made


def _air(target: Target, around: _Around) -> dict[str, Any]:
    heard = listening.beacons(target.url.removeprefix("file:"), timeout_s=target.timeout_s, clock=around.clock)
    return radio.only_ours(heard, target.expect)


def _dhcp(target: Target, around: _Around) -> dict[str, Any]:
    heard = listening.dhcp(target.interface, timeout_s=target.timeout_s, clock=around.clock)
    return heard | {"heard": heard["heard"][: radio.OFFERS], "asked": list(radio.wanted(target.expect))}


def _way(target: Target) -> web.Way:
    return web.Way(
        timeout_s=target.timeout_s,
        interface=target.interface,
        resolver=target.address,
        ca=target.ca,
        local=_is_local(urlsplit(target.url).hostname or ""),
    )


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


LOOKS: Mapping[str, Callable[[Target, _Around], dict[str, Any]]] = MappingProxyType(
    {
        "icmp": _icmp,
        "tcp": _tcp,
        "dns": _dns,
        "http": _http,
        "stamp": _stamp,
        "login": _login,
        "throughput": _throughput,
        "air": _air,
        "dhcp": _dhcp,
    }
)
