"""Answers that are done, on their way to whoever asked: whole lists at a time."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from collectors.snmp.ask import Answer
    from collectors.snmp.counters import Counters

HandOver: TypeAlias = "Callable[[list[Answer]], None]"
_LOG = logging.getLogger(__name__)


class Tray:
    """What is done and not yet handed over, by who takes it."""

    __slots__ = ("_counters", "_done")

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._done: dict[HandOver, list[Answer]] = {}

    def __bool__(self) -> bool:
        return bool(self._done)

    def put(self, hand_over: HandOver, answer: Answer) -> None:
        """Take an answer."""
        if answer.failed is None:
            self._counters.answered += 1
        else:
            self._counters.failed += 1
        done = self._done.get(hand_over)
        if done is None:
            self._done[hand_over] = [answer]
        else:
            done.append(answer)

    def deliver(self) -> None:
        """Hand over what is done, a list for each that takes it."""
        done, self._done = self._done, {}
        for hand_over, answers in done.items():
            try:
                hand_over(answers)
            except Exception:  # noqa: BLE001  (one sink that fails must not stop the engine for all others)
                self._counters.hand_over_errors += 1
                _LOG.exception("hand_over failed; %d answers were not taken", len(answers))
