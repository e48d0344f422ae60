"""What is known of a dispute: from bundles alone, at a carrier's desk, or from the ledger, at the city's.

A bundle holds every leaf of its contract's disputes up to its own seal; several of them together tell as much as the
newest. What is read here is not verified: `netops audit verify` does that, without an account as well.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from inventory import codec
from inventory.errors import RegisterError
from inventory.model import Contract
from inventory.register import Register
from inventory.snapshot import snapshot
from netops import facts
from netops.access import disputes, record
from netops.dispute import about, codes, listening, notes, states, terms
from netops.errors import EvidenceError
from netops.evidence import bundle as bundles
from netops.evidence import canonical
from netops.evidence.members import APART, CONTRACT, LEAVES, MANIFEST, REPORT
from netops.evidence.note import VerifierKey
from netops.facts import Fact
from netops.ledger_file import LedgerReader
from netops.report import issue
from netops.vocabulary import expected, instant

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from netops.access.disputes import Known
    from netops.config import Settings
    from netops.dispute.notes import Said
    from netops.dispute.terms import Lookup

KINDS = frozenset(disputes.RESTS_ON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A bundle as its reader needs it: which report, over which manifest, what it tells of, and the dispute's facts."""

    report: str
    manifest_digest: str
    facts: dict[int, tuple[Fact, int]]
    leaves: int
    versions: tuple[tuple[Contract, int, int], ...]
    told: about.Told


def paper(path: Path) -> Paper:
    """Read a bundle; EvidenceError when it is none, or holds something that no bundle holds."""
    try:
        return _paper(path)
    except RegisterError as error:
        raise EvidenceError(f"{path}: {CONTRACT}: {error}") from None
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise EvidenceError(f"{path}: is no report's bundle ({type(error).__name__} {error})") from None
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read ({error.strerror}); expected a report's bundle") from None


def _paper(path: Path) -> Paper:
    bundle = bundles.open_bundle(path)
    at, sealed = bundle.seal()
    rows = [*bundle.leaves(LEAVES), *bundle.leaves(APART), (at, sealed)]
    manifest = canonical.digest(bundle.member(MANIFEST))
    body = json.loads(sealed)["fact"]["body"]
    if body["manifest_digest"] != manifest:
        raise EvidenceError(f"{path}: its manifest is not the one that its seal names; get the bundle again")
    return Paper(
        report=str(body["report"]),
        manifest_digest=manifest,
        facts={index: told for index, data in rows if (told := _told(json.loads(data))) is not None},
        leaves=at + 1,
        versions=tuple(_versions(canonical.loads(bundle.member(CONTRACT)))),
        told=about.read(canonical.loads(bundle.member(REPORT)), map(str, filter(None, map(_survey, rows)))),
    )


def _survey(row: tuple[int, bytes]) -> str:
    """Return the survey that a leaf states, by the SHA-256 of its file; the empty string where it states none."""
    if b'"survey_import"' not in row[1]:
        return ""
    fact = json.loads(row[1])["fact"]
    return str(fact["body"]["survey"]) if fact["kind"] == "survey_import" else ""


def _told(leaf: Any) -> tuple[Fact, int] | None:
    fact = Fact(**leaf["fact"])
    if fact.kind not in KINDS:
        return None
    facts.check(fact)
    known_ms = fact.at_ms if leaf["rehearsal"] else leaf["recorded_ms"]
    if not instant(known_ms):
        raise EvidenceError(f"{fact.kind}: recorded_ms is {known_ms}; expected {expected(instant)}")
    return fact, known_ms


def _versions(told: Any) -> Iterable[tuple[Contract, int, int]]:
    held = sorted(told, key=lambda each: (each["valid_from_ms"], each["version"]))
    for each in held:
        made = codec.decode("contract", json.dumps(each))
        assert isinstance(made, Contract)
        yield made, made.valid_from_ms, made.ends_ms or terms.FOR_EVER_MS


