"""Reads a backlog one batch ahead, in a thread of its own, while the drain hands on the batch before.

What it does has no effect on anything: it reads the spool, unpacks the polls, and packs their replies for the archive.
Much of that is the work of libraries which let the interpreter go on meanwhile. Whoever finds nothing ready, or not
what was wanted, reads for himself; so a kill, an error or a lane that changed costs the work and nothing else.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netops import chunks, wire
from netops.errors import SpoolError
from netops.spool import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from netops.model import Poll
    from netops.packed import Polled
    from netops.spool import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Records, what each holds or why it holds nothing, and their replies as the archive will keep them."""

    entries: Sequence[Entry]
    read: Sequence[Polled | SpoolError]
    ready: chunks.Ready | None = None

    def upto(self, end: int) -> Batch:
        """Return what lies up to a sequence."""
        count = sum(entry.sequence <= end for entry in self.entries)
        return self if count == len(self.entries) else Batch(entries=self.entries[:count], read=self.read[:count])


class Ahead:
    """One batch ahead in each spool; used from one thread, works in one other."""

    def __init__(self, *, again: Callable[[Poll], Polled], bears: Callable[[Polled], bool]) -> None:
        self._again = again
        self._bears = bears
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
        self._coming: dict[Path, tuple[int, Future[Batch]]] = {}

    def close(self) -> None:
        """Let go of what is under way."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def begin(self, spool: Path, *, after: int, limit: int) -> None:
        """Begin to read what comes after that sequence."""
        self._coming[spool] = (after, self._thread.submit(self._read, spool, after, limit))

    def take(self, spool: Path, *, after: int) -> Batch | None:
        """Return what was read ahead of there, None when it was somewhere else or could not be read."""
        begun, coming = self._coming.pop(spool, (0, None))
        if coming is None or begun != after or coming.exception() is not None:
            return None
        return coming.result()

    def _read(self, spool: Path, after: int, limit: int) -> Batch:
        with Reader(spool) as reader:
            entries = reader.read(after=after, limit=limit, kind="poll")
        batch = unpacked(entries, again=self._again)
        sound = [
            (entry.sequence, poll)
            for entry, poll in zip(batch.entries, batch.read, strict=True)
            if not isinstance(poll, SpoolError)
        ]
        return replace(batch, ready=chunks.prepare(sound, bears=self._bears)) if len(sound) == len(entries) else batch


def unpacked(entries: Sequence[Entry], *, again: Callable[[Poll], Polled]) -> Batch:
    """Return what the records hold; SpoolError when one is of another version: it waits, and all behind it.

    `again` gives a poll that was put without its rows those which its replies hold.
    """
    read: list[Polled | SpoolError] = []
    for entry in entries:
        wire.refuse_foreign(entry.payload)
        try:
            poll = wire.unpack(entry.payload)
        except SpoolError as error:
            read.append(error)
        else:
            read.append(poll if poll.tables or not poll.raw else again(poll.whole()))
    return Batch(entries=entries, read=read)
