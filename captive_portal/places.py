"""Where visitors find the portal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netops.config import Settings


def base_url(settings: Settings) -> str:
    """Return where visitors find the portal, without a slash at the end."""
    at = settings.portal.listen
    host = f"[{at.host}]" if ":" in at.host else at.host
    return (settings.portal.public_url or f"http://{host}:{at.port}").rstrip("/")
