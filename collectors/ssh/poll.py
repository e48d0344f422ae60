"""One visit as a Poll: which reads are due in a slot, and what becomes of what came. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from collectors.known_as import NOTHING
from collectors.poll import due_costs
from collectors.ssh.archive import kept
from collectors.ssh.decode import decode
from collectors.ssh.read_yaml import of_dialect
from netops.model import ANSWERED, Poll
from netops.series import rows

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from collectors.known_as import KnownAs
    from collectors.ssh.doors import Known
    from collectors.ssh.read import Read
    from collectors.ssh.transport import Came


def due(known: Known, slot_ms: int, interval_s: int, *, halted: Collection[str] = ()) -> tuple[Read, ...]:
    """Return the reads whose turn comes in this slot, with those whose rows they need; optics once an hour."""
    costs = due_costs(known.poll, slot_ms, interval_s) - set(halted)
    every = {read.name: read for read in of_dialect(known.dialect.name)}
    wanted: set[str] = set()

    def add(name: str) -> None:
        wanted.add(name)
        for other in (every[name].each, every[name].join):
            if other is not None:
                add(other.read)

    for read in every.values():
        if read.cost in costs and read.sheets and not read.on_demand:
            add(read.name)
    return tuple(read for read in every.values() if read.name in wanted)


def made(
    known: Known, slot_ms: int, reads: Sequence[Read], came: Came, *, lag_ms: float, names: KnownAs = NOTHING
) -> Poll:
    """Return the Poll of a visit. It was answered when something was read whole, or nothing was to be read.

    A subject that the SNMP poller knows by another name (`collectors/known_as.py`) is that one.
    """
    visited = came.visited
    taken = visited.taken if visited else ()
    decoded = decode(taken, device=known.device, at_ms=came.at_ms)
    observations = [replace(o, subject=names.subject(o.subject, known.device)) for o in decoded.observations]
    gaps = [replace(gap, subject=names.subject(gap.subject, known.device)) for gap in decoded.gaps]
    failures = [each.failed for each in taken if each.failed is not None]
    whole = left(known, slot_ms, came, lag_ms=lag_ms)
    nothing = came.failed is None and failures and len(failures) == len(taken)
    return replace(
        whole,
        outcome=failures[0].reason.value if nothing else whole.outcome,
        profile="+".join(read.name for read in reads),
        digest=hashlib.sha256("".join(read.digest for read in reads).encode()).hexdigest() if reads else "",
        rows=rows(observations, gaps),
    )


def left(known: Known, slot_ms: int, came: Came, *, lag_ms: float) -> Poll:
    """Return what is known of a visit before it is read, and left when that fails: what it came to, and its screens."""
    return Poll(
        device=known.poll,
        slot_ms=slot_ms,
        at_ms=came.at_ms,
        outcome=came.failed.reason.value if came.failed is not None else ANSWERED,
        attempts=1,
        rtt_ms=came.rtt_ms,
        lag_ms=lag_ms,
        raw=kept(came.visited.heard) if came.visited else b"",
    )
