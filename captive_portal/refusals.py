"""How often on end a gateway has refused to let a visit in again, by the memory that it had then.

A gateway that has just come up may refuse for a while (its uplink is not there yet), so it is asked for some rounds
before a refusal is its answer. What it refused with another memory says nothing about this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


class Refusals:
    """The refusals of every gateway, of its present memory alone."""

    def __init__(self) -> None:
        self._rounds: dict[str, tuple[str, dict[str, int]]] = {}  # gateway → its memory; visit → rounds on end

    def note(self, gateway: str, born: str, refused: Collection[str]) -> None:
        """Take in which visits were refused in this round: who is not among them begins anew."""
        before = self._of(gateway, born)
        self._rounds[gateway] = born, {each: before.get(each, 0) + 1 for each in refused}

    def rounds(self, gateway: str, born: str, visit: str) -> int:
        """Return in how many rounds on end this memory has refused a visit."""
        return self._of(gateway, born).get(visit, 0)

    def _of(self, gateway: str, born: str) -> dict[str, int]:
        memory, rounds = self._rounds.get(gateway, ("", {}))
        return rounds if memory == born else {}
