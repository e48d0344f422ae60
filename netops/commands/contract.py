"""`netops contract`: what a contract will do, in words, and what it would owe at given values; a schema for editors.

`check` reads one file and nothing else: no register, no ledger. Names of carriers, areas and tags are looked up by
`netops check`, once the file lies in a city's directory.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inventory import codec
from inventory.errors import FilesError, Problem
from inventory.model import Objective
from inventory.reading.single import read_contract
from inventory.schema import schema
from inventory.show import visible
from netops.commands import contract_faults
from netops.commands.contract_words import Speaker
from netops.coverage import promised
from netops.errors import UsageError
from netops.evidence import spoken
from netops.sla import foretold, numbers, pieces, pitfall_words, pitfalls, rules

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from inventory.model import Contract, Coverage, ServiceItem
    from netops.config import Settings
    from netops.sla.foretold import Area, Foretold

SUMMARY = "What a contract will do, in words, and what it would owe at given values."


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="what", required=True)
    below.add_parser("schema", help="print the JSON Schema of contract files, for editors")
    check = below.add_parser("check", help="explain one contract file; exit 1 when something in it is wrong")
    check.add_argument("file", type=Path, help="the contract version, a YAML file")
    check.add_argument(
        "--at",
        action="append",
        default=[],
        metavar="ITEM/OBJECTIVE=VALUE",
        help="what would be owed at this value in percent, such as wifi/availability=99.2; of coverage its upper "
        "bound, and of single areas theirs, cells/outdoor=96 with cells/outdoor/110108001=84",
    )
    check.add_argument("--services", type=int, default=1, help="how many services each item has (%(default)s)")
    check.add_argument("--before", type=int, default=0, help="breached months in a row before (%(default)s)")
    check.add_argument("--json", action="store_true", help="tell as one JSON object")
    check.add_argument(
        "--language",
        "--lang",
        choices=tuple(spoken.ASKED),
        help="of the words (default: by LC_ALL, LC_MESSAGES or LANG)",
    )


def run(args: argparse.Namespace, _: Settings) -> int:
    """Do it; `check` returns 1 when something in the contract is wrong, else 0."""
    if args.what == "schema":
        print(json.dumps(schema(), ensure_ascii=False, indent=2))
        return 0
    asked = args.language or ("en" if args.json else None)  # what machines read stays
    language = spoken.chosen(asked, os.environ)
    try:
        return _check(args, language)
    except UsageError as error:
        raise UsageError(contract_faults.said(str(error), language)) from None


def _check(args: argparse.Namespace, language: str) -> int:
    if not args.file.exists():
        raise UsageError(f"{args.file}: there is no such file; expected a contract version, a YAML file")
    try:
        held, places = read_contract(args.file)
    except FilesError as error:
        _problems([contract_faults.told(each, language) for each in error.problems], as_json=args.json)
        return 1
    unsound = list(_unsound(held, places, args.file.name))  # without meaning, so nothing to reckon by
    problems = [contract_faults.told(each, language) for each in unsound]
    if not unsound:
        problems = list(_pitfalls(held, places, args.file.name, language))
        problems += _pieces(held, args.services, args.file.name, language)
    at = foretold.values(held, args.at)
    found = None if unsound else foretold.foretell(held, at, services=args.services, before=args.before)
    if args.json:
        told = {"contract": codec.plain(held), "problems": _plain(problems)}
        print(json.dumps(told | ({"owed": _owed(found)} if args.at and found else {}), ensure_ascii=False))
        return 1 if problems else 0
    speaker = Speaker(language)
    lines = [] if unsound else [*speaker.contract(held), *speaker.changes(held, args.services)]
    if args.at and found is not None:
        lines += ["", *speaker.foretold(held, found, services=args.services, before=args.before)]
    for line in lines:
        print(visible(line))
    _problems(problems, as_json=False)
    if not problems:
        print(speaker.say("sound"))
    return 1 if problems else 0


def _unsound(held: Contract, places: Mapping[str, str], file: str) -> Iterator[Problem]:
    for item in held.items:
        for each in item.objectives:
            try:
                rules.objective(held, item, each)
            except UsageError as error:
                yield Problem(_place(places, item, each, file), str(error))
        for given in item.coverage:
            try:
                promised.promise(held, item, given)
                rules.schedule(given.credits, f"{item.id}/{given.id}")
            except UsageError as error:
                yield Problem(_place(places, item, given, file), str(error))


def _pitfalls(held: Contract, places: Mapping[str, str], file: str, language: str) -> Iterator[Problem]:
    for item in held.items:
        for each in item.objectives:
            where, name = _place(places, item, each, file), f"{item.id}/{each.id}"
            if each.period != "month":
                what, remedy = pitfall_words.said("no_period", language, period=each.period)
                yield Problem(where, f"{name}: {what}", remedy)
            for what, remedy in pitfalls.of(item, each, language=language):
                yield Problem(where, f"{name}: {what}", remedy)
        for given in item.coverage:
            for what, remedy in pitfalls.of_coverage(item, given, language=language):
                yield Problem(_place(places, item, given, file), f"{item.id}/{given.id}: {what}", remedy)


def _pieces(held: Contract, services: int, file: str, language: str) -> Iterator[Problem]:
    """Warn of a contract whose slots and services make a report that both judges would refuse."""
    if warned := pieces.found(pieces.of(held, dict.fromkeys((each.id for each in held.items), services))):
        what, remedy = pitfall_words.said(warned[0], language, **warned[1])
        yield Problem(file, what, remedy)


def _place(places: Mapping[str, str], item: ServiceItem, each: Objective | Coverage, file: str) -> str:
    kind = "objectives" if isinstance(each, Objective) else "coverage"
    return places.get(f"items.{item.id}.{kind}.{each.id}", file)


def _problems(found: list[Problem], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"problems": _plain(found)}, ensure_ascii=False))
        return
    for each in found:
        print(visible(str(each)))


def _plain(found: list[Problem]) -> list[dict[str, str]]:
    return [{"where": each.where, "what": each.what, "remedy": each.remedy} for each in found]


def _of_area(each: Area) -> dict[str, Any]:
    told = {"value": numbers.text(each.value), "minimum": numbers.text(each.minimum)}
    return {"area": each.area, **told, "missed": each.missed}


def _owed(found: Foretold) -> dict[str, Any]:
    """Return the answers with exact numbers as `n/d` and amounts as decimals."""
    return {
        "objectives": [
            {
                "objective": f"{each.item}/{each.objective}",
                "value": numbers.text(each.value),
                "met": each.met,
                "tier": each.tier,
                "escalated": each.escalated,
                "percent": numbers.text(each.percent),
                **({"areas": [_of_area(area) for area in each.areas]} if each.areas else {}),
            }
            for each in found.answers
        ],
        "items": [
            {
                "item": each.item,
                "fee": numbers.text(each.fee),
                "percent": [numbers.text(each.least), numbers.text(each.most)],
                "amount": [str(each.least_amount), str(each.most_amount)],
            }
            for each in found.items
        ],
        "fees": numbers.text(found.fees),
        "total": [str(found.least), str(found.most)],
        "capped": found.capped,
    }
