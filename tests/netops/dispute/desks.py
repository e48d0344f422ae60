"""What both desks of a dispute do in tests: commands at their hour, a core's turn, a month that was watched."""

import argparse
import json

from netops import config, facts, founding, spool
from netops.access import approvals, tables
from netops.access.admission import Admission
from netops.commands import dispute
from netops.dispute import papers, silence
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.report import issue
from netops.sign import Signer
from netops.sla import calendar, timeline
from netops.sla.intervals import Cause, State
from netops.sla.timeline import Sample

H, M, DAY = 3_600_000, 60_000, 86_400_000
START, END = calendar.month("2026-10", calendar.zone("Asia/Shanghai"))
NOW = END + 34 * H  # Monday, 2 November, 10:00
LATER = END + 16 * DAY  # the day after the carrier's window
FIRST, SECOND = "wifi-2026-2026-10-r1", "wifi-2026-2026-10-r2"
PEOPLE = ("wang.min", "zhao", "chen")


class Day:
    """The clock of a test; a command is given its hour."""

    def __init__(self, now_ms):
        self.at = now_ms

    def now_ms(self):
        return self.at


def words(command, settings, *given, now_ms=NOW):
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    args = parser.parse_args([str(each) for each in given])
    args.now_ms = now_ms
    return command.run(args, settings)


def writer(settings):
    signer = Signer.load(founding.evidence_key(settings))
    return Ledger(issue.ledger_path(settings), origin=settings.ledger_origin, signer=signer)


MONTH = ("--contract", "wifi-2026", "--month", "2026-10")
WINDOW = {
    "contract": "wifi-2026",
    "class": "planned-work",
    "start_ms": START + 200 * H,
    "end_ms": START + 204 * H,
    "services": ["*"],
}


def late_claim():
    """Maintenance that two persons allowed and that was told of too late: the four hours that were down."""
    asked = {"request": "req-late", "action": "exclusion", "subject": "req-late", "by": "li.na", "role": "operator"}
    decided = {"request": "req-late", "decision": "approved", "by": "zhao", "role": "contract_manager", "reason": "x"}
    told = [
        ("exclusion_claim", {"claim": "req-late", **WINDOW, "reason": "x", "by": "li.na"}),
        ("approval_request", {**asked, "digest": approvals.digest(WINDOW), "terms": WINDOW, "reason": "x"}),
        ("approval_decision", decided),
    ]
    return [Fact(kind=kind, at_ms=START + 190 * H, body=body) for kind, body in told]


def stuck_claims():
    """Claims that no ruling puts in: nobody approved the first, the contract has no class of the second's."""
    first = {"claim": "req-open", **WINDOW, "reason": "x", "by": "li.na"}
    second = {**first, "claim": "req-odd", "class": "weather"}
    return [Fact(kind="exclusion_claim", at_ms=START + 190 * H, body=body) for body in (first, second)]


def hour(start_ms, *, lost):
    down = (State.DOWN, Cause.CARRIER, "parent:ac-1")
    up = (State.UP, Cause.NONE, "")
    slots = range(start_ms, start_ms + H, M)
    return timeline.runs([Sample(at, at, *(down if lost else up)) for at in slots], step_ms=M)


def at_desk(folder, *given, now_ms=NOW):
    return words(
        dispute, config.load(None, environ={}, overrides=[f"data.dir={folder / 'none'}"]), *given, now_ms=now_ms
    )


def objected(folder, *about, code="claim_refused", bundle="r1.zip", out="o.note", now_ms=NOW):
    about = about or ("--claim", "req-late")
    given = (
        "object",
        bundle,
        "--key",
        "disputes.key",
        "--code",
        code,
        *about,
        "--reason",
        "见第12号文件",
        "--out",
        out,
    )
    assert at_desk(folder, *given, now_ms=now_ms) == 0
    return folder / out


def sealed(settings, *, now_ms=NOW):
    """What the core does with the command line's spool and with who is silent; the refusals by their reason."""
    path, why = settings.data.dir / "spool" / "cli.db", []
    with writer(settings) as ledger:
        gate = Admission(ledger, tables.url(settings), terms=papers.here(settings, now_ms=now_ms)[1])
        found = spool.read(path, after=0, limit=1000) if path.exists() else []
        entries = [LedgerEntry(each.source, each.sequence, facts.decode(each.payload)) for each in found]
        why = gate.refuses(entries, now_ms=now_ms)
        ledger.append([each for each, reason in zip(entries, why, strict=True) if not reason], now_ms=now_ms)
        while missed := silence.missed(gate.cases(), gate.terms, until_ms=now_ms, awaited=gate.awaited()):
            ledger.append(missed, now_ms=now_ms)
        ledger.checkpoint(now_ms=now_ms)
    return [reason for reason in why if reason]


def state_of(settings, capsys, *bundles, now_ms=NOW):
    capsys.readouterr()
    assert words(dispute, settings, "status", *bundles, "--json", now_ms=now_ms) == 0
    (row,) = json.loads(capsys.readouterr().out)
    return row


def name_of(settings, capsys):
    return state_of(settings, capsys)["objections"][0]["objection"]
