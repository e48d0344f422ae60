"""Verdicts and claims as the report's JSON tells them: exact numbers beside rounded-down ones, tables with columns."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from netops.sla import credit as credits_
from netops.sla import numbers, repair

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inventory.model import ServiceItem
    from netops.sla.availability import Tally
    from netops.sla.credit import Claimed
    from netops.sla.exclusions import Decided
    from netops.sla.judge import Judged, ServiceLine

TALLY = ("up", "down", "unknown", "excluded_up", "excluded_down", "excluded_unknown")
SERVICES = (
    "service",
    "contracted_ms",
    *(f"{name}_ms" for name in TALLY),
    "value",
    "shown",
    "lower",
    "upper",
    "verdict",
)
INCIDENTS = ("service", "start_ms", "end_ms", "cause", "because", "censored")
DEGRADED = ("service", "start_ms", "end_ms", "cause", "because")
CAUSES = ("cause", "because", "incidents", "services", "down_ms")


def judged(given: Judged, *, counted: bool) -> dict[str, Any]:
    """Return the fields of an objective's verdict; `counted`: its sums count things, between which there is no time."""
    whole = given.whole
    found = [(line.service, each) for line in given.lines for each in line.incidents]
    mttr = repair.mttr([each for _, each in found])
    mtbf = repair.mtbf([each for _, each in found], sum(_operating(line.tally) for line in given.lines))
    return {
        "verdict": given.outcome.value,
        "because": given.because,
        "remark": given.remark,
        "value": ratio(whole.value),
        "shown": shown(whole.value),
        "lower": ratio(whole.lower),
        "lower_shown": shown(whole.lower),
        "upper": ratio(whole.upper),
        "upper_shown": shown(whole.upper),
        "unknown_ratio": ratio(whole.unknown_ratio),
        "unknown_shown": shown(whole.unknown_ratio),
        "tally": tally(given.tally),
        "services": {"columns": list(SERVICES), "rows": [_service(line) for line in given.lines]},
        "incidents": {"columns": list(INCIDENTS), "rows": [_incident(*each) for each in found]},
        "degraded": {
            "columns": list(DEGRADED),
            "rows": [
                [line.service, each.start_ms, each.end_ms, each.cause.value, each.because]
                for line in given.lines
                for each in line.degraded
            ],
        },
        "causes": {"columns": list(CAUSES), "rows": _causes(found)},
        "repair": {
            "incidents": mttr.count,
            "censored": mttr.censored,
            "mttr_ms": ratio(mttr.value_ms),
            "mtbf_ms": "" if counted else ratio(mtbf.value_ms),
        },
        **({"high_loss": _high_loss(given.lines)} if given.windowed else {}),
    }


def credit(item: ServiceItem, claimed: Iterable[Claimed], due: Fraction) -> dict[str, Any]:
    """Return what an item owes of its fee due: for its dearest objective, or each for minutes of its own."""
    given = list(claimed)
    percent = max((each.percent for each in given), default=Fraction(0))
    chosen = next((each.objective for each in given if each.percent == percent and percent), "")
    shares: list[dict[str, Any]] = []
    if item.double_credit == "by_minute":
        credited = credits_.by_minute(given)
        percent = sum((each.percent for each in credited), Fraction(0))
        shares = [
            {
                "objective": each.objective,
                "percent": numbers.text(each.percent),
                "against_ms": each.against_ms,
                "fresh_ms": each.fresh_ms,
            }
            for each in credited
        ]
    return {
        "objective": chosen,
        "percent": numbers.text(percent),
        "amount": str(credits_.money(due * percent / 100)),
        **({"by_minute": shares} if item.double_credit == "by_minute" else {}),
    }


def objects(given: Sequence[tuple[str, int, Fraction]]) -> dict[str, Any]:
    """Return the services that owe, each in percent of its own fee."""
    rows = [[service, numbers.text(percent)] for service, _, percent in given if percent]
    return {"columns": ["service", "percent"], "rows": rows}


def objects_before(given: Sequence[tuple[str, int, Fraction]], before: Mapping[str, int]) -> dict[str, Any]:
    """Return in how many months in a row before each service that owes had missed by itself already."""
    rows = [[service, before[service]] for service, _, percent in given if percent and before.get(service)]
    return {"columns": ["service", "breaches_before"], "rows": rows}


def claim(given: Decided) -> dict[str, Any]:
    """Return a claim with what it does; one without effect stays in the report."""
    each = given.claim
    return {
        "claim": each.id,
        "class": each.class_id,
        "start_ms": each.start_ms,
        "end_ms": each.end_ms,
        "noticed_ms": each.noticed_ms,
        "services": list(each.services),
        "reason": each.reason,
        "by": each.by,
        "approved": each.approved,
        "effect": given.effect.value,
        **({"ruled_ms": given.ruled_ms} if given.ruled_ms else {}),
        **({} if each.ruling is None else {"ruling": each.ruling}),
    }


def tally(given: Tally) -> dict[str, int]:
    """Return the six sums by name."""
    return {f"{name}_ms": getattr(given, name) for name in TALLY}


def _operating(given: Tally) -> int:
    return given.whole - given.down - given.excluded_down


def ratio(value: Fraction | None) -> str:
    """Return the exact value, empty where there is none."""
    return "" if value is None else numbers.text(value)


def shown(value: Fraction | None) -> str:
    """Return a ratio in percent, rounded down; empty where there is none."""
    return "" if value is None else numbers.shown(numbers.percent(value))


def _service(line: ServiceLine) -> list[str | int]:
    value = line.value
    return [
        line.service,
        line.contracted_ms,
        *tally(line.tally).values(),
        ratio(value.ratio),
        shown(value.ratio),
        ratio(value.lower),
        ratio(value.upper),
        line.outcome.value,
    ]


def _high_loss(lines: Sequence[ServiceLine]) -> dict[str, Any]:
    """Return the high loss intervals of available time, and their rows, of each service that had any (MEF 10.3)."""
    found = [(line.service, line.high_loss) for line in lines if line.high_loss is not None]
    return {
        "hli": sum(each.hli for _, each in found),
        "chli": sum(each.chli for _, each in found),
        "columns": ["service", "hli", "chli"],
        "rows": [[service, each.hli, each.chli] for service, each in found if each.hli],
    }


def _incident(service: str, each: repair.Incident) -> list[str | int | bool]:
    return [service, each.start_ms, each.end_ms, each.cause.value, each.because, each.censored]


def _causes(found: Sequence[tuple[str, repair.Incident]]) -> list[list[str | int]]:
    """Return the incidents by cause and by what they rest on: a controller's failure is one line, however many fell."""
    grouped: dict[tuple[str, str], list[tuple[str, repair.Incident]]] = {}
    for service, each in found:
        grouped.setdefault((each.cause.value, each.because), []).append((service, each))
    return [
        [cause, because, len(part), len({service for service, _ in part}), sum(each.length_ms for _, each in part)]
        for (cause, because), part in sorted(grouped.items())
    ]
