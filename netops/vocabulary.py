"""The closed vocabulary of the ledger: every kind of fact with its fields, and what each field may be.

To add a kind: one entry in `_VOCABULARY`, one row in `docs/explanation/evidence.md` (a test compares the two).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.evidence import canonical

if TYPE_CHECKING:
    from collections.abc import Callable

_HEX = frozenset("0123456789abcdef")

# ---- what a field may be: each returns whether a value is so, and says in its docstring what was expected


def instant(value: object) -> bool:
    """Expect integer milliseconds UTC, from 1970 and before the year 9999."""
    return type(value) is int and 0 <= value < canonical.LATEST_MS


def _count(value: object) -> bool:
    """Expect a whole number from 0."""
    return type(value) is int and 0 <= value <= canonical.MAX_INTEGER


def _whole(value: object) -> bool:
    """Expect a whole number."""
    return type(value) is int and abs(value) <= canonical.MAX_INTEGER


def _finite(value: object) -> bool:
    """Expect a finite number."""
    return type(value) in {int, float}


def _name(value: object) -> bool:
    """Expect a name: 1 to 200 characters without control characters."""
    return type(value) is str and 0 < len(value) <= 200 and value.isprintable()


def _text(value: object) -> bool:
    """Expect a text of at most 4,000 characters."""
    return type(value) is str and len(value) <= 4000


def _digest(value: object) -> bool:
    """Expect a SHA-256 in 64 lower-case hex digits."""
    return type(value) is str and len(value) == 64 and _HEX.issuperset(value)


def _exact(value: object) -> bool:
    """Expect an exact number as text: '99.95' or '19993/20000'."""
    if type(value) is not str or not value.isascii() or len(value) > 4000:
        return False
    top, slash, bottom = value.removeprefix("-").partition("/")
    if slash:
        return top.isdigit() and bottom.isdigit() and bottom.strip("0") != ""
    whole, point, fraction = top.partition(".")
    return whole.isdigit() and (fraction.isdigit() if point else True)


def _names(value: object) -> bool:
    """Expect a list of names."""
    return type(value) is list and all(map(_name, value))


def _subject(value: object) -> bool:
    """Expect an object of kind and id."""
    return type(value) is dict and set(value) == {"kind", "id"} and all(map(_name, value.values()))


def _digests(value: object) -> bool:
    """Expect an object of names to SHA-256 digests."""
    return type(value) is dict and all(map(_name, value)) and all(map(_digest, value.values()))


def _counts(value: object) -> bool:
    """Expect an object of names to whole numbers from 0."""
    return type(value) is dict and all(map(_name, value)) and all(map(_count, value.values()))


def _texts(value: object) -> bool:
    """Expect a list of texts of at most 4,000 characters."""
    return type(value) is list and all(map(_text, value))


def _terms(value: object) -> bool:
    """Expect an object of names to texts, instants or lists of texts."""
    return (
        type(value) is dict
        and all(map(_name, value))
        and all(_text(each) or instant(each) or _texts(each) for each in value.values())
    )


STATES = frozenset({"up", "degraded", "down", "unknown"})
CAUSES = frozenset(
    {
        "none",
        "carrier",
        "city",
        "power_or_third_party",
        "force_majeure",
        "planned",
        "monitor",
        "undetermined",
    }
)
_RUN_STATES = frozenset(map(str.upper, STATES))
_RUN_CAUSES = CAUSES - {"none"} | {""}


def _runs(value: object) -> bool:
    """Expect a list of [first slot, count, state, cause, because], ordered and disjoint (netops/sla/hours.py)."""
    if type(value) is not list:
        return False
    at = 0
    for run in value:
        if type(run) is not list or len(run) != 5 or not (_count(run[0]) and _count(run[1])):
            return False
        if run[0] < at or not run[1] or run[2] not in _RUN_STATES or run[3] not in _RUN_CAUSES or not _text(run[4]):
            return False
        at = run[0] + run[1]
    return True


def _groups(value: object) -> bool:
    """Expect a list of [runs, [[first position in the roster, count], …]]."""
    return type(value) is list and all(
        type(group) is list and len(group) == 2 and _runs(group[0]) and _ranges(group[1]) for group in value
    )


def _ranges(value: object) -> bool:
    return type(value) is list and all(
        type(each) is list and len(each) == 2 and _count(each[0]) and _count(each[1]) for each in value
    )


def _rows(value: object) -> bool:
    """Expect a list of [service, item, weight], ordered by service."""
    if type(value) is not list:
        return False
    before = ""
    for row in value:
        if type(row) is not list or len(row) != 3 or not (_name(row[0]) and _name(row[1]) and _exact(row[2])):
            return False
        if row[0] <= before:
            return False
        before = row[0]
    return True


def _zoned(value: object) -> bool:
    """Expect a list of [cell, area, surface in square decimetres]."""
    return type(value) is list and all(
        type(row) is list and len(row) == 3 and _name(row[0]) and _name(row[1]) and _count(row[2]) and row[2] > 0
        for row in value
    )


def _measured(value: object) -> bool:
    """Expect a list of [cell, hour, samples, silent, sum of levels, rated, sum of qualities]."""
    return type(value) is list and all(
        type(row) is list
        and len(row) == 7
        and _name(row[0])
        and all(map(_whole, row[1:]))
        and row[1] >= 0
        and 0 <= row[3] <= row[2]
        and 0 <= row[5] <= row[2] - row[3]
        and row[2] > 0
        for row in value
    )


def _one_of(*words: str) -> Callable[[object], bool]:
    allowed = frozenset(words)

    def is_so(value: object) -> bool:
        return type(value) is str and value in allowed

    is_so.__doc__ = "Expect one of " + ", ".join(words) + "."
    return is_so


def expected(is_so: Callable[[object], bool]) -> str:
    """Return what a field was expected to be, in words."""
    return (is_so.__doc__ or is_so.__name__).removeprefix("Expect ").removesuffix(".")


# what a ruling decides of an interval: on whose account it goes, that it was up, that nobody measured it
_decision = _one_of(
    "carrier", "city", "planned", "power_or_third_party", "force_majeure", "up", "not_measured", "taken_out"
)
_STATE, _CAUSE = _one_of(*sorted(STATES)), _one_of(*sorted(CAUSES))

# `name?` may be absent; nothing beyond these names may be present.
_VOCABULARY: dict[str, dict[str, Callable[[object], bool]]] = {
    # what was measured, by digest
    "poll_cycle": {
        "vantage": _name,
        "slot_ms": instant,
        "polls": _count,
        "answered": _count,
        "digest": _digest,
        "profiles?": _digests,
    },
    "raw_chunk": {
        "file": _name,
        "digest": _digest,
        "start_ms": instant,
        "end_ms": instant,
        "polls": _count,
        "bytes": _count,
    },
    "telemetry_sealed": {"file": _name, "digest": _digest, "hour_ms": instant, "rows": _count, "part?": _count},
    "availability_hour": {
        "contract": _name,
        "start_ms": instant,
        "end_ms": instant,
        "step_ms": _count,
        "roster": _digest,
        "usual": _runs,
        "others": _groups,
        "part": _count,
        "parts": _count,
        "stream?": _name,
        "inputs_digest?": _digest,
        "correction?": _count,
    },
    "availability_roster": {
        "contract": _name,
        "roster": _digest,
        "part": _count,
        "parts": _count,
        "services": _rows,
    },
    "state_change": {"subject": _subject, "state": _STATE, "cause": _CAUSE, "start_ms": instant, "vantage": _name},
    "probe_result": {
        "probe": _name,
        "subject": _subject,
        "outcome": _name,
        "digest?": _digest,
        "vantage": _name,
    },
    # where the network is heard: areas as cells, and what surveys measured in each cell and hour (netops/coverage)
    "coverage_areas": {
        "areas": _digest,
        "grid": _name,
        "resolution": _count,
        "part": _count,
        "parts": _count,
        "cells": _zoned,
        "by": _name,
    },
    "survey_import": {
        "survey": _digest,
        "carrier": _name,
        "technology": _one_of("lte", "wifi"),
        "grid": _name,
        "resolution": _count,
        "samples": _count,
        "first_ms": instant,
        "last_ms": instant,
        "datums": _counts,
        "error_mm": _count,
        "instruments": _counts,
        "part": _count,
        "parts": _count,
        "cells": _measured,
        "by": _name,
    },
    # what was promised
    "register_applied": {"revision": _count, "digest": _digest, "changes": _count, "by": _name},
    "contract_version": {
        "contract": _name,
        "version": _name,
        "valid_from_ms": instant,
        "digest": _digest,
        "carrier?": _name,  # where coverage is promised: whose surveys are counted from then on
    },
    # how visitors fared: counts of a minute, never a person
    "portal_logins": {
        "site": _name,
        "start_ms": instant,
        "end_ms": instant,
        "online": _count,
        "refused": _count,
        "failed": _count,
        "method?": _name,  # facts without one are of all methods together, as they were first told
        "gateway?": _name,
        "unserved?": _count,
        "unconfirmed?": _count,
        "ours?": _count,
        "repeated?": _count,
        "unopened?": _count,
        "enforced_ms_max?": _count,
        "enforced_ms_p50?": _count,
        "enforced_ms_p95?": _count,
        "enforced_ms_sum?": _count,  # each at most 100 s (netops/metrics/portal.py)
        "enforced_timed?": _count,
        "enforced_within?": _counts,
        "time_to_online_ms_sum?": _count,
        "time_to_online_timed?": _count,
        "time_to_online_within?": _counts,
        "gateway_timed?": _count,
        "gateway_within?": _counts,
        "time_to_online_ms_p50?": _count,
        "time_to_online_ms_p95?": _count,
        "gateway_ms_p50?": _count,
        "gateway_ms_p95?": _count,
        "consents": _count,
        "terms": _name,  # what most of them are to, or `none`; `agreed` where they are to several
        "agreed?": _counts,
    },
    # a site was open without a login, by the decision of two persons that stands at leaf `decision`: since when, why
    "fail_open": {
        "site": _name,
        "state": _one_of("begun", "ended"),
        "cause": _one_of("portal_silent", "methods_away"),
        "request": _name,
        "decision": _count,
        "let_in?": _count,
        "why?": _text,
    },
    # what came of an order of staff (`staff_action` session.end, session.extend) for one visit
    "visit_directed": {
        "directive": _name,
        "session": _name,
        "act": _one_of("end", "extend"),
        "outcome": _one_of("enforced", "refused", "silent", "bound", "over", "nothing", "void", "unsure"),
        "took_ms": _count,
        "site?": _name,
        "until_ms?": instant,
        "detail?": _text,
    },
    # by which questions devices look for the internet: how often each maker's, and hosts that no table of ours has
    "portal_probes": {
        "start_ms": instant,
        "end_ms": instant,
        "known": _counts,
        "unknown": _counts,
        "others": _count,
    },
    # the records that the law wants of visitors: their chain's head, what was erased, what two persons saw; never whose
    "portal_records": {"entries": _count, "head": _digest},
    "controller_packets": {"packets": _count, "head": _digest, "erased?": _count},  # what was said with controllers
    "records_erased": {
        "why": _one_of("retention", "wish", "key"),
        "sessions?": _count,
        "entries?": _count,
        "certificates?": _count,
        "before_ms?": instant,
        "period?": _name,
        "key?": _digest,
        "rows?": _count,
        "digest": _digest,
    },
    "person_disclosed": {
        "request": _name,
        "session": _name,
        "by": _name,
        "outcome": _one_of("shown", "erased", "nobody"),
    },
    # what became of codes by SMS: counts of a minute by site and carrier of the number's block, never a number
    "sms_delivery": {
        "site": _name,
        "carrier": _name,
        "start_ms": instant,
        "end_ms": instant,
        "asked": _count,
        "handed": _count,
        "unsent": _count,
        "delivered": _count,
        "undelivered": _count,
        "proved": _count,
        "handed_ms_p50?": _count,
        "handed_ms_p95?": _count,
        "delivered_ms_p50?": _count,
        "delivered_ms_p95?": _count,
        "proved_ms_p50?": _count,
        "proved_ms_p95?": _count,
        "lost?": _count,  # each message once, when it is known what became of it: typed in, lost, unproved, unheard
        "unproved?": _count,  # reported delivered and never typed in
        "unheard?": _count,
        "delivery_ms_p50?": _count,
        "delivery_ms_p95?": _count,
        "delivery_timed?": _count,
        "delivery_within?": _counts,
    },
    # how our RADIUS server answered a controller: counts of a minute
    "radius_answers": {
        "controller": _name,
        "start_ms": instant,
        "end_ms": instant,
        "accepted": _count,
        "rejected": _count,
        "accounted": _count,
        "answer_ms_p50?": _count,
        "answer_ms_p95?": _count,
        "answer_timed?": _count,
        "answer_within?": _counts,
        "changed?": _counts,
        "change_ms_p50?": _count,
        "change_ms_p95?": _count,
        "change_timed?": _count,
        "change_within?": _counts,
    },
    # what a device said by itself, in a trap or an inform: its own word, not measured by us
    "device_event": {
        "device": _name,
        "subject": _subject,
        "event": _name,
        "severity": _one_of("info", "warning", "minor", "major", "critical"),
        "state?": _one_of("up", "degraded", "down"),
        "trap?": _name,
        "version?": _one_of("v1", "v2c", "v3"),
        "profile?": _name,
        "repeats?": _count,
        "values?": _terms,
        "doubt?": _one_of("restarted"),
    },
    # one address of a device in use by two at once, as its gateway saw it: by which sign, never whose
    "cloned_device": {"site": _name, "sign": _one_of("hops", "options", "segment", "address", "reset")},
    "fault_report": {
        "site": _name,
        "what": _name,
        "uplink": _one_of("up", "down", "unknown"),
        "seen?": _one_of("online", "lately", "never"),  # the device, at this portal; facts without one are older
        "device?": _one_of("first", "again"),  # whether it had reported within a day
        "count?": _count,  # of a minute with more of them than are stated one by one
    },
    # what people claimed, asked and decided
    "exclusion_claim": {
        "claim": _name,
        "contract": _name,
        "class": _name,
        "start_ms": instant,
        "end_ms": instant,
        "services": _names,
        "reason": _text,
        "by": _name,
    },
    "approval_request": {
        "request": _name,
        "action": _name,
        "subject": _name,
        "digest?": _digest,
        "terms?": _terms,
        "by": _name,
        "role?": _name,
        "reason": _text,
    },
    "approval_decision": {
        "request": _name,
        "decision": _one_of("approved", "refused", "withdrawn"),
        "by": _name,
        "role?": _name,
        "reason": _text,
    },
    # what became of a change of the register that two persons decided: `digest` is that of the request's terms
    "register_change": {
        "request": _name,
        "outcome": _one_of("applied", "refused"),
        "digest": _digest,
        "revision": _count,
        "by": _name,
        "reason": _text,
    },
    "staff_action": {
        "action": _name,
        "subject": _name,
        "by": _name,
        "detail?": _text,
        "site?": _name,
        "device?": _name,
    },
    # failed logins of staff in a quarter of an hour: the accounts and networks that are far above the usual, by count
    "logins_refused": {
        "start_ms": instant,
        "end_ms": instant,
        "refused": _count,
        "accounts": _counts,
        "networks": _counts,
        "addresses": _count,
    },
    "correction": {
        "corrects": _count,
        "by": _name,
        "reason": _text,
    },
    # what came of an hour after it was stated, all by then: how much, from where, and by digest what
    "late_samples": {
        "contract": _name,
        "start_ms": instant,
        "services": _count,
        "samples": _count,
        "vantages": _counts,
        "digest": _digest,
    },
    "correction_refused": {"contract": _name, "correction": _count, "start_ms": instant, "reason": _text},
    # what was judged, and the dispute over it
    "verdict": {
        "contract": _name,
        "version": _name,
        "objective": _name,
        "start_ms": instant,
        "end_ms": instant,
        "outcome": _one_of("met", "missed", "not_determinable"),
        "value?": _exact,
        "lower?": _exact,
        "upper?": _exact,
        "inputs_digest": _digest,
        "because?": _text,
        "services_missed?": _names,
    },
    "report_asked": {"contract": _name, "month": _name},
    "report_issued": {
        "report": _name,
        "contract": _name,
        "start_ms": instant,
        "end_ms": instant,
        "revision": _count,
        "digest": _digest,
        "manifest_digest": _digest,
        "leaves": _count,
        "replaces?": _name,
        "amount?": _exact,
        "currency?": _name,
    },
    # `note` is what the carrier signed; with `due_ms` nobody spoke, and that deadline was missed (by `deadline`);
    # `digest` is the report's, where no note names the file that was accepted
    "report_accepted": {
        "report": _name,
        "digest?": _digest,
        "by": _name,
        "reason?": _text,
        "note?": _text,
        "due_ms?": instant,
    },
    "objection": {
        "objection": _name,
        "report": _name,
        "code": _name,
        "target": _name,
        # what the ruling is asked to decide, and of which part of what the objection is about
        "asks?": _decision,
        "start_ms?": instant,
        "end_ms?": instant,
        "evidence_digest?": _digest,
        "by": _name,
        "reason": _text,
        "note?": _text,
    },
    "rebuttal": {
        "objection": _name,
        "stance": _one_of("rejected", "accepted", "partly_accepted"),
        "evidence_digest?": _digest,
        "by": _name,
        "reason": _text,
        "due_ms?": instant,
    },
    "ruling": {
        "objection": _name,
        "outcome": _one_of("upheld", "dismissed", "partly_upheld"),
        "minutes?": _count,
        # what it decides of an interval, of which service (empty or none: of all)
        "decides?": _decision,
        "service?": _name,
        "start_ms?": instant,
        "end_ms?": instant,
        "by": _name,
        "reason": _text,
        "due_ms?": instant,
    },
    # what a carrier handed in and the city did not take, by the SHA-256 of the note; `by` is the key that signed it
    # that the desk has a note that a carrier's key signed, before anybody looks at what it says
    "note_received": {"digest": _digest, "by": _name, "report?": _name},
    "note_refused": {"digest": _digest, "by": _name, "reason": _text, "report?": _name},
    "report_final": {"report": _name, "digest": _digest, "by": _name, "amount?": _exact, "currency?": _name},
    "report_settled": {"report": _name, "amount": _exact, "currency": _name, "by": _name},
    # how well we could see, and what we no longer hold
    "clock_state": {
        "vantage": _name,
        "state": _one_of("synchronised", "unsynchronised", "stepped", "unknown"),
        "offset_ms?": _finite,
        "step_ms?": _finite,
        "detail?": _text,
    },
    "monitor_health": {
        "vantage": _name,
        "state": _one_of("ok", "degraded", "blind"),
        "anchors": _count,
        "reachable": _count,
        "start_ms?": instant,
        "detail?": _text,
    },
    "service_state": {
        "service": _name,
        "state": _one_of("started", "stopped", "failed"),
        "version": _name,
        "detail?": _text,
    },
    "store_expiry": {
        "store": _name,
        "what": _name,
        "files": _count,
        "start_ms": instant,
        "end_ms": instant,
        "digest?": _digest,
    },
    "slots_missed": {"job": _name, "first_ms": instant, "last_ms": instant, "count": _count},
    "spool_dropped": {
        "spool": _name,
        "what": _name,
        "first_sequence": _count,
        "last_sequence": _count,
        "count": _count,
        "reason": _text,
    },
    # what was told at once, of which root cause; no verdict rests on it
    "incident_begun": {
        "incident": _name,
        "rule": _name,
        "root": _name,
        "severity": _one_of("critical", "major", "minor"),
        "since_ms": instant,
        "subjects": _count,
    },
    "incident_over": {"incident": _name, "root": _name, "since_ms": instant, "subjects": _count, "into?": _name},
    "incident_taken": {
        "incident": _name,
        "by": _name,
        "way": _one_of("link", "page", "command"),
        "link?": _name,  # to whom the message went whose link was used; another than `by`: a group, and who is its word
        "remark?": _text,
    },
    "alerts_muted": {"root": _name, "until_ms": instant, "by": _name, "reason": _text},
    # a fault reported to the carrier: its clock runs from when this is recorded
    "ticket_step": {
        "ticket": _name,
        "contract": _name,
        "step": _one_of("reported", "answered", "paused", "resumed", "closed"),
        "by": _name,
        "services?": _names,
        "incident?": _name,
        "number?": _name,
        "outcome?": _one_of("repaired", "withdrawn"),
        "remark?": _text,
    },
    # the ledger's own affairs
    "key_changed": {"vkey": _name, "previous?": _name, "by": _name, "reason": _text},
    "listening_break": {"number": _count, "lost_ms": instant, "since_ms": instant},
    "party_key": {
        "contract": _name,
        "carrier": _name,
        "key": _name,
        "state": _one_of("registered", "removed"),
        "register": _digest,
        "by": _name,
    },
    "paper_signer": {"certificate": _digest, "subject": _name, "by": _name},
    "rehearsal_started": {"city": _name, "seed": _whole, "start_ms": instant},
    "ledger_tally": {"accounts": _count, "root": _digest},
    "witness_policy": {"quorum": _count, "witnesses": _names, "sm2?": _names},  # the SM2 keys of those who have one
    "fact_refused": {
        "source": _name,
        "sequence": _count,
        "what": _name,
        "digest": _digest,
        "note_digest?": _digest,
        "reason": _text,
        "request?": _name,
        "contract?": _name,
        "by?": _name,
    },
    "source_conflict": {"source": _name, "sequence": _count, "kept_digest": _digest, "refused_digest": _digest},
}

KINDS = {kind: {name.rstrip("?"): is_so for name, is_so in known.items()} for kind, known in _VOCABULARY.items()}
OPTIONAL = {kind: {name[:-1] for name in known if name.endswith("?")} for kind, known in _VOCABULARY.items()}