def together(papers: Iterable[Paper], keys: tuple[VerifierKey, ...] = ()) -> tuple[Known, Lookup]:
    """Return what bundles know together, and the terms of their contracts; `keys` are believed to be the carrier's.

    EvidenceError when two of them tell differently of one leaf: they are not of one ledger, or one was altered.
    """
    told: dict[int, tuple[Fact, int]] = {}
    versions: dict[tuple[str, str], tuple[Contract, int, int]] = {}
    leaves = 0
    for each in papers:
        for index, fact in each.facts.items():
            if told.setdefault(index, fact) != fact:
                raise EvidenceError(f"{each.report}: tells something else of leaf {index} than another of these files")
        leaves = max(leaves, each.leaves)
        versions |= {(contract.id, contract.version): (contract, start, end) for contract, start, end in each.versions}
    find = terms.lookup(sorted(versions.values(), key=lambda version: version[1]), {})

    def own(contract: str, at_ms: int) -> terms.Terms | None:
        found = find(contract, at_ms)
        return replace(found, keys=keys) if found is not None else None

    held = disputes.known([told[index] for index in sorted(told)], leaves=leaves)
    return replace(held, cases=replace(held.cases, keys={})), own  # which keys speak by now, no bundle can know


def here(settings: Settings, *, now_ms: int) -> tuple[Known, Lookup]:
    """Return what this instance's ledger and spools know, and the terms by its register."""
    told: list[tuple[Fact, int]] = []
    leaves, breaks = 0, listening.NEVER
    if record.ledger_path(settings).exists():
        with LedgerReader(record.ledger_path(settings)) as ledger:
            found = sorted((leaf for kind in KINDS for leaf in ledger.find(kind)), key=lambda leaf: leaf.index)
            told = [(leaf.fact, leaf.fact.at_ms if ledger.rehearsal else leaf.recorded_ms) for leaf in found]
            leaves = ledger.size
            if not settings.city.rehearsal:
                breaks = listening.known(listening.path(settings), ledger).at(now_ms)
    told += [(fact, now_ms) for fact, sealed in record.stated(settings, KINDS) if not sealed]
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        lookup = terms.of_register(register, snapshot(register, at_ms=now_ms).carriers)
    return disputes.known(told, leaves=leaves, breaks=breaks), lookup


def signers(settings: Settings, *, now_ms: int, among: Collection[str] | None = None) -> tuple[VerifierKey, ...]:
    """Return the keys of the carriers of this instance's register, or of some `among` them."""
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        carriers = snapshot(register, at_ms=now_ms).carriers
    asked = [each for each in carriers if among is None or each.id in among]
    return tuple(VerifierKey.parse(key) for each in asked for key in each.keys)


def kept(settings: Settings, report: str) -> Paper | None:
    """Return the bundle of an issued report that the core keeps, or None where it keeps none."""
    path = issue.place(settings, report)
    return paper(path) if path.is_file() else None


def claims(settings: Settings, case: states.Case) -> Mapping[str, frozenset[str]]:
    """Return what the newest report of a case says of each claim; nothing where the core keeps no bundle of it."""
    try:
        held = kept(settings, case.last.name)
    except EvidenceError:
        return {}
    return held.told.claims if held is not None else {}


def follows(each: states.Objection, claims: Callable[[], Mapping[str, Collection[str]]]) -> str:
    """Return the word for what must be stated so that an upheld objection moves something, or the empty string.

    Who rules says what follows, or is refused; silence rules what was asked for. `claims` reads what the report says of
    each claim, and is asked only where one is objected to.
    """
    if each.outcome not in {"upheld", "partly_upheld"}:
        return ""
    effects = claims().get(each.target, ()) if each.code == codes.REFUSED_CLAIM else ()
    decided = each.ruled_by != states.DEADLINE or bool(each.asks)
    return codes.follows(each.code, decided=decided, effects=effects)


def case_of(known: Known, report: str) -> states.Case:
    """Return the case of a report; EvidenceError when nobody issued it."""
    case = known.cases.of_report(report)
    if case is None:
        raise unissued(report)
    return case


def unissued(report: str) -> EvidenceError:
    """Return what is said of a report that nobody issued, or that does not exist for whoever asks."""
    return EvidenceError(f"there is no report '{report}'; it is not of this ledger, or was never issued")


def missing(said: Said, held: Paper, case: states.Case, find: Lookup) -> str:
    """Return why the report tells of nothing that an objection could be about, or the empty string."""
    found = find(case.contract, case.end_ms - 1)
    if said.kind != notes.OBJECTION or found is None:
        return ""
    target, until_ms = codes.target(said.told["target"]), said.told.get("end_ms", 0)
    return about.missing(target, held.told, found.zone, until_ms=until_ms)
