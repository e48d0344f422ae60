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


class Tray(dict["HandOver", "list[Answer]"]):
    """What is done and not yet handed over, by who takes it. A dict itself: whether it is empty is asked every turn."""

    __slots__ = ("_counters",)

    def __init__(self, counters: Counters) -> None:
        super().__init__()
        self._counters = counters

    def put(self, hand_over: HandOver, answer: Answer) -> None:
        """Take an answer."""
        if answer.failed is None:
            self._counters.answered += 1
        else:
            self._counters.failed += 1
        done = self.get(hand_over)
        if done is None:
            self[hand_over] = [answer]
        else:
            done.append(answer)

    def deliver(self) -> None:
        """Hand over what is done, a list for each that takes it."""
        done = tuple(self.items())
        self.clear()
        for hand_over, answers in done:
            try:
                hand_over(answers)
            except Exception:  # noqa: BLE001  (one sink that fails must not stop the engine for all others)
                self._counters.hand_over_errors += 1
                _LOG.exception("hand_over failed; %d answers were not taken", len(answers))
