"""Reads a backlog one batch ahead, in a thread of its own, while the drain hands on the batch before.

What it does has no effect on anything: it reads the spool, unpacks the polls, and packs their replies for the archive.
Much of that is the work of libraries which let the interpreter go on meanwhile. Whoever finds nothing ready, or not
what was wanted, reads for himself; so a kill, an error or a lane that changed costs the work and nothing else.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netops import chunks, wire
from netops.errors import SpoolError
from netops.spool import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
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
        self._thread: ThreadPoolExecutor | None = None
        self._coming: dict[tuple[Path, int], Future[Batch]] = {}

    def close(self) -> None:
        """Let go of what is under way."""
        self._coming.clear()
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
            self._thread = None

    def begin(self, spool: Path, *, after: int, limit: int) -> None:
        """Begin to read what comes after that sequence."""
        for other in [key for key in self._coming if key[0] == spool and key[1] != after]:
            del self._coming[other]
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
        if (spool, after) not in self._coming:
            self._coming[spool, after] = self._thread.submit(self._read, spool, after, limit)

    def take(self, spool: Path, *, after: int) -> Batch | None:
        """Return what was read ahead of there, None when it was somewhere else or could not be read."""
        coming = self._coming.pop((spool, after), None)
        return None if coming is None or coming.exception() is not None else coming.result()

    @contextmanager
    def holding(self, spool: Path, batch: Batch, *, after: int) -> Iterator[None]:
        """Hand a batch on; one that could not be is ready again: a store that is away is asked again and again."""
        try:
            yield
        except Exception:
            held: Future[Batch] = Future()
            held.set_result(batch)
            self._coming[spool, after] = held
            raise

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
