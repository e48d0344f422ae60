"""Issue a month's report: register and ledger in, a sealed bundle out. Used by the command and by the core alike.

`prepare` reads and builds; `ask` has the core do the same; `seal` is for the writer itself; `finish`
composes the bundle once a checkpoint covers the seal. Each step may be repeated: what is issued already stays so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inventory.errors import RegisterError
from inventory.model import Contract
from inventory.register import Register
from inventory.snapshot import snapshot
from netops import facts, sqlite
from netops.clock import utc
from netops.coverage import promised
from netops.errors import EvidenceError, NetopsError, UsageError, nearest
from netops.evidence import bundle as bundles
from netops.evidence import canonical, files
from netops.facts import Fact
from netops.founding import evidence_key, sm2_vkey
from netops.ledger import LedgerEntry
from netops.report import build, bundle, code, zone
from netops.report.leaves import Sealed
from netops.sign import Signer
from netops.sla import calendar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from inventory.snapshot import Snapshot
    from netops.config import Settings
    from netops.ledger import Ledger, LedgerReader
    from netops.report.bundle import Draft
    from netops.report.leaves import Leaves
    from netops.report.witnessed import Under
    from netops.spool import Spool

VKEY = "evidence.vkey"


class NobodySealsError(NetopsError):
    """No evidence writer took the facts; they wait in the spool."""

    exit_code = 75


def ledger_path(settings: Settings) -> Path:
    """Return where the ledger lies."""
    return settings.data.dir / "ledger.db"


def shelf(settings: Settings) -> Path:
    """Return the directory in which the core keeps issued bundles."""
    return settings.data.dir / "reports"


def place(settings: Settings, report: str) -> Path:
    """Return where the core keeps an issued bundle."""
    return shelf(settings) / f"{report}.zip"


def vkey(settings: Settings) -> str:
    """Return the ledger's public key; it lies beside the private one, which is read only where it does not yet."""
    path = evidence_key(settings).with_name(VKEY)
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        made = str(Signer.load(evidence_key(settings)).vkey)
        files.replace(path, made.encode() + b"\n")
        return made


def prepare(settings: Settings, ledger: LedgerReader, *, contract: str, month: str, now_ms: int) -> Draft:
    """Build the report on a month that is over; UsageError says what is missing."""
    ask, seen, leaves = _gathered(settings, ledger, contract=contract, month=month, now_ms=now_ms)
    return bundle.draft(
        ask,
        leaves,
        register=seen.canonical,
        vkeys=[each for each in (vkey(settings), sm2_vkey(settings)) if each],
        origin=ledger.origin,
    )


def supposed(
    settings: Settings, ledger: LedgerReader, fact: Fact, *, contract: str, month: str, now_ms: int
) -> Mapping[str, Any]:
    """Return what a ruling that nobody has stated yet would move in the report, as `report.json` tells it of one.

    Judged by the leaves of now and this fact behind them, as a revision would be that is made at once; nothing is kept.
    """
    ask, _, leaves = _gathered(settings, ledger, contract=contract, month=month, now_ms=now_ms)
    told = {"kind": fact.kind, "at_ms": fact.at_ms, "body": dict(fact.body)}
    leaf = {"fact": told, "rehearsal": ledger.rehearsal, "recorded_ms": now_ms}
    made = Sealed(ledger.size, canonical.dumps(leaf), leaf)
    beside = replace(leaves, all=(*leaves.all, made), steps=(*leaves.steps, made))
    return build.moved(ask, beside.timely((*ask.ever, *ask.contracts)), made.index)


def _gathered(
    settings: Settings, ledger: LedgerReader, *, contract: str, month: str, now_ms: int
) -> tuple[build.Ask, Snapshot, Leaves]:
    if ledger.rehearsal != settings.city.rehearsal:
        whose = "a rehearsal's" if ledger.rehearsal else "a production instance's"
        raise EvidenceError(f"ledger {ledger.path} is {whose}; this instance is not, and refuses it")
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        found = zone.load(_timezone(register, contract))
        start_ms, end_ms = calendar.month(month, found.tz())
        if end_ms > now_ms:
            raise UsageError(f"month {month} is not over in {found.name}; expected one that is")
        period = build.Period(name=month, start_ms=start_ms, end_ms=end_ms)
        ask, seen = _ask(register, found, period, contract=contract, rehearsal=ledger.rehearsal)
    leaves = bundle.gather(ledger, contract=contract, start_ms=start_ms, end_ms=end_ms, surveyed=_surveyed(ask))
    return ask, seen, leaves


def span(settings: Settings, *, contract: str, month: str) -> tuple[int, int]:
    """Return `[start, end)` of a month by the contract's time zone."""
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        return calendar.month(month, zone.load(_timezone(register, contract)).tz())


