"""The way of one deduction: objective → incident → sealed hour → poll → raw chunk → the bytes that the device sent.

The first half is in the bundle alone (`way`); the second is in the instance that measured, as long as it keeps the raw
replies (`looks`). The chunk's digest stands in the ledger for ever, so that bytes from a copy can be held against it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from inventory import codec
from inventory.model import Contract
from netops.clock import iso
from netops.errors import StoreError, UsageError, nearest
from netops.evidence import canonical
from netops.evidence.members import CONTRACT, REGISTER, REPORT
from netops.metrics import METRICS
from netops.model import ANSWERED, Gap
from netops.raw import unframe
from netops.report import because
from netops.report.named import named
from netops.report.trace_words import say
from netops.report.words import worded
from netops.sla import hours, streams

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from netops.evidence.members import Bundle
    from netops.ledger_file import LedgerReader
    from netops.model import Observation
    from netops.raw import Archive
    from netops.report.words import Language
    from netops.store import Store
    from netops.store.values import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What a bundle says of one incident. `leaves` are the sealed hours that it lies in, `slots` its first and last."""

    objective: str
    verdict: str
    shown: str
    credit: str
    service: str
    start_ms: int
    end_ms: int
    cause: str
    because: str
    leaves: tuple[int, ...]
    slots: tuple[int, ...]
    device: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One poll of the incident: how it went, where its replies lie, the leaf that names them, what was read of them."""

    poll: str
    outcome: Outcome | None
    file: str
    digest: str
    leaf: int | None
    replies: bytes
    read: tuple[str, ...]


def way(bundle: Bundle, *, service: str, at_ms: int | None = None) -> Way:
    """Return the way of a service's incident at an instant (the first one if none is given); UsageError without one."""
    report = canonical.loads(bundle.member(REPORT))
    found = [each for each in _incidents(report) if each[3][0] == service]
    if not found:
        known = {row[0] for _, _, _, row in _incidents(report)}
        raise UsageError(f"service '{service}' has no incident in this bundle{nearest(service, known)}")
    held = [each for each in found if at_ms is None or each[3][1] <= at_ms < each[3][2]]
    if not held:
        spans = ", ".join(sorted({f"{iso(row[1])} – {iso(row[2])}" for _, _, _, row in found})[:10])
        raise UsageError(f"service '{service}' had no incident at {iso(at_ms or 0)}; its incidents: {spans}")
    # An objective that is owed for comes first: it is the deduction that somebody asks about.
    held.sort(key=lambda each: each[1]["credit"]["objective"] != each[2]["objective"])
    version, item, objective, (_, start, end, cause, because, _) = held[0]
    stream = _stream(bundle, version, item["item"], objective["objective"])
    leaves, step = _hours(bundle, stream, start, end)
    told = next(each for each in json.loads(bundle.member(REGISTER))["services"] if each["id"] == service)
    owes = item["credit"]["objective"] == objective["objective"]
    return Way(
        objective=named(item, objective),
        verdict=objective["verdict"],
        shown=objective["shown"],
        credit=f"{item['credit']['amount']} {report['credit']['currency']}" if owes else "",
        service=service,
        start_ms=start,
        end_ms=end,
        cause=cause,
        because=because,
        leaves=leaves,
        slots=tuple(sorted({-(-start // step) * step, (end - 1) // step * step})),
        device=told["device"],
        subject=told["subject"],
    )


def looks(given: Way, *, store: Store, archive: Archive, ledger: LedgerReader) -> Iterator[Look]:
    """Yield the polls of the first and the last slot; one whose replies are no longer kept says so."""
    for slot in given.slots:
        poll = f"{given.device}@{slot}"
        outcomes = store.outcomes(start_ms=slot, end_ms=slot + 1, device=given.device)
        outcome = outcomes[0] if outcomes else None
        try:
            file, digest, replies = archive.traced(poll)
        except StoreError as error:
            yield Look(poll=poll, outcome=outcome, file="", digest="", leaf=None, replies=b"", read=(str(error),))
            continue
        leaf = next((each.index for each in ledger.find("raw_chunk") if each.fact.body["digest"] == digest), None)
        yield Look(
            poll=poll,
            outcome=outcome,
            file=file,
            digest=digest,
            leaf=leaf,
            replies=replies,
            read=tuple(_read(given, outcome, replies)),
        )


def told(given: Way, seen: Iterable[Look], language: Language = "en") -> Iterator[str]:
    """Yield the way as lines, from what is owed to the bytes."""
    span = {"start": iso(given.start_ms), "end": iso(given.end_ms)}
    word = {"cause": given.cause, "because": given.because, "verdict": given.verdict}
    if language == "zh":
        word = {name: because.said(worded(each, language), language) for name, each in word.items()}
    owed = say("owes", language, credit=given.credit) if given.credit else say("owes_nothing", language)
    verdict = {"verdict": word.pop("verdict"), "shown": given.shown or "?", "owed": owed}
    yield say("deduction", language, objective=given.objective, **verdict)
    yield say("incident", language, service=given.service, **span, **word)
    yield say("sealed", language, leaves=", ".join(map(str, given.leaves)))
    subject = say("subject", language, subject=given.subject) if given.subject else ""
    yield say("seen", language, device=given.device) + subject
    for each in seen:
        yield say("poll", language, poll=each.poll, outcome=_went(each.outcome, language))
        if each.digest:
            stands = say("no_leaf", language) if each.leaf is None else say("leaf", language, leaf=each.leaf)
            yield say("chunk", language, file=each.file, digest=each.digest, stands=stands)
            whole = {"octets": len(each.replies), "whole": sha256(each.replies).hexdigest()}
            yield say("bytes", language, count=len(unframe(each.replies)), **whole)
        for line in each.read:
            yield say("read", language, line=line)


def owed(given: Way, language: Language = "en") -> Iterator[str]:
    """Yield what the city must produce, beside the bundle, so that anybody can follow the way to its end."""
    for slot in given.slots:
        yield say("ask", language, poll=f"{given.device}@{slot}")
        yield say("ask_more", language)


def _incidents(
    report: Mapping[str, Any],
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any], list[Any]]]:
    for part in report["parts"]:
        for item in part["items"]:
            for each in item["objectives"]:
                for row in each["incidents"]["rows"]:
                    yield part["version"], item, each, row


def _stream(bundle: Bundle, version: str, item: str, objective: str) -> str:
    """Return the name of the hours that an objective was judged by; UsageError where no reply stands behind them."""
    texts = [json.dumps(each) for each in json.loads(bundle.member(CONTRACT)) if each["version"] == version]
    contract = codec.decode("contract", texts[0])
    assert isinstance(contract, Contract)
    sold = next(each for each in contract.items if each.id == item)
    stream = streams.stream(next(each for each in sold.objectives if each.id == objective))
    if stream is None:
        return ""
    if stream.probed or stream.counted:
        raise UsageError(
            f"objective {item}/{objective} rests on {stream.metric}, which no device replied; "
            "its slots are on the page of the service, and in the sealed hours"
        )
    return stream.name


def _hours(bundle: Bundle, stream: str, start_ms: int, end_ms: int) -> tuple[tuple[int, ...], int]:
    """Return the leaves of the hours that an incident lies in, and the distance of their slots in ms."""
    found, step = [], 1
    for index, data in bundle.leaves():
        fact = json.loads(data)["fact"]
        body = fact["body"]
        if fact["kind"] != hours.KIND or body.get("stream", "") != stream:
            continue
        if body["start_ms"] < end_ms and start_ms < body["end_ms"]:
            found.append(index)
            step = body["step_ms"]
    return tuple(found), step


def _went(outcome: Outcome | None, language: Language) -> str:
    if outcome is None:
        return say("forgotten", language)
    word = "answered" if outcome.outcome == ANSWERED else "went"
    said = because.said(outcome.outcome, language) if language == "zh" else outcome.outcome
    return say(word, language, outcome=said, profile=outcome.profile or "—")


def _read(given: Way, outcome: Outcome | None, replies: bytes) -> Iterator[str]:
    """Yield what the device's profile reads of the service in the replies: by which rule, of which raw value."""
    decode = next((each.load() for each in entry_points(group="netops.decoders") if each.name == "snmp"), None)
    if decode is None or outcome is None or outcome.outcome != ANSWERED:
        return
    metric = given.because.partition("=")[0]
    for each in decode(given.device, outcome, replies):
        if given.subject and str(each.subject) != given.subject:
            continue
        if each.metric != metric and metric.count("."):
            continue
        yield f"{each.subject} {each.metric} = {each.detail if isinstance(each, Gap) else _value(each)}"


def _value(each: Observation) -> str:
    """Return a value with the name of its state, what stood in the reply, and the rule that read it."""
    metric = METRICS.get(each.metric)
    state = metric.state(each.value) if metric and isinstance(each.value, (int, float)) else None
    name = f" {state.name}" if state else ""
    return f"{each.value}{name} (raw {each.raw}, {each.rule}, {each.oid})"
