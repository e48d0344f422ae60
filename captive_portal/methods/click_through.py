"""Click-through: whoever agrees to the terms is let in for a while. Nothing is believed, so nothing can be guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captive_portal.methods import Method
from captive_portal.model import Grant

if TYPE_CHECKING:
    from captive_portal.methods import Shown


class ClickThrough(Method):
    """One button."""

    name = "click_through"
    template = "portal/click_through.html"
    plain = True

    def prove(self, shown: Shown, now_ms: int) -> Grant:
        """Say yes for as long as the site allows."""
        return Grant(method=self.name, until_ms=now_ms + shown.bounds.seconds * 1000)