def so_far(settings: Settings, ledger: LedgerReader, *, contract: str, now_ms: int) -> build.Report:
    """Judge the hours of this month that are sealed: what the report would say if the month ended with the last one.

    Nothing is sealed, and no such figure owes anything: until the month is over all of it may change.
    """
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        found = zone.load(_timezone(register, contract))
        month = utc(now_ms).astimezone(found.tz()).strftime("%Y-%m")
        start_ms, _ = calendar.month(month, found.tz())
        leaves = bundle.gather(ledger, contract=contract, start_ms=start_ms, end_ms=now_ms)
        ends = [each.body["end_ms"] for each in leaves.of("availability_hour")]
        end_ms = max((each for each in ends if each <= now_ms), default=start_ms)
        if end_ms == start_ms:
            raise UsageError(f"contract {contract}: no hour of {month} is sealed yet; the core seals them as they pass")
        period = build.Period(name=f"{month}, so far", start_ms=start_ms, end_ms=end_ms)
        ask, _ = _ask(register, found, period, contract=contract, rehearsal=ledger.rehearsal)
    leaves = bundle.gather(ledger, contract=contract, start_ms=start_ms, end_ms=end_ms, surveyed=_surveyed(ask))
    return build.build(ask, leaves.timely((*ask.ever, *ask.contracts)))


def _surveyed(ask: build.Ask) -> frozenset[tuple[str, str]]:
    return promised.asked(each for each, _, _ in build.versions(ask.contracts, ask.period))


def _ask(
    register: Register, found: zone.Zone, period: build.Period, *, contract: str, rehearsal: bool
) -> tuple[build.Ask, Snapshot]:
    spells = register.spells("contract", start_ms=period.start_ms, end_ms=period.end_ms, name=contract)
    seen = snapshot(register, at_ms=period.end_ms - 1)
    versions = {each.record.version: each.record for each in spells if isinstance(each.record, Contract)}
    ever = [each.record for each in register.history("contract", contract)]
    ask = build.Ask(
        contracts=tuple(versions.values()),
        ever=tuple(each for each in ever if isinstance(each, Contract)),
        period=period,
        zone=found,
        register=seen.digest,
        catalogue=code.catalogue(),
        code=code.code(),
        rehearsal=rehearsal,
    )
    return ask, seen


def _timezone(register: Register, contract: str) -> str:
    told = [each.record for each in register.history("contract", contract)]
    versions = [each for each in told if isinstance(each, Contract)]
    if not versions:
        known = {each.record.id for each in register.spells("contract", start_ms=0, end_ms=2**53)}
        raise RegisterError(
            f"contract '{contract}' is not in the register{nearest(contract, known)}; `netops inventory show contracts`"
        )
    return versions[-1].timezone


def ask(spool: Spool, draft: Draft, *, now_ms: int) -> None:
    """Ask the core for a report, durable on return: it builds it itself, and takes nobody's word for a figure."""
    body = {"contract": draft.report.content["contract"], "month": draft.report.content["period"]["name"]}
    facts.submit(spool, Fact(kind="report_asked", at_ms=now_ms, body=body))


def unlike(ledger: LedgerReader, draft: Draft) -> str:
    """Return the name of a report that was issued as this revision of this month, and is another; or nothing."""
    for leaf in ledger.find("report_issued"):
        if leaf.fact.body["report"] == draft.name and bundle.issued(ledger, draft) is None:
            return draft.name
    return ""


def seal(ledger: Ledger, draft: Draft, *, now_ms: int) -> int:
    """Seal the facts of a report as the evidence writer, with a checkpoint over them; return the seal's index."""
    known = bundle.issued(ledger, draft)
    if known is None:
        source = f"report:{draft.name}"
        stated = bundle.facts(draft, now_ms=now_ms)
        entries = [LedgerEntry(source, number, fact) for number, fact in enumerate(stated)]
        ledger.append(entries, now_ms=now_ms)
        known = ledger.holds(source, 0)
    if known is None:
        raise EvidenceError(f"ledger {ledger.path}: report {draft.name} was not sealed")
    if ledger.covering(known) is None:
        ledger.checkpoint(now_ms=now_ms)
    return known


def written(settings: Settings) -> bool:
    """Whether some process holds the right to write the ledger."""
    try:
        sqlite.Claim(ledger_path(settings), wait_s=0).release()
    except OSError:
        return True
    return False


def finish(ledger: LedgerReader, draft: Draft, index: int, path: Path, under: Under | None = None) -> str:
    """Write the bundle under a checkpoint, by default the one that fits its policy best; return the file's SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return bundles.write(path, bundle.compose(ledger, draft, index, under))
