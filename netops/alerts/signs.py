"""Signs of trouble from what was last seen. Pure: the situation, readings and burns come in, nothing goes out.

What is not seen is held: a service that we are blind to, or that is being worked on by plan, neither begins an incident
nor ends one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from netops.situation import State
from netops.sla.intervals import Cause

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from netops.alerts.policy import Rule
    from netops.ledger_file import Leaf
    from netops.situation import ServiceNow, Situation
    from netops.sla.burn import Burn
    from netops.store import Reading

MONITOR = "monitor"
DEVICE = "device:"
CONTRACT = "contract:"
CORE = "core"
LOGINS = "logins:staff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One thing that is wrong. `subject` is `service:<id>`, `objective:<contract>/<item>/<objective>`, … ; `cause` what
    its state is put down to (`device:<id>`, `carrier:<id>`, a cause of sla.md); `because` a token for people's words.
    """  # noqa: D205

    subject: str
    since_ms: int
    cause: str = ""
    because: str = ""
    area: str = ""
    carrier: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one rule sees: the bad, and the subjects of which nothing can be said now. All others are well.

    `whole` counts the services of each (carrier, kind, area) that the rule is about.
    """

    bad: Mapping[str, Sign] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    whole: Mapping[tuple[str, str, str], int] = field(default_factory=dict)


def outages(rule: Rule, now: Situation) -> Seen:
    """Return the services that are down, but for those that are worked on by plan."""
    bad, held, whole = {}, set(), dict[tuple[str, str, str], int]()
    for service in _of(rule, now.services):
        group = service.carrier, service.kind, service.area
        whole[group] = whole.get(group, 0) + 1
        subject = f"service:{service.service}"
        if service.state is State.UNKNOWN or service.cause == Cause.PLANNED.value:
            held.add(subject)
        elif service.state is State.DOWN:
            bad[subject] = Sign(
                subject=subject,
                since_ms=service.since_ms,
                cause=service.cause,
                because=service.because,
                area=service.area,
                carrier=service.carrier,
                kind=service.kind,
            )
    return Seen(bad, frozenset(held), whole)


def blindness(rule: Rule, now: Situation, told: Container[str] = ()) -> Seen:
    """Return one sign where so large a share of the services is not seen, and that by our own fault.

    What belongs to an open incident (`told`) is left out: of a dead controller one answer that we read too late says
    nothing new.
    """
    named = ((each, f"service:{each.service}") for each in _of(rule, now.services))
    about = [each for each, subject in named if each.cause != Cause.PLANNED.value and subject not in told]
    unseen = [each for each in about if each.state is State.UNKNOWN and each.cause == Cause.MONITOR.value]
    if not unseen or Fraction(len(unseen), len(about)) < rule.share:
        return Seen()
    since = sorted(each.since_ms for each in unseen)[len(unseen) // 2]
    told = f"{len(unseen)}/{len(about)}"
    return Seen({MONITOR: Sign(subject=MONITOR, since_ms=since, cause=Cause.MONITOR.value, because=told)})


def quiet(rule: Rule, parts: Mapping[str, int], now_ms: int) -> Seen:
    """Return the parts of ours that said nothing for `for_s`; `parts` has when each was heard last."""
    late = {name: at for name, at in parts.items() if now_ms - at > rule.for_s * 1000}
    made = (Sign(subject=f"part:{name}", since_ms=at, cause=Cause.MONITOR.value) for name, at in late.items())
    return Seen({each.subject: each for each in made})


def burning(rule: Rule, burns: Mapping[str, tuple[int, list[Burn]]]) -> Seen:
    """Return the objectives whose budget burns too fast; `burns` has, by objective, when it was reckoned, and how fast.

    An objective of which nothing is known in a window is held.
    """
    bad, held = {}, set()
    for name, (at_ms, found) in burns.items():
        about = [each for each in found if each.alert.long_ms // 3_600_000 in rule.hours]
        subject = f"objective:{name}"
        if warning := [each for each in about if each.warns]:
            shown = max(warning, key=lambda each: each.long or Fraction(0))
            told = f"{shown.alert.long_ms // 3_600_000}h {float(shown.long or 0):.1f}"
            bad[subject] = Sign(subject=subject, since_ms=at_ms, because=told)
        elif any(each.long is None or each.short is None for each in about):
            held.add(subject)
    return Seen(bad, frozenset(held))


def missed(rule: Rule, verdicts: Iterable[Leaf], now_ms: int) -> Seen:
    """Return the promises that the newest report on a time says were missed, for `for_s` after it was sealed.

    A revision that says otherwise ends it: of one promise and time what was sealed last counts.
    """
    newest: dict[str, Leaf] = {}
    for leaf in verdicts:
        body = leaf.fact.body
        newest[f"verdict:{body['contract']}/{body['objective']}/{body['start_ms']}"] = leaf
    bad = {}
    for subject, leaf in newest.items():
        body = leaf.fact.body
        if body["outcome"] == "missed" and now_ms - leaf.recorded_ms < rule.for_s * 1000:
            contract = str(body["contract"])
            cause = f"{CONTRACT}{contract}/{leaf.fact.at_ms}"
            bad[subject] = Sign(subject=subject, since_ms=leaf.recorded_ms, cause=cause, because=str(body["objective"]))
    return Seen(bad)


def refused(rule: Rule, told: Iterable[Leaf], now_ms: int) -> Seen:
    """Return that logins of staff failed in bulk in a quarter of an hour that ended within `for_s`."""
    bodies: Iterable[Mapping[str, Any]] = (leaf.fact.body for leaf in told)
    # of a quarter that was stated twice the facts are the same
    late = {each["start_ms"]: each["refused"] for each in bodies if now_ms - each["end_ms"] < rule.for_s * 1000}
    if not late:
        return Seen()
    sign = Sign(subject=LOGINS, since_ms=min(late), cause=LOGINS, because=str(sum(late.values())))
    return Seen({LOGINS: sign})


def readings(rule: Rule, found: Iterable[Reading]) -> Seen:
    """Return the subjects whose newest reading is beyond the bound; one without a value is held."""
    newest: dict[str, Reading] = {}
    for each in found:
        subject = f"{each.subject.kind}:{each.device}/{each.subject.id}"
        if subject not in newest or newest[subject].slot_ms < each.slot_ms:
            newest[subject] = each
    bad, held = {}, set()
    for subject, each in newest.items():
        if each.value is None:
            held.add(subject)
        elif _beyond(rule, each.value):
            told = f"{rule.metric} {each.value:g}"
            bad[subject] = Sign(
                subject=subject, since_ms=each.at_ms, cause=f"{DEVICE}{_plain(each.device)}", because=told
            )
    return Seen(bad, frozenset(held))


def _plain(device: str) -> str:
    return device.partition("/")[0]


def _beyond(rule: Rule, value: float) -> bool:
    return (rule.above is not None and value > rule.above) or (rule.below is not None and value < rule.below)


def _of(rule: Rule, services: Iterable[ServiceNow]) -> list[ServiceNow]:
    asked = ((rule.kinds, "kind"), (rule.areas, "area"), (rule.carriers, "carrier"))
    return [each for each in services if all(not names or getattr(each, by) in names for names, by in asked)]
