"""`netops dispute`: object to a report, answer, rule, settle.

The carrier's words (`key`, `object`, `accept`, `status BUNDLE`, `check`) need files and a key and nothing else: no
instance, no server, no account. What they write is a signed note, handed over as a file; `take` brings it to the city's
core, which asks the same questions again before it seals, and `receipt` gives the carrier what it can hold against the
city. The city's words need a staff account.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netops.commands import dispute_carrier, dispute_city, dispute_status
from netops.commands.approve import identity
from netops.dispute import codes, deciding
from netops.evidence import spoken
from netops.sign import Signer

if TYPE_CHECKING:
    import argparse

    from netops.config import Settings

SUMMARY = "The dispute over a report: object, accept, answer, rule, settle."


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="subcommand", required=True)
    key = below.add_parser("key", help="carrier: make a signing key; print what the city registers")
    key.add_argument("file", type=Path, help="the key's file to be made, for its owner alone")
    key.add_argument("--name", required=True, help="whose key it is: carrier-a/disputes")
    _of_the_carrier(below)
    status = below.add_parser("status", help="how each report stands, by bundles or by this instance's ledger")
    status.add_argument("bundle", type=Path, nargs="*", help="bundles to read instead of the ledger")
    status.add_argument("--json", action="store_true", help="one JSON array")
    status.add_argument(
        "--language",
        "--lang",
        choices=tuple(spoken.ASKED),
        help="of the words (default: by LC_ALL, LC_MESSAGES or LANG)",
    )
    take = below.add_parser("take", help="city: take a carrier's notes to the core")
    take.add_argument("file", type=Path, nargs="+", help="a note that the carrier signed")
    take.add_argument("--dry-run", action="store_true", help="check everything, state nothing")
    receipt = below.add_parser("receipt", help="city: write the receipt of a note that a carrier handed in")
    receipt.add_argument("note", type=Path, help="the note's file, as it was handed in")
    receipt.add_argument("--wait", type=int, default=0, metavar="SECONDS", help="for the core to seal it (%(default)s)")
    receipt.add_argument("--out", type=Path, help="the receipt to write (default: beside the note, NOTE.receipt)")
    _of_the_city(below)


def _of_the_carrier(below: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    made = below.add_parser("object", help="carrier: write a signed objection to a report")
    made.add_argument(
        "--code", required=True, help="; ".join(f"{code} ({kind})" for code, (kind, _) in codes.CODES.items())
    )
    made.add_argument("--claim", default="", help="the claim that it is about, by its name")
    made.add_argument("--survey", default="", help="the survey that it is about, by the SHA-256 of its file")
    made.add_argument("--area", default="", help="of a survey: its cells in this area alone")
    made.add_argument("--leaf", type=int, help="the leaf of the ledger that it is about")
    made.add_argument(
        "--service", default="", help="the service: with --from an incident, with --to as well an interval"
    )
    made.add_argument("--from", dest="start", default="", help="2026-10-12T02:00 (the contract's time) or with a zone")
    made.add_argument("--to", dest="end", default="", help="the end of an interval")
    made.add_argument("--asks", default="", help=f"code cause: whose account it goes on ({', '.join(codes.CAUSES)})")
    made.add_argument("--part-from", default="", help="an outage: from when on it is meant (default: all of it)")
    made.add_argument("--part-to", default="", help="an outage: until when it is meant (default: all of it)")
    made.add_argument(
        "--evidence",
        type=Path,
        action="append",
        default=[],
        help="a file whose SHA-256 goes into the objection; of several, that of a list written beside the note",
    )
    accepted = below.add_parser("accept", help="carrier: write a signed acceptance of a report")
    for each in (made, accepted):
        each.add_argument("bundle", type=Path, help="the report's bundle")
        each.add_argument("--key", type=Path, required=True, help="the key's file, as `netops dispute key` made it")
        each.add_argument(
            "--reason", default="", help="stands in the ledger for ever; names nobody; an objection needs it"
        )
        each.add_argument("--out", type=Path, help="the note to write (default: here, by its name)")
    check = below.add_parser(
        "check",
        help="carrier: what a receipt of the city says of a note, offline",
        description="Exit 0 when the note was taken, 3 when it was refused, 4 when the receipt does not hold.",
    )
    check.add_argument("receipt", type=Path, help="the file that `netops dispute receipt` wrote")
    check.add_argument("--note", type=Path, required=True, help="the note that was handed in")
    check.add_argument("--vkey", type=Path, action="append", required=True, help="a file of verifier keys: the city's")
    check.add_argument("--quorum", type=int, default=0, help="how many co-signers must have signed (%(default)s)")
    check.add_argument("--rehearsal", action="store_true", help="the receipt is a rehearsal's: nothing in it is real")
    check.add_argument("--json", action="store_true", help="tell as one JSON object")


def _of_the_city(below: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    rebut = below.add_parser("rebut", help="city: answer an objection")
    rebut.add_argument("objection")
    rebut.add_argument("stance", choices=deciding.STANCES)
    rebut.add_argument("--evidence", type=Path, help="a file whose SHA-256 goes into the answer")
    rule = below.add_parser("rule", help="city: rule on an answered objection, as another person than who answered")
    rule.add_argument("objection")
    rule.add_argument("outcome", choices=deciding.OUTCOMES)
    rule.add_argument("--minutes", type=int, help="partly_upheld, of a claim: how much of it")
    rule.add_argument(
        "--decides", default="", help="what follows, where the objection does not ask for it or for another"
    )
    rule.add_argument("--from", dest="start", default="", help="an outage, an interval: from when (default: as asked)")
    rule.add_argument("--to", dest="end", default="", help="an outage, an interval: until when (default: as asked)")
    final = below.add_parser("final", help="city: state that a report is final, with what it owes")
    final.add_argument("report")
    settle = below.add_parser("settle", help="city: state that what the final report owes was settled")
    settle.add_argument("report")
    settle.add_argument("amount", help="as the final report says: 240.00")
    settle.add_argument("currency", help="CNY")
    for each in (rebut, rule):
        each.add_argument("--reason", required=True, help="stands in the ledger for ever; names nobody")
    for each in (rebut, rule, final, settle):
        identity(each)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do it."""
    match args.subcommand:
        case "key":
            print(Signer.generate(args.file, args.name).vkey)
            return 0
        case "object" | "accept":
            return dispute_carrier.write(args)
        case "check":
            return dispute_carrier.check(args)
        case "status":
            return dispute_status.status(args, settings)
        case "take":
            return dispute_city.take(args, settings)
        case "receipt":
            return dispute_city.receipt(args, settings)
        case _:
            return dispute_city.state(args, settings)
