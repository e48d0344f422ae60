"""The same question twice (RFC 5080 section 2.2.2): a datagram that is sent again gets the answer it got.

Source address and port, identifier and authenticator together name a request. A lost answer is so repaired by the
controller's retry without being judged anew: a one-time token holds for one question, however often it arrives.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeAlias

WINDOW_S = 30.0  # controllers retry for 5 to 30 s
MOST = 100_000
Source: TypeAlias = tuple[str, int, int]


class Repeats:
    """Answers of the last half minute. For one thread."""

    def __init__(self, *, window_s: float = WINDOW_S, most: int = MOST) -> None:
        self.met = 0
        self._window_s = window_s
        self._most = most
        self._answers: OrderedDict[Source, tuple[bytes, bytes, float]] = OrderedDict()

    def answer(self, source: Source, authenticator: bytes, now: float) -> bytes | None:
        """Return what this very question was answered with; None for a new one, though it has an old one's number."""
        held = self._answers.get(source)
        if held is None or held[0] != authenticator or now - held[2] > self._window_s:
            return None
        self.met += 1
        return held[1]

    def keep(self, source: Source, authenticator: bytes, answer: bytes, now: float) -> None:
        """Remember an answer; the oldest are forgotten."""
        self._answers.pop(source, None)
        self._answers[source] = authenticator, answer, now
        while self._answers:
            first = next(iter(self._answers.values()))
            if now - first[2] <= self._window_s and len(self._answers) <= self._most:
                return
            self._answers.popitem(last=False)

    def __len__(self) -> int:
        return len(self._answers)
