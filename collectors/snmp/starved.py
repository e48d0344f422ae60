"""How long this thread was ready to run and got no processor: time that no device can be blamed for."""

from __future__ import annotations

import os

_FILE = "/proc/thread-self/schedstat"  # nanoseconds run, nanoseconds waited on a run queue, turns (Linux)
_NS = 1e-9


class Starved:
    """The thread's waits for a processor, from look to look. Used by one thread; opened by its first look."""

    def __init__(self) -> None:
        self._file = -1
        self._seen = 0.0

    def since(self) -> float | None:
        """Return the seconds waited since the last look; None at the first, and where the kernel does not tell."""
        first = self._file < 0
        try:
            if first:
                self._file = os.open(_FILE, os.O_RDONLY | os.O_CLOEXEC)
            told = int(os.pread(self._file, 96, 0).split()[1]) * _NS
        except (OSError, ValueError, IndexError):
            return None
        waited, self._seen = told - self._seen, told
        return None if first else waited

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
