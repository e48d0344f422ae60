"""What `netops check` finds wrong with the list of witnesses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.witness import listed

if TYPE_CHECKING:
    from inventory.errors import Problem
    from inventory.snapshot import Snapshot
    from netops.config import Settings


def check(settings: Settings, _: Snapshot) -> list[Problem]:
    """Each line of `witnesses.txt` is a witness or the quorum; ConfigError names the one that is not."""
    listed.read(settings.data.dir / listed.FILE)
    return []
