"""An audit of the ledger's file: every hash, column and account recomputed from the bytes of the leaves.

Leaves are taken in blocks of 4096. A sound block is hashed level by level and compared as a whole; one that is not is
gone through again leaf by leaf, which names the first place that is off. Nothing here writes.
"""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import canonical, merkle, tally
from netops.facts import Fact
from netops.ledger_accounts import Accounts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Query = Callable[..., list[tuple[Any, ...]]]
    Row = tuple[int, str, int, str, int, bytes]  # position, source, sequence, kind, at_ms, data

BLOCK = tally.EVERY
LEVELS = BLOCK.bit_length() - 1
_DUE = BLOCK - 1  # where in a block its tally stands

_COUNTED = tally.KINDS | {tally.KIND}
_RECORDED, _SEQUENCE = b',"recorded_ms":', b',"sequence":'


class Audit:
    """One pass over the file; `query` answers SQL with rows."""

    def __init__(self, path: Path, query: Query) -> None:
        self._path = path
        self._query = query
        self._frontier = merkle.Frontier()
        self._told = Accounts(known=lambda _: ())  # all names are told in the course of it

    def run(self, size: int) -> None:
        """Go through the first `size` leaves; EvidenceError names the first place that is off."""
        for start in range(0, size, BLOCK):
            end = min(start + BLOCK, size)
            rows = self._rows(start, end)
            if not self._sound(start, rows, self._hashes(start, end)):
                self._one_by_one(end, rows, self._nodes(start, end))
            self._filed(start, end)
        if self._query("SELECT count(*) FROM node")[0][0] != 2 * size - size.bit_count():
            raise EvidenceError(f"ledger {self._path}: holds nodes that no leaf accounts for")

    def _sound(self, start: int, rows: Sequence[Row], hashes: list[bytes]) -> bool:
        """Whether a whole block holds; then it is counted. Nothing is counted of one that does not."""
        if len(rows) != BLOCK or not _are_filed(rows):  # as many as there are places: so none is missing
            return False
        levels = merkle.levels([sha256(b"\x00" + row[5]).digest() for row in rows])
        made = _post_order()([each for level in levels for each in level])
        frontier = merkle.Frontier(start >> LEVELS, self._frontier.peaks)
        above = tuple(node for _, _, node in frontier.append(levels[-1][0]))[1:]
        if hashes != [*made, *above]:  # as many as there are numbers: so each stands under its own
            return False
        for at in [at for at, row in enumerate(rows) if row[3] in _COUNTED or at == _DUE]:
            self._counted(start + at, _fact(rows[at]), levels[0][at])
        self._frontier = merkle.Frontier(start + BLOCK, frontier.peaks)
        return True

    def _one_by_one(self, end: int, rows: Sequence[Row], nodes: Sequence[tuple[int, bytes]]) -> None:
        held = dict(nodes)
        for row in rows:
            if row[0] != self._frontier.size:
                raise self._missing()
            digest = merkle.leaf_hash(row[5])
            for level, position, made in self._frontier.append(digest):
                if held.get(merkle.number(level, position)) != made:
                    raise EvidenceError(f"ledger {self._path}: leaf {row[0]} does not lead to node {level}/{position}")
            self._check_columns(row)
            self._counted(row[0], _fact(row), digest)
        if self._frontier.size != end:
            raise self._missing()

    def _missing(self) -> EvidenceError:
        first = self._frontier.size
        last = self._query("SELECT min(position) FROM leaf WHERE position >= ?", first)[0][0] - 1
        what = f"leaf {first} is" if first == last else f"leaves {first} to {last} are"
        return EvidenceError(f"ledger {self._path}: {what} missing; restore the file from the backup")

    def _check_columns(self, row: Row) -> None:
        index, columns = row[0], list(row[1:5])
        try:
            value = json.loads(row[5])
            told = [value["source"], value["sequence"], value["fact"]["kind"], value["fact"]["at_ms"]]
        except (ValueError, LookupError, TypeError) as error:
            raise EvidenceError(f"ledger {self._path}: leaf {index} was changed ({error})") from None
        if columns != told:
            raise EvidenceError(f"ledger {self._path}: leaf {index} is filed under {columns}; its bytes differ")

    def _counted(self, index: int, fact: Fact, digest: bytes) -> None:
        """Check that a tally is that of the leaves before it, and stands wherever one is due."""
        if tally.due(index) and fact.kind != tally.KIND:
            raise EvidenceError(f"ledger {self._path}: leaf {index} is no tally; one is due there")
        if fact.kind == tally.KIND and self._told.tally(index, now_ms=0).body != fact.body:
            raise EvidenceError(f"ledger {self._path}: the tally at leaf {index} is not that of the leaves before it")
        self._told.add(index, fact, digest)

    def _filed(self, start: int, end: int) -> None:
        """Check the rows of accounts and tallies that a block of leaves makes."""
        members = "SELECT subject, kind, position, at_ms FROM member WHERE position >= ? AND position < ?"
        sealed = "SELECT position, CAST(heads AS BLOB) FROM tally WHERE position >= ? AND position < ?"
        told = self._told
        if (
            sorted(self._query(members, start, end)) != sorted(told.members)
            or sorted(self._query(sealed, start, end)) != told.tallies
        ):
            raise EvidenceError(
                f"ledger {self._path}: the accounts of leaves {start} to {end - 1} are not those of their bytes"
            )
        told.members.clear()
        told.tallies.clear()

    def _rows(self, start: int, end: int) -> list[Row]:
        sql = (
            "SELECT position, source, sequence, kind, at_ms, CAST(data AS BLOB) FROM leaf"
            " WHERE position >= ? AND position < ? ORDER BY position"
        )
        return self._query(sql, start, end)

    def _hashes(self, start: int, end: int) -> list[bytes]:
        """Return the hashes of those nodes in the order of their numbers; one that is no blob is none of ours."""
        sql = "SELECT hash FROM node WHERE number >= ? AND number < ? ORDER BY number"
        found = self._query(sql, merkle.number(0, start), merkle.number(0, end))
        return [each for (each,) in found]

    def _nodes(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return `(number, hash)` of the nodes that the leaves `[start, end)` complete."""
        sql = "SELECT number, CAST(hash AS BLOB) FROM node WHERE number >= ? AND number < ? ORDER BY number"
        return self._query(sql, merkle.number(0, start), merkle.number(0, end))


def _are_filed(rows: Sequence[Row]) -> bool:
    """Whether all columns are those of the leaves' bytes; False may also mean that this quick look cannot tell.

    Within a JSON text a quote is escaped, so no text can imitate what stands between the parts of a leaf. When a leaf
    was recorded, and whether in a rehearsal, no column says: it is taken from the last leaf that said it otherwise.
    """
    kinds = {kind: b'},"kind":"%b"}' % kind.encode() for kind in {row[3] for row in rows}}
    sources = {source: b',"source":%b}' % canonical.dumps(source) for source in {row[1] for row in rows}}
    recorded = b""
    for _, source, sequence, kind, at_ms, data in rows:
        if not data.startswith(b'{"fact":{"at_ms":%d,"body":{' % at_ms):
            return False
        end = b"%b%b%d%b" % (kinds[kind], recorded, sequence, sources[source])
        if not data.endswith(end) or not recorded:
            fact, mark, filed = data.rpartition(_RECORDED)
            when, _, own = filed.partition(_SEQUENCE)
            recorded = mark + when + _SEQUENCE
            if not fact.endswith(kinds[kind]) or own != b"%d%b" % (sequence, sources[source]):
                return False
    return True


def _fact(row: Row) -> Fact:
    try:
        return Fact(**json.loads(row[5])["fact"])
    except (ValueError, LookupError, TypeError) as error:
        raise EvidenceError(f"ledger: leaf {row[0]} was changed ({error}); restore the file from the backup") from None


@cache
def _post_order() -> Callable[[Sequence[bytes]], tuple[bytes, ...]]:
    """Return what puts the hashes of a block's levels, one after the other, into the order of their numbers."""
    places = [0] * (2 * BLOCK - 1)
    at = 0
    for level in range(LEVELS + 1):
        for position in range(BLOCK >> level):
            places[merkle.number(level, position)] = at
            at += 1
    return itemgetter(*places)
