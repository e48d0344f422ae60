"""From a probe's record to observations and gaps. Pure: an auditor who has the record computes the same.

A record is what `looks.py` archives: the samples as they were taken, with the clock's state. One reader a kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import inf, isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from collectors.probes.radio import figures as radio
from collectors.probes.stamp import measure
from collectors.probes.stamp.session import Echo
from netops.metrics import metric
from netops.metrics.metric import Kind
from netops.model import OURS, Gap, Observation, Quality, Reason, Subject
from netops.sla.percentiles import nearest_rank

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from collectors.probes.stamp.measure import Figures, Way

NS_PER_MS = 1_000_000
DAY_MS = 86_400_000
MOST_SENT = 10_000  # packets of one look: what was not answered is counted out one by one
RULE = "probes.figures@1"
RTT = tuple(f"probe.rtt.p{rank}" for rank in measure.RANKS)  # gaps as well where no packet could even be sent
ONE_WAY = tuple(f"probe.delay_{way}.p{rank}" for way in ("there", "back") for rank in measure.RANKS)


@dataclass(slots=True)
class _Told:
    """What a record says, metric by metric."""

    values: dict[str, float | int | str] = field(default_factory=dict)
    gaps: dict[str, tuple[Reason, str]] = field(default_factory=dict)

    def say(self, name: str, value: float | str) -> None:
        self.values[name] = value

    def miss(self, reason: Reason, detail: str, *names: str) -> None:
        self.gaps.update((name, (reason, detail)) for name in names)

    def time(self, name: str, spent_ns: int | None) -> None:
        if spent_ns is not None:
            self.values[name] = spent_ns / NS_PER_MS


def read_any(record: object, *, device: str, vantage: str) -> tuple[list[Observation], list[Gap]] | None:
    """Return what `read` does, None of what is no record: a probe that was taken over hands in what it likes."""
    if not isinstance(record, dict) or record.get("kind") not in KINDS:
        return None
    try:
        return read(record, device=device, vantage=vantage)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError):
        return None


def read(record: Mapping[str, Any], *, device: str, vantage: str) -> tuple[list[Observation], list[Gap]]:
    """Return what one record of a target says, about the path `<vantage>/<target>`."""
    told = _Told()
    _READERS[str(record["kind"])](record, told)
    if record.get("blind") and told.values.get("probe.reached") != 1:
        told.values, names = {}, (*told.values, *told.gaps)
        told.miss(Reason.ANCHORS_LOST, "no anchor answered this vantage point", *names)
    told.say("probe.kind", str(record["kind"]))
    told.say("probe.role", "anchor" if record.get("anchor") else "target")
    if record.get("service"):
        told.say("probe.service", str(record["service"]))
    subject = Subject("path", f"{vantage}/{record['target']}")
    at_ms = int(record["at_ms"])
    rule = f"{RULE}.{record['kind']}"
    observations = [
        _observed(name, value, subject=subject, device=device, at_ms=at_ms, rule=rule)
        for name, value in told.values.items()
    ]
    gaps = [
        Gap(metric=name, subject=subject, device=device, at_ms=at_ms, reason=reason, detail=detail)
        for name, (reason, detail) in told.gaps.items()
        if name not in told.values
    ]
    return observations, gaps


def _observed(name: str, value: float | str, *, subject: Subject, device: str, at_ms: int, rule: str) -> Observation:
    entry = metric(name)
    if isinstance(value, str) != (entry.kind is Kind.TEXT) or (isinstance(value, float) and not isfinite(value)):
        raise ValueError(f"{name}: {value!r:.60}")
    sound = isinstance(value, str) or entry.within(value)
    return Observation(
        metric=name,
        subject=subject,
        device=device,
        at_ms=at_ms,
        value=value if sound else None,
        unit=entry.unit,
        raw=value if isinstance(value, (str, int)) else repr(value),
        oid="",
        rule=rule,
        quality=Quality.OK if sound else Quality.OUT_OF_RANGE,
    )


def reached(record: Mapping[str, Any]) -> bool:
    """Whether the target answered as it should."""
    observations, _ = read(record, device="", vantage="")
    return any(each.metric == "probe.reached" and each.value == 1 for each in observations)


def failed(record: Mapping[str, Any]) -> Reason | None:
    """Return why the record holds no answer, None when it does."""
    return Reason(record["failed"]) if "failed" in record else None


def _sent(record: Mapping[str, Any]) -> int:
    sent = record["sent"]
    if type(sent) is not int or not 0 <= sent <= MOST_SENT:
        raise ValueError(f"{sent!r:.60} packets sent; expected 0 to {MOST_SENT}")
    return sent


def _packets(record: Mapping[str, Any], told: _Told, figures: Figures) -> None:
    """Tell what ICMP and STAMP have in common: loss, round trip, its variation."""
    if not figures.sent:
        told.miss(Reason.DEADLINE, "no packet left", "probe.reached", "probe.loss", *RTT)
        return
    told.say("probe.reached", 1 if figures.answered else 0)
    told.say("probe.sent", figures.sent)
    told.say("probe.lost", figures.lost)
    told.say("probe.loss", float(figures.loss * 100))
    told.say("probe.duplicates", figures.duplicates + int(record.get("unkept", 0)))
    told.say("probe.reordered", figures.reordered)
    _way(told, figures, figures.round_trip, delays="probe.rtt", variation="probe.variation")
    clock = record["clock"]
    told.say("probe.clock.synchronised", int(bool(clock["synchronised"]) and not figures.stepped))


def _way(told: _Told, figures: Figures, way: Way, *, delays: str, variation: str) -> None:
    for rank in measure.RANKS:
        name = f"{delays}.p{rank}"
        found = way.percentile(rank)
        if way.invalid:
            told.miss(Reason.CLOCK, way.invalid, name)
        elif found is None or found == inf:
            told.miss(Reason.NO_ANSWER, "it falls among the lost packets", name)
        else:
            told.time(name, int(found))
    spread = way.spread()
    if spread is not None:
        told.time(variation, spread)
    elif figures.stepped:
        told.miss(Reason.CLOCK, "our clock stepped", variation)
    elif figures.lost:
        told.miss(Reason.NO_ANSWER, "no two packets in a row were answered", variation)
    else:  # nothing was lost, so it is no fault of the line
        told.miss(Reason.ROW_MISSING, "a single packet does not vary", variation)


def _icmp(record: Mapping[str, Any], told: _Told) -> None:
    if _absent(record, told, "probe.loss", *RTT):
        return
    echoes = [Echo(n, n, t1, t1, t1, t4, drift, ttl, 1, 1) for n, t1, t4, drift, ttl in record["echoes"]]
    _packets(record, told, measure.figures(echoes, sent=_sent(record), stateful=False, limit_ns=0))


def _stamp(record: Mapping[str, Any], told: _Told) -> None:
    if _absent(record, told, "probe.loss", *RTT, *ONE_WAY):
        return
    figures = stamp(record)
    _packets(record, told, figures)
    if not figures.sent:
        return
    _way(told, figures, figures.there, delays="probe.delay_there", variation="probe.variation_there")
    _way(told, figures, figures.back, delays="probe.delay_back", variation="probe.variation_back")
    if figures.answered:
        told.time("probe.clock.error", figures.error_ns)
        told.time("probe.held", int(nearest_rank([row[4] - row[3] for row in record["echoes"]], 95)))
        told.say("probe.clock.synchronised", int(figures.synchronised and not figures.stepped))
    seen_as = record.get("told", {}).get("location", {}).get("source")
    if seen_as:
        told.say("probe.seen_as", str(seen_as))
    if record["stateful"]:
        told.say("probe.lost_unplaced", figures.unplaced)
        arrived = figures.sent - figures.unplaced - (figures.there.lost or 0)
        _share(told, figures, "there", figures.there.lost, figures.sent - figures.unplaced)
        _share(told, figures, "back", figures.back.lost, arrived)


def stamp(record: Mapping[str, Any]) -> Figures:
    """Return the figures of a STAMP record, in nanoseconds."""
    echoes = [Echo(*row) for row in record["echoes"]]
    limit = int(record["limit_ns"])
    return measure.figures(echoes, sent=_sent(record), stateful=record["stateful"], limit_ns=limit)


def _share(told: _Told, figures: Figures, way: str, lost: int | None, among: int) -> None:
    if lost is None or among <= 0:
        # A reflector that began to count anew answered all the same: that places no packet, and has lost none.
        reason = Reason.ROW_MISSING if figures.answered else Reason.NO_ANSWER
        told.miss(reason, "nothing tells on which way it was lost", f"probe.lost_{way}", f"probe.loss_{way}")
        return
    told.say(f"probe.lost_{way}", lost)
    told.say(f"probe.loss_{way}", float(Fraction(lost * 100, among)))


def _tcp(record: Mapping[str, Any], told: _Told) -> None:
    if _absent(record, told, "probe.connect"):
        return
    told.say("probe.reached", 1)
    told.time("probe.connect", record["connect_ns"])


def _dns(record: Mapping[str, Any], told: _Told) -> None:
    if _absent(record, told, "probe.dns.time", "probe.dns.code", "probe.dns.answers"):
        return
    told.say("probe.reached", int(record["code"] == 0 and record["answers"] > 0))
    told.time("probe.dns.time", record["time_ns"])
    told.say("probe.dns.code", record["code"])
    told.say("probe.dns.answers", record["answers"])


def _http(record: Mapping[str, Any], told: _Told) -> None:
    _page(record, told)
    if _absent(record, told, "probe.first_byte", "probe.total", "probe.http.status"):
        return
    told.say("probe.reached", int(record["right"]))
    told.say("probe.http.status", record["status"])
    told.time("probe.total", record["total_ns"])


def _page(record: Mapping[str, Any], told: _Told) -> None:
    for name, key in (("probe.connect", "connect_ns"), ("probe.tls", "tls_ns"), ("probe.first_byte", "first_byte_ns")):
        told.time(name, record.get(key))
    said = record.get("certificate")
    if not said:
        return
    told.say("probe.certificate.trusted", int(bool(said["trusted"])))
    if "not_after_ms" in said:
        told.say("probe.certificate.days", (said["not_after_ms"] - record["at_ms"]) / DAY_MS)
    for name, key in (("probe.certificate.issuer", "issuer"), ("probe.certificate.digest", "sha256")):
        if key in said:
            told.say(name, said[key])


def _login(record: Mapping[str, Any], told: _Told) -> None:
    if _absent(record, told, "probe.login.success", "probe.login.time"):
        return
    stage = record["stage"]
    code = metric("probe.login.stage").code(stage)
    assert code is not None
    told.say("probe.login.stage", code)
    if stage == "already_online":  # nothing was asked of the portal: neither a success nor a failure
        told.miss(Reason.ROW_MISSING, "online without a login", "probe.login.success", "probe.login.time")
        return
    told.say("probe.reached", int(stage == "online"))
    told.say("probe.login.success", int(stage == "online"))
    if stage == "online":
        told.time("probe.login.time", record["time_ns"])
    else:
        told.miss(Reason.NO_ANSWER, record["detail"] or stage, "probe.login.time")


def _throughput(record: Mapping[str, Any], told: _Told) -> None:
    _page(record, told)
    if _absent(record, told, "probe.throughput", "probe.throughput.octets"):
        return
    told.say("probe.reached", int(200 <= record["status"] < 300))
    told.say("probe.throughput.octets", record["octets"])
    if record["octets"] and record["body_ns"] > 0 and 200 <= record["status"] < 300:
        told.say("probe.throughput", record["octets"] * 8e9 / record["body_ns"])
    else:
        told.miss(Reason.ERROR_STATUS, f"status {record['status']}", "probe.throughput")


def _air(record: Mapping[str, Any], told: _Told) -> None:
    if not _absent(record, told, "probe.air.points", "probe.air.signal"):
        radio.beacons(record, told)


def _dhcp(record: Mapping[str, Any], told: _Told) -> None:
    if not _absent(record, told, "probe.dhcp.servers", "probe.dhcp.strangers"):
        radio.dhcp(record, told)


def _absent(record: Mapping[str, Any], told: _Told, *names: str) -> bool:
    """Tell the gaps of a record without an answer; whether it is one."""
    reason = failed(record)
    if reason is None:
        return False
    detail = str(record.get("detail", ""))
    told.miss(reason, detail, *names)
    if reason in OURS:
        told.miss(reason, detail, "probe.reached")
    else:
        told.say("probe.reached", 0)
    return True


_READERS: Mapping[str, Callable[[Mapping[str, Any], _Told], None]] = MappingProxyType(
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
KINDS = tuple(_READERS)
