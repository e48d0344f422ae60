"""`netops report`: build a contract's report for a month, have it sealed, and write its bundle.

The command reads register and ledger and builds; it holds no key, and nobody takes its figures. It asks the core for
the report (`report_asked`), which builds and seals it; what both built is the same, or the command says so.
Then the bundle is written with the proof of its own leaf. Without a running core it ends with 75.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from inventory.errors import InventoryError
from netops import correcting, raw
from netops.clock import iso, to_ms
from netops.closing import GRACE_MS, EarlyError, awaited, untaken
from netops.commands import report_summary
from netops.commands.report_words import Speaker
from netops.errors import EvidenceError, NetopsError, UsageError
from netops.evidence import bundle as bundles
from netops.evidence import spoken
from netops.evidence.told import WHOSE
from netops.founding import evidence_key, signer
from netops.journal import Journal
from netops.ledger import Ledger
from netops.ledger_file import LedgerReader, NoLedgerError
from netops.report import bundle, counts, issue, pdf, trace, witnessed
from netops.report.issue import NobodySealsError
from netops.spool import Spool
from netops.store import open_store
from netops.witness import policy
from netops.witness.circle import Circle

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from typing import Any

    from netops.config import Settings
    from netops.report.bundle import Draft
    from netops.report.words import Language

SUMMARY = "Build a contract's report for a month, sealed and recomputable."
OK, BREACH = 0, 3
SHORT = WHOSE  # written and whole, and fewer co-signed than the policy asks for: as `netops audit verify` says of it
PAUSE_S = 0.2


class OtherError(UsageError):
    """The core issued another report than was built here."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A written bundle: its file and digest, how many witnesses signed its checkpoint, how many its policy asks for."""

    draft: Draft
    path: Path
    digest: str
    cosigned: int
    quorum: int


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="what", required=True)
    made = below.add_parser("build", help="build, seal, and write the bundle")
    made.add_argument("--contract", required=True, help="the contract's id")
    made.add_argument("--month", required=True, metavar="YYYY-MM", help="a calendar month of the contract's time zone")
    made.add_argument("--out", type=Path, help="the bundle to write (default: CONTRACT-MONTH-rREVISION.zip here)")
    made.add_argument("--seal-here", action="store_true", help="no core runs: be the evidence writer oneself")
    made.add_argument(
        "--wait",
        type=float,
        default=180.0,
        metavar="S",
        help="how long to wait for core and witnesses (%(default)s)",
    )
    made.add_argument("--dry-run", action="store_true", help="build and tell, state and write nothing")
    made.add_argument("--json", action="store_true", help="tell as one JSON object")
    made.add_argument("--strict", action="store_true", help="exit 3 when an objective was missed, before 5")
    shown = below.add_parser("status", help="how each objective stands this month, by the hours that are sealed")
    shown.add_argument("--contract", required=True, help="the contract's id")
    shown.add_argument("--json", action="store_true", help="tell as one JSON object")
    report_summary.arguments(
        below.add_parser("summary", help="the month on one page, of the closed reports: PDF, or its figures as JSON")
    )
    traced = below.add_parser(
        "trace",
        help="follow one deduction of a bundle down to the device's bytes, which are on the city's machine",
    )
    traced.add_argument(
        "bundle", type=Path, help="the bundle's file; what it says is verified by `netops audit verify`"
    )
    traced.add_argument("--service", required=True, help="the service whose incident to follow")
    traced.add_argument("--at", metavar="TIME", help="an instant of it, such as 2026-10-08T03:10Z (default: the first)")
    traced.add_argument(
        "--raw", type=Path, metavar="DIR", help="on the city's machine: also write the replies there, as they came"
    )
    for each in (made, shown, traced):
        each.add_argument(
            "--language",
            "--lang",
            choices=tuple(spoken.ASKED),
            help="of the words (default: by LC_ALL, LC_MESSAGES or LANG)",
        )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do it."""
    if args.what == "summary":
        return report_summary.run(args, settings)
    speaker = Speaker(spoken.chosen(args.language, os.environ))
    try:
        if args.what == "trace":
            return _trace(args, settings, "zh" if speaker.language == "zh_CN" else "en")
        return _status(args, settings, speaker) if args.what == "status" else _build(args, settings, speaker)
    except (NetopsError, InventoryError) as error:
        error.args = (speaker.refusal(str(error)),)
        raise


def _build(args: argparse.Namespace, settings: Settings, speaker: Speaker) -> int:
    if args.dry_run:
        with LedgerReader(issue.ledger_path(settings)) as ledger:
            draft = issue.prepare(settings, ledger, contract=args.contract, month=args.month, now_ms=args.now_ms)
        return _tell(args, draft, None, None, speaker)
    sealed = _sealed_here(args, settings) if args.seal_here else _sealed_by_core(args, settings, speaker)
    return _tell(args, sealed.draft, sealed, evidence_key(settings).with_name(issue.VKEY), speaker)


def _out(args: argparse.Namespace, settings: Settings, draft: Draft) -> Path:
    return args.out or Path(issue.place(settings, draft.name).name)


def _sealed_here(args: argparse.Namespace, settings: Settings) -> Sealed:
    with Ledger(
        issue.ledger_path(settings),
        origin=settings.ledger_origin,
        rehearsal=settings.city.rehearsal,
        signer=signer(settings),
    ) as ledger:
        _refuse_early(args, settings, ledger)
        circle = Circle(settings.data.dir, ledger, threading.RLock())
        circle.state()
        draft = issue.prepare(settings, ledger, contract=args.contract, month=args.month, now_ms=args.now_ms)
        if bundle.issued(ledger, draft) is None and (late := correcting.unsettled(draft.report.content)):
            raise EarlyError(
                f"contract {args.contract}: samples of {len(late)} hours of {args.month} came late, and the contract "
                "asks that they are stated again first: start `netops up`, which does it and issues the report"
            )
        index = issue.seal(ledger, draft, now_ms=args.now_ms)
        asked = policy.before(ledger, index)
        if witnessed.chosen(ledger, index, asked).count < asked.quorum:
            try:
                circle.round()
            except EvidenceError as error:  # who does not sign now is told of; the report is sealed
                print(error, file=sys.stderr)
        return _written(args, settings, ledger, draft, index)


def _refuse_early(args: argparse.Namespace, settings: Settings, ledger: Ledger) -> None:
    """Refuse to issue a month of which something is still to be stated: it would be unknown, for ever."""
    _, end_ms = issue.span(settings, contract=args.contract, month=args.month)
    why = f"it ends at {iso(end_ms)}" if args.now_ms < end_ms + GRACE_MS else ""
    states = settings.data.dir / "states.db"
    if not why:
        with Journal(states) if states.exists() else nullcontext() as journal:
            why = awaited(ledger, journal, args.contract, end_ms) or untaken(settings, end_ms)
    if why:
        raise EarlyError(
            f"contract {args.contract}: hours of {args.month} are still to be sealed: {why}; "
            "start `netops up`, which states them and issues the report"
        )


def _sealed_by_core(args: argparse.Namespace, settings: Settings, speaker: Speaker) -> Sealed:
    with LedgerReader(issue.ledger_path(settings)) as ledger:
        draft = issue.prepare(settings, ledger, contract=args.contract, month=args.month, now_ms=args.now_ms)
        if bundle.issued(ledger, draft) is None:
            if not issue.written(settings):
                raise NobodySealsError(
                    "no core runs, so nobody can seal the report; start `netops up`, or use --seal-here on this machine"
                )
            (settings.data.dir / "spool").mkdir(exist_ok=True)
            with Spool(settings.data.dir / "spool" / "cli.db", source="cli") as spool:
                issue.ask(spool, draft, now_ms=args.now_ms)
        try:
            index = _awaited(ledger, draft, args.wait, speaker)
        except OtherError:  # facts may have come between this command's building and the core's
            again = issue.prepare(settings, ledger, contract=args.contract, month=args.month, now_ms=args.now_ms)
            if again.name != draft.name:
                raise
            draft, index = again, _awaited(ledger, again, args.wait, speaker)
        return _written(args, settings, ledger, draft, index)


def _written(args: argparse.Namespace, settings: Settings, ledger: LedgerReader, draft: Draft, index: int) -> Sealed:
    """Write the bundle under the checkpoint that fits its policy best."""
    asked = policy.before(ledger, index)
    under = witnessed.chosen(ledger, index, asked)
    path = _out(args, settings, draft)
    return Sealed(draft, path, issue.finish(ledger, draft, index, path, under), under.count, asked.quorum)


def _awaited(ledger: LedgerReader, draft: Draft, wait_s: float, speaker: Speaker) -> int:
    """Return the index of the sealed report once a checkpoint covers it, co-signed as its policy asks.

    When the time is over, a checkpoint without the co-signatures will do: the bundle says what it lacks.
    """
    deadline = time.monotonic() + wait_s
    index: int | None = None
    told = False
    while True:
        over = time.monotonic() >= deadline
        index = bundle.issued(ledger, draft) if index is None else index
        if index is not None and ledger.covering(index) is not None:
            asked = policy.before(ledger, index)
            if over or witnessed.chosen(ledger, index, asked).count >= asked.quorum:
                return index
            if not told:
                print(speaker.say("waiting", wait=f"{wait_s:.0f}", quorum=asked.quorum), file=sys.stderr)
            told = True
        elif index is None and (name := issue.unlike(ledger, draft)):
            raise OtherError(
                f"report {name}: the core issued another one than this command built: it runs another release, or has "
                "other fonts; its bundle lies in `reports` of the data directory"
            )
        elif over:
            what = "is not sealed yet" if index is None else "is under no checkpoint yet"
            raise NobodySealsError(
                f"report {draft.name} {what} after {wait_s:.0f} s; what asks for it waits in the spool, repeat it later"
            )
        time.sleep(PAUSE_S)


def _tell(args: argparse.Namespace, draft: Draft, sealed: Sealed | None, vkey: Path | None, speaker: Speaker) -> int:
    content = draft.report.content
    if args.json:
        told = {
            "report": draft.name,
            "digest": draft.report.digest,
            "bundle": str(sealed.path) if sealed else "",
            "bundle_digest": sealed.digest if sealed else "",
            "cosigned": sealed.cosigned if sealed else 0,
            "quorum": sealed.quorum if sealed else draft.report.content.get("witnessing", {}).get("quorum", 0),
            "rehearsal": content["rehearsal"],
            "verdicts": [
                {"objective": v.objective, "version": v.version, "outcome": v.outcome, "value": v.value}
                for v in draft.report.verdicts
            ],
            "credit": content["credit"]["total"],
            "currency": content["credit"]["currency"],
        }
        print(json.dumps(told, ensure_ascii=False))
    else:
        _print(draft, speaker)
        if sealed:
            path, keys = sealed.path, "" if sealed.quorum else f" --vkey {vkey}"  # the instance knows its witnesses
            flag = " --rehearsal" if content["rehearsal"] else ""
            missing = json.loads(draft.members[pdf.PAPERS]).get("missing", "")
            if missing:
                print(speaker.say("no_papers", missing=speaker.refusal(missing)), file=sys.stderr)
            print(speaker.say("wrote", path=path, keys=keys, flag=flag), file=sys.stderr)
            if sealed.cosigned < sealed.quorum:
                short = speaker.say("short", cosigned=sealed.cosigned, quorum=sealed.quorum)
                print(short, file=sys.stderr)
    if args.strict and draft.report.breached:
        return BREACH
    return SHORT if sealed and sealed.cosigned < sealed.quorum else OK


def _status(args: argparse.Namespace, settings: Settings, speaker: Speaker) -> int:
    with LedgerReader(issue.ledger_path(settings)) as ledger:
        content = issue.so_far(settings, ledger, contract=args.contract, now_ms=args.now_ms).content
    if args.json:
        print(json.dumps(content["parts"], ensure_ascii=False))
        return OK
    if content["rehearsal"]:
        print(speaker.say("rehearsal"))
    period = content["period"]
    print(speaker.say("so_far", contract=content["contract"], period=period["name"], end=period["end"]))
    _objectives(content, speaker)
    return OK


def _trace(args: argparse.Namespace, settings: Settings, language: Language) -> int:
    if not args.bundle.is_file():
        raise UsageError(f"{args.bundle}: no such file; expected a bundle, the .zip that `netops report build` writes")
    given = trace.way(bundles.open_bundle(args.bundle), service=args.service, at_ms=_instant(args.at))
    path = issue.ledger_path(settings)
    try:
        with LedgerReader(path) as ledger, raw.build(settings) as archive, open_store(settings) as store:
            seen = list(trace.looks(given, store=store, archive=archive, ledger=ledger))
    except NoLedgerError as error:
        print("\n".join([*trace.told(given, (), language), *trace.owed(given, language)]))
        raise NoLedgerError(
            f"{args.bundle}: the bytes are with the city: run this on its machine (here: {error})"
        ) from None
    for line in trace.told(given, seen, language):
        print(line)
    for each in seen if args.raw else ():
        args.raw.mkdir(parents=True, exist_ok=True)
        name = f"{each.poll.replace('/', '_').replace('@', '-')}.bin"
        (args.raw / name).write_bytes(each.replies)
    return OK


def _instant(text: str | None) -> int | None:
    """Return an ISO instant in ms UTC; UsageError for one without a zone, which could be anywhere."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min  # noqa: DTZ901  (refused below, with the form)
    if at.tzinfo is None:
        raise UsageError(f"--at '{text}': expected an instant with its zone, such as 2026-10-08T03:10Z")
    return to_ms(at)


