"""`netops sla`: how the running month stands, and how any interval is judged. Both read only; they owe nothing.

`status` looks at the sealed hours of this month: each objective so far, how fast its error budget burns, and how much
outage the rest of the month still bears. `judge` judges any interval, from the ledger or from a
facts file. `correct` (`sla_correct.py`) has a sealed hour stated again.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inventory import codec, times
from inventory.errors import InventoryError, RegisterError
from inventory.model import Contract
from netops.clock import iso, utc
from netops.commands import sla_correct
from netops.commands.sla_words import COLUMNS, WORDS
from netops.coverage import promised
from netops.errors import NetopsError, UsageError, nearest
from netops.evidence import canonical
from netops.ledger_file import LedgerReader, NoLedgerError
from netops.report import bundle, counts, covered, interval, issue, standing, standings
from netops.report import leaves as sealed
from netops.report.leaves import Leaves, Sealed
from netops.sla import calendar, facts_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from fractions import Fraction
    from zoneinfo import ZoneInfo

    from netops.config import Settings
    from netops.report.covered import Found
    from netops.report.interval import Answer
    from netops.report.standing import Standing

SUMMARY = "How the running month stands, and how any interval is judged."
OK, BREACH = 0, 3
MOST_TEXT = 1 << 24


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="what", required=True)
    now = below.add_parser(
        "status", help="each objective this month, how fast its error budget burns, what it takes to miss"
    )
    now.add_argument("--contract", default="", help="one contract's id (default: all that are in force)")
    judged = below.add_parser("judge", help="judge any interval; exit 3 when an objective was missed")
    judged.add_argument("--contract", required=True, help="the contract's id")
    time = "2026-10-12 or 2026-10-12T02:00, in the contract's zone unless an offset is written"
    judged.add_argument("--from", dest="start", required=True, metavar="TIME", help=time)
    judged.add_argument("--to", dest="end", required=True, metavar="TIME", help="the first instant that is not judged")
    judged.add_argument(
        "--facts", type=Path, metavar="FILE", help="leaves as JSON lines (leaves.jsonl.gz of a bundle), not the ledger"
    )
    judged.add_argument(
        "--contracts", type=Path, metavar="FILE", help="the versions (contract.json of a bundle), not the register"
    )
    sla_correct.arguments(below.add_parser("correct", help="have a sealed hour stated again, with a reason"))
    for each in (now, judged):
        each.add_argument("--json", action="store_true", help="tell as one JSON object")
        each.add_argument("--language", choices=("zh_CN", "en"), help="of the words (default: the city's)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do it."""
    if args.what == "correct":
        return sla_correct.run(args, settings)
    words = WORDS[args.language or settings.city.language]
    return _status(args, settings, words) if args.what == "status" else _judge(args, settings, words)


# ---- judge


@dataclass(frozen=True, slots=True)
class _Asked:
    """The contract's versions, its zone, and what `around` the interval was sealed."""

    versions: tuple[Contract, ...]
    tz: ZoneInfo
    leaves: Leaves
    start_ms: int
    end_ms: int
    rehearsal: bool


def _judge(args: argparse.Namespace, settings: Settings, words: Mapping[str, str]) -> int:
    asked = _asked(args, settings)
    answer = interval.ask(asked.versions, asked.leaves, start_ms=asked.start_ms, end_ms=asked.end_ms, tz=asked.tz)
    if args.json:
        print(json.dumps(_plain(answer, asked), ensure_ascii=False))
    else:
        _print_answer(answer, asked, words)
    return BREACH if answer.breached else OK


def _asked(args: argparse.Namespace, settings: Settings) -> _Asked:
    known = _texts(args.contracts) if args.contracts else _at_hand(args, settings)
    name = args.contract
    versions = tuple(each for each in known if each.id == name)
    if not versions:
        where = args.contracts or "the register"
        names = {each.id for each in known}
        raise RegisterError(f"contract '{name}' is not in {where}{nearest(name, names)}; expected its id")
    tz = calendar.zone(versions[-1].timezone)
    start_ms, end_ms = _instant(args.start, tz, "--from"), _instant(args.end, tz, "--to")
    low, high = interval.around(start_ms, end_ms, tz)
    if end_ms > args.now_ms:
        raise UsageError(f"--to {args.end} is not over yet; expected an instant of the past")
    if args.facts:
        told = facts_file.read(args.facts)
        found = [Sealed.read(index, data) for index, data in told.leaves.items()]
        named = {each.body["roster"] for each in found if each.kind == "availability_hour"}
        leaves = sealed.selected(
            found, contract=name, start_ms=low, end_ms=high, rosters=sorted(named), surveyed=promised.asked(versions)
        )
        return _Asked(versions, tz, leaves, start_ms, end_ms, told.rehearsal)
    with LedgerReader(issue.ledger_path(settings)) as ledger:
        leaves = bundle.gather(ledger, contract=name, start_ms=low, end_ms=high, surveyed=promised.asked(versions))
        return _Asked(versions, tz, leaves, start_ms, end_ms, ledger.rehearsal)


