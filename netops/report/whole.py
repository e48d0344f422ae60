"""What a bundle carries to prove that nothing was left out of it: tallies, their heads, and the leaves told apart.

A report rests on some leaves of its contract; the ledger counts all of them. Those that it counts and the report does
not rest on (other months' claims and verdicts, hours sealed around the period) stand apart, so that the count can be
replayed. `netops/evidence/accounts.py` replays it; ADR 13 says what that proves.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from netops.errors import EvidenceError, NetopsError
from netops.evidence import tally
from netops.evidence.bundle import Whole
from netops.evidence.tally import EVERYBODY, HOUR, SHARED, SIGHT, STANDING, SURVEYED, Head

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from netops.evidence.canonical import JSON
    from netops.evidence.tally import Heads
    from netops.ledger import LedgerReader

Tallies = dict[int, dict[str, "Heads"]]


class OvertakenError(NetopsError):
    """Something that concerns the report was sealed between its building and its seal."""

    exit_code = 75


def proven(
    ledger: LedgerReader,
    *,
    contract: str,
    period: tuple[int, int],
    seal: int,
    used: Iterable[int],
    surveyed: Collection[tuple[str, str]] = (),
) -> tuple[Whole, list[int]]:
    """Return the proof for a report sealed at `seal`, and the indexes of its leaves.

    `surveyed` are the carriers and technologies whose surveys it was judged by: all of these carriers are shown.
    """
    rests = set(used)
    shown = _shown(ledger.tallies(0, seal), contract, start_ms=period[0], seal=seal)
    extra = sorted({tally.surveys(carrier) for carrier, _ in surveyed})
    held = {each: ledger.members(each) for each in (contract, EVERYBODY, *extra)}
    wanted = {index for index, (kind, _) in held[contract].items() if kind in STANDING and index < seal}
    wanted |= {index for index, (kind, _) in held[EVERYBODY].items() if kind in SHARED and index < seal}
    for whose, kind in [(contract, HOUR), *((EVERYBODY, kind) for kind in sorted(SIGHT))]:
        low, high = _around(shown, whose, kind, period)
        wanted |= {index for index, (its, _) in held[whose].items() if its == kind and low < index < high}
    if extra:
        told = (index for each in (EVERYBODY, *extra) for index, (kind, _) in held[each].items() if kind in SURVEYED)
        wanted |= {index for index in told if index < seal}
    apart = {index: _data(ledger, index) for index in sorted(wanted - rests)}
    tallies = {index: _data(ledger, index) for index in sorted(shown)}
    heads: list[JSON] = [_opened(index, shown[index], (contract, EVERYBODY, *extra)) for index in sorted(shown)]
    return Whole(tallies=tallies, heads=heads, apart=apart), [*tallies, *apart]


def _shown(found: Sequence[tuple[int, dict[str, Heads]]], contract: str, *, start_ms: int, seal: int) -> Tallies:
    """Return the tallies from the last one before the period (or the first of all) to the seal."""
    held = dict(found)
    if seal - 1 not in held:
        raise EvidenceError(
            f"ledger: no tally stands before the report's seal at leaf {seal}; restore it from the backup"
        )
    kinds = [(contract, HOUR), *((EVERYBODY, kind) for kind in SIGHT)]
    fixed = [index for index in held if tally.due(index)]
    before = [
        index
        for index in fixed
        if all(held[index].get(whose, {}).get(kind, Head()).latest_ms < start_ms for whose, kind in kinds)
        and contract in held[index]
    ]
    known = [index for index in fixed if contract in held[index]]
    first = max(before, default=min(known, default=seal))
    return {index: held[index] for index in held if (index in fixed and index >= first) or index == seal - 1}


def _around(shown: Tallies, whose: str, kind: str, period: tuple[int, int]) -> tuple[int, int]:
    """Return the tallies between which all leaves of the period lie: none came late after the second."""
    heads = {index: shown[index].get(whose, {}).get(kind, Head()) for index in sorted(shown)}
    last = max(heads)
    low = max((index for index, head in heads.items() if head.latest_ms < period[0]), default=-1)
    over = [i for i, h in heads.items() if i > low and h.latest_ms >= period[1] and h.late == heads[last].late]
    return low, min(over, default=last)


def _opened(index: int, heads: Mapping[str, Heads], accounts: Iterable[str]) -> JSON:
    """Return the heads of some accounts with their way to the root of the tally; surveys may have none in an early one.

    The contract's version opened that account (`tally.names`), so the last tally has it.
    """
    ordered = sorted(heads)
    hashes = [tally.account(subject, heads[subject]) for subject in ordered]
    told: dict[str, JSON] = {}
    for whose in (each for each in accounts if each in heads):
        place = ordered.index(whose)
        path: list[JSON] = [base64.b64encode(each).decode() for each in tally.path(hashes, place)]
        mine: dict[str, JSON] = {kind: each.plain() for kind, each in heads[whose].items()}
        told[whose] = {"heads": mine, "path": path, "place": place}
    return {"index": index, "accounts": told}


def _data(ledger: LedgerReader, index: int) -> bytes:
    (leaf,) = ledger.entries(index, index + 1)
    return leaf.data
