"""What one reply means for what was asked: pure functions from (request, reply) to the next step.

A GetBulk reply is read by position: varbind i belongs to column i mod n (RFC 3416 section 4.2.3), whatever its
length. A column ends where its OID leaves the column or the view; an OID that does not increase is a protocol fault
(it could go on for ever). Replies whose columns stand in another order are put right; rows never are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from collectors.snmp.varbind import END_OF_MIB_VIEW, NO_SUCH_INSTANCE, NO_SUCH_OBJECT, Oid, dotted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collectors.snmp.pdu import Kind
    from collectors.snmp.template import Template

_ENDS = frozenset({END_OF_MIB_VIEW, NO_SUCH_OBJECT, NO_SUCH_INSTANCE})


class Request:
    """One question: a Get of some instances, or one GetBulk of a walk's columns. Compared by identity.

    `columns` are the places in the ask (index in `gets`, or column numbers of walk number `walk`), `roots` the
    columns' OIDs, `oids` what is sent. `memo` keeps steps already worked out for replies of a known shape.
    """

    __slots__ = ("columns", "kind", "memo", "oids", "repetitions", "roots", "templates", "walk")

    def __init__(
        self,
        kind: Kind,
        oids: tuple[Oid, ...],
        columns: tuple[int, ...],
        *,
        walk: int = -1,
        roots: tuple[Oid, ...] = (),
        repetitions: int = 0,
    ) -> None:
        self.kind = kind
        self.oids = oids
        self.columns = columns
        self.walk = walk
        self.roots = roots
        self.repetitions = repetitions
        self.memo: dict[int, tuple[tuple[Oid, ...], Step]] = {}
        self.templates: dict[bytes, Template] = {}

    def __repr__(self) -> str:
        return f"Request({self.kind.name}, {[dotted(oid) for oid in self.oids]}, repetitions={self.repetitions})"

    def with_repetitions(self, repetitions: int) -> Request:
        """Return the same question for fewer rows."""
        return Request(self.kind, self.oids, self.columns, walk=self.walk, roots=self.roots, repetitions=repetitions)

    def halves(self) -> tuple[Request, Request]:
        """Return the question in two: half the instances, or half the columns each."""
        middle = len(self.oids) // 2
        return self.only(range(middle)), self.only(range(middle, len(self.oids)))

    def only(self, positions: Sequence[int]) -> Request:
        """Return the question for some of its positions."""
        return Request(
            self.kind,
            tuple(self.oids[p] for p in positions),
            tuple(self.columns[p] for p in positions),
            walk=self.walk,
            roots=tuple(self.roots[p] for p in positions) if self.roots else (),
            repetitions=self.repetitions,
        )


class Take(NamedTuple):
    """Which of a reply's varbinds belong to a column, and their (shared) names and tags."""

    column: int
    pick: slice
    oids: tuple[Oid, ...]
    tags: tuple[int, ...]


class Step(NamedTuple):
    """What a walk's reply means: what to keep, what to ask next (None: the columns are done), and what was wrong."""

    takes: tuple[Take, ...]
    after: Request | None
    cells: int
    fault: str = ""
    column: int = -1  # where the fault is
    order: tuple[int, ...] | None = None  # how the reply's varbinds must be rearranged first


def walk_step(request: Request, oids: tuple[Oid, ...], tags: tuple[int, ...], *, bulk_varbinds: int) -> Step:
    """Return the step that a GetBulk reply of these names and tags means."""
    most = len(request.oids) * request.repetitions  # an agent that sends more than it was asked for is not followed
    oids, tags = oids[:most], tags[:most]
    step = _by_position(request, oids, tags, bulk_varbinds)
    order = _put_right(request, oids) if step.fault and len(request.oids) > 1 else None
    if order is None:
        return step
    righted = _by_position(request, tuple(oids[i] for i in order), tuple(tags[i] for i in order), bulk_varbinds)
    return step if righted.fault else righted._replace(order=tuple(order))


def _by_position(request: Request, oids: tuple[Oid, ...], tags: tuple[int, ...], bulk_varbinds: int) -> Step:
    width = len(request.oids)
    takes: list[Take] = []
    going: list[int] = []
    cursors: list[Oid] = []
    count = 0
    for position, (column, root, cursor) in enumerate(zip(request.columns, request.roots, request.oids, strict=True)):
        mine = oids[position::width]
        depth = len(root)
        last = cursor
        taken = 0
        ended = False
        for oid, tag in zip(mine, tags[position::width], strict=True):
            if tag in _ENDS or oid[:depth] != root:
                # An OID before the column is no end of it: an honest agent never goes back.
                if tag not in _ENDS and oid <= last:
                    return _fault(takes, count, column, last, oid)
                ended = True
                break
            if oid <= last:
                return _fault(takes, count, column, last, oid)
            last = oid
            taken += 1
        if taken:
            pick = slice(position, position + taken * width, width)
            takes.append(Take(column, pick, oids[pick], tags[pick]))
            count += taken
        if not ended:
            going.append(position)
            cursors.append(last)
    if not going:
        return Step(tuple(takes), None, count)
    return Step(tuple(takes), _onward(request, going, cursors, bulk_varbinds), count)


def _fault(takes: list[Take], count: int, column: int, last: Oid, oid: Oid) -> Step:
    return Step(tuple(takes), None, count, f"{dotted(oid)} follows {dotted(last)}: OIDs must increase", column)


def _onward(request: Request, going: list[int], cursors: list[Oid], bulk_varbinds: int) -> Request:
    grown = max(1, bulk_varbinds // len(going)) if len(going) < len(request.oids) else request.repetitions
    return Request(
        request.kind,
        tuple(cursors),
        tuple(request.columns[p] for p in going),
        walk=request.walk,
        roots=tuple(request.roots[p] for p in going),
        repetitions=min(grown, request.repetitions * len(request.oids) // len(going) or 1),
    )


def _put_right(request: Request, oids: tuple[Oid, ...]) -> list[int] | None:
    """Return the order in which the varbinds stand by column, or None when they do not all belong to full rows."""
    width = len(request.oids)
    if len(oids) % width:
        return None
    queues: list[list[int]] = [[] for _ in range(width)]
    for at, oid in enumerate(oids):
        for position, root in enumerate(request.roots):
            if oid[: len(root)] == root:
                queues[position].append(at)
                break
        else:
            return None
    rows = len(oids) // width
    if any(len(queue) != rows for queue in queues):
        return None
    return [queues[position][row] for row in range(rows) for position in range(width)]