def _instant(text: str, tz: ZoneInfo, what: str) -> int:
    """Return the instant; UsageError also for a wall-clock time that the zone has twice, or not at all."""
    try:
        at_ms = times.instant(text, tz)
        shown = utc(at_ms).astimezone(tz).replace(tzinfo=None)
        wall = utc(times.instant(text, times.zone("UTC"))).replace(tzinfo=None)
    except ValueError as error:
        raise UsageError(f"{what}: {error}") from None
    if _has_offset(text):
        return at_ms
    twice = times.instant(shown.replace(tzinfo=tz, fold=1).isoformat(), tz) != at_ms
    if shown != wall or twice:
        often = "twice" if shown == wall else "never"
        raise UsageError(f"{what}: {text} happens {often} in {tz.key}; write it with its offset, such as {text}+02:00")
    return at_ms


def _has_offset(text: str) -> bool:
    clock = text.partition("T")[2] or text.partition(" ")[2]
    return any(sign in clock for sign in "+-Z")


def _at_hand(args: argparse.Namespace, settings: Settings) -> list[Contract]:
    try:
        return [each for held in standings.versions(settings).values() for each in held]
    except InventoryError as error:
        if not args.facts:
            raise
        raise UsageError(
            f"--facts {args.facts}: no register is here ({error}); name the contract's text as well: "
            "--contracts FILE, the `contract.json` of the same bundle"
        ) from None


def _texts(path: Path) -> list[Contract]:
    """Read the versions of a `contract.json`."""
    with path.open("rb") as file:
        data = file.read(MOST_TEXT + 1)
    if len(data) > MOST_TEXT:
        raise UsageError(f"{path}: over {MOST_TEXT} bytes; expected the `contract.json` of a bundle")
    try:
        told = canonical.loads(data)
        bodies = told if isinstance(told, list) else [told]
        read = [codec.decode("contract", canonical.dumps(body).decode()) for body in bodies]
    except (NetopsError, InventoryError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path}: no contract version ({error}); expected the `contract.json` of a bundle") from None
    made = [each for each in read if isinstance(each, Contract)]
    return sorted(made, key=lambda each: (each.id, each.valid_from_ms))


def _plain(answer: Answer, asked: _Asked) -> dict[str, Any]:
    return {
        "contract": answer.contract,
        "rehearsal": asked.rehearsal,
        "timezone": asked.tz.key,
        "start_ms": answer.start_ms,
        "end_ms": answer.end_ms,
        "start": iso(answer.start_ms),
        "end": iso(answer.end_ms),
        "hours": answer.hours,
        "hours_missing": answer.missing,
        "cut_slots": [{"at_ms": at, "start_ms": low, "end_ms": high} for at, low, high in answer.cut],
        "breached": answer.breached,
        "objectives": [interval.plain(line) for line in answer.lines],
        "coverage": [interval.plain_coverage(*each) for each in answer.coverage],
    }


def _print_answer(answer: Answer, asked: _Asked, words: Mapping[str, str]) -> None:
    if asked.rehearsal:
        print(words["rehearsal"])
    span = f"{times.shown(answer.start_ms, asked.tz)} … {times.shown(answer.end_ms, asked.tz)}"
    print(f"{answer.contract} {span}")
    for line in answer.lines:
        told = interval.plain(line)
        print("  " + _figures(line.name, told, words))
        for note in (told["because"], told.get("remark", "")):
            if note:
                print(f"    {note}")
    if any(each.judged is not None for each in answer.lines):
        print("  " + words["brackets"])
    _print_coverage(answer.coverage, words)
    if answer.missing:
        print("  " + words["missing"].format(count=answer.missing, of=answer.missing + answer.hours))
    for at, low, high in answer.cut:
        texts = [times.shown(each, asked.tz) for each in (at, low, high)]
        print("  " + words["cut"].format(at=texts[0], low=texts[1], high=texts[2]))
    print("  " + words["no_money"])


def _figures(name: str, told: Mapping[str, Any], words: Mapping[str, str]) -> str:
    verdict = words[told["verdict"]]
    if "shown" not in told:
        return f"{name:<32} {verdict}"
    mean = counts.mean(told)
    value = f"{told['shown'] or '?'} % [{told['lower_shown']}, {told['upper_shown']}]{f' ({mean})' if mean else ''}"
    target = f"{words['target']} {told['target']} %"
    return f"{name:<32} {verdict:<{COLUMNS}} {value}  {target}  {words['unknown']} {told['unknown_shown']} %"


