"""Click-through: whoever agrees to the terms is let in for a while. Nothing is believed, so nothing can be guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captive_portal.model import Grant

if TYPE_CHECKING:
    from captive_portal.methods import Refusal, Shown


class ClickThrough:
    """One button."""

    name = "click_through"
    template = "portal/click_through.html"

    def __init__(self, *, minutes: int) -> None:
        self.minutes = minutes

    def prove(self, shown: Shown, now_ms: int) -> Grant | Refusal:  # noqa: ARG002  (the protocol's)
        """Say yes for the configured time."""
        return Grant(method=self.name, until_ms=now_ms + self.minutes * 60_000)