def _print(draft: Draft, speaker: Speaker) -> None:
    content = draft.report.content
    if content["rehearsal"]:
        print(speaker.say("rehearsal"))
    named = {"contract": content["contract"], "period": content["period"]["name"], "revision": content["revision"]}
    print(speaker.say("head", **named))
    _objectives(content, speaker)
    print(speaker.say("credit", total=content["credit"]["total"], currency=content["credit"]["currency"]))


def _beside(each: Mapping[str, Any], speaker: Speaker) -> str:
    """Return how many things were judged, and the mean that they come to, where an objective is of these."""
    told = speaker.say("n", count=counts.number(each)) if each["indicator"] in counts.INDICATORS else ""
    mean = counts.mean(each)
    return told + (speaker.say("mean", mean=mean) if mean else "")


def _objectives(content: Mapping[str, Any], speaker: Speaker) -> None:
    items = [item for part in content["parts"] for item in part["items"]]
    rows = [(f"{item['item']}/{each['objective']}", each) for item in items for each in item["objectives"]]
    surfaces = [(f"{item['item']}/{each['objective']}", each) for item in items for each in item.get("coverage", ())]
    if not rows and not surfaces:
        raise UsageError(f"contract {content['contract']} has no objective to report on")
    for name, each in rows:
        told = {"shown": each["shown"] or "?", "target": each["target"], "unknown": each["unknown_shown"]}
        print(
            speaker.say("objective", name=name, verdict=speaker.say(each["verdict"]), **told) + _beside(each, speaker)
        )
    for name, each in surfaces:
        row = each["whole"]
        told = {"shown": row["area_shown"] or "?", "target": row["area_target"], "unknown": row["unknown_shown"]}
        print(speaker.say("surface", name=name, verdict=speaker.say(each["verdict"]), **told))