def _print_coverage(found: Sequence[tuple[str, Found]], words: Mapping[str, str]) -> None:
    """Say how much of the surface is covered; never in a line with a share of time."""
    for _, each in found:
        row = each.told["whole"]
        value = f"{row['area_shown'] or '?'} % [{row['area_lower']}, {row['area_upper']}]"
        target = f"{words['target']} {row['area_target']} %"
        verdict = f"{words[each.told['verdict']]:<{COLUMNS}}"
        unknown = f"{words['unknown']} {row['unknown_shown']} %"
        print(f"  {each.name:<32} {verdict} {value} {words['surface']}  {target}  {unknown}")
        for area in (dict(zip(covered.COLUMNS, one, strict=True)) for one in each.told["areas"]["rows"]):
            if area["verdict"] != "met":
                bounds = f"[{area['area_lower']}, {area['area_upper']}]  {words['minimum']} {area['area_target']} %"
                print(
                    f"    {area['area']:<30} {words[area['verdict']]:<{COLUMNS}} {area['area_shown'] or '?'} % {bounds}"
                )
    if found:
        print("  " + words["surface_brackets"])


# ---- status


def _status(args: argparse.Namespace, settings: Settings, words: Mapping[str, str]) -> int:
    known = standings.versions(settings)
    names = [name for name, held in known.items() if any(not e.ends_ms or e.ends_ms > args.now_ms for e in held)]
    if args.contract:
        if args.contract not in known:
            raise RegisterError(
                f"contract '{args.contract}' is not in the register{nearest(args.contract, names)}; expected its id"
            )
        names = [args.contract]
    spoken = {name: known[name] for name in names}
    try:
        told, rehearsal = _stand(spoken, settings, now_ms=args.now_ms)
    except NoLedgerError as error:
        print(f"{words['no_ledger']}\n  {error}", file=sys.stderr)
        told, rehearsal = (
            [(name, calendar.zone(versions[-1].timezone), None) for name, versions in spoken.items()],
            settings.city.rehearsal,
        )
    if args.json:
        contracts = [
            {
                "contract": name,
                "timezone": tz.key,
                **(standing.plain(found) if found else {"objectives": [], "coverage": []}),
            }
            for name, tz, found in told
        ]
        print(json.dumps({"rehearsal": rehearsal, "contracts": contracts}, ensure_ascii=False))
        return OK
    if rehearsal:
        print(words["rehearsal"])
    if not told:
        print(words["no_contract"])
    for name, tz, found in told:
        _print_standing(name, tz, found, words)
    return OK


def _stand(
    spoken: Mapping[str, list[Contract]], settings: Settings, *, now_ms: int
) -> tuple[list[tuple[str, ZoneInfo, Standing | None]], bool]:
    """Return how each contract stands, and whether the ledger is a rehearsal's."""
    with LedgerReader(issue.ledger_path(settings)) as ledger:
        told = [
            (
                name,
                calendar.zone(versions[-1].timezone),
                standings.read(ledger, versions, now_ms=now_ms, surveys=True),
            )
            for name, versions in spoken.items()
        ]
        return told, ledger.rehearsal


def _print_standing(name: str, tz: ZoneInfo, found: Standing | None, words: Mapping[str, str]) -> None:
    if found is None:
        print(f"{name}: {words['no_hours']}")
        return
    print(f"{name} {words['until'].format(at=times.shown(found.end_ms, tz))}")
    for each in found.objectives:
        told = interval.plain(each.line)
        print("  " + _figures(each.line.name, told, {**words, "missed": words["below"], "met": words["keeps"]}))
        print(f"    {_left(each.left_ms, words)}")
        rates = [f"{_hours(b.alert.long_ms)} {_rate(b.long)}/{_rate(b.alert.factor)}" for b in each.burns]
        print(f"    {words['burn']} {', '.join(rates)}")
        for burn in each.burns:
            if burn.warns:
                long, short = _hours(burn.alert.long_ms), _hours(burn.alert.short_ms)
                print("    " + words["warns"].format(rate=_rate(burn.long), long=long, short=short))
    if found.objectives:
        print("  " + words["brackets"])
    _print_coverage(found.coverage, {**words, "missed": words["below"], "met": words["keeps"]})
    print("  " + words["early"])


def _left(left_ms: Fraction | None, words: Mapping[str, str]) -> str:
    if left_ms is None:
        return words["left_unknown"]
    seconds = left_ms.numerator // left_ms.denominator // 1000
    if seconds < 0:
        return words["lost"]
    hours, rest = divmod(seconds, 3600)
    return words["left"].format(time=f"{hours}:{rest // 60:02d}:{rest % 60:02d}")


def _hours(window_ms: int) -> str:
    minutes = window_ms // 60_000
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 1440 else f"{minutes // 1440} d"


def _rate(rate: Fraction | None) -> str:
    return "?" if rate is None else f"{rate.numerator * 10 // rate.denominator / 10:.1f}"
