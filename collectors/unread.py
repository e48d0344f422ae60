"""Answers that we failed to read: an error of ours at one device takes no other device's answer with it.

Decoders are fuzzed to raise nothing but their own error. Where one does all the same, what is left of that answer (that
it came, its raw bytes) is kept, the log has the error once, and health says of whom until an answer is read again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Container

T = TypeVar("T")
log = logging.getLogger(__name__)


class Unread:
    """Whose last answer could not be read, and why. `health` may be asked from another thread."""

    def __init__(self) -> None:
        self._why: dict[str, str] = {}

    def read(self, name: str, read: Callable[[], T], otherwise: Callable[[], T]) -> T:
        """Return what `read` makes of an answer of `name`; where it fails, what `otherwise` has left of it."""
        try:
            made = read()
        except Exception as error:
            if name not in self._why:
                log.exception("an answer could not be read", extra={"device": name})
            self._why[name] = f"{type(error).__name__}: {error}"
            return otherwise()
        self._why.pop(name, None)
        return made

    def keep(self, names: Container[str]) -> None:
        """Forget who has left the register."""
        self._why = {name: why for name, why in self._why.items() if name in names}

    def health(self) -> dict[str, str]:
        """Return what is wrong, by subject; nothing where every last answer was read."""
        held = self._why.copy()
        told = f"{len(held)} devices whose answer could not be read, such as "
        return {"answers": told + next(f"'{name}': {why}" for name, why in held.items())} if held else {}
