"""Polls that came without their rows, read again from their raw replies by the door that polled them.

A spool near its cap keeps the replies and leaves out what follows from them (`collectors/outbox.py`). The same rules
that explain an archived reply on a page give it back here; gaps, which no reply holds, are not made up.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from netops.errors import NetopsError
from netops.model import ANSWERED, Gap
from netops.series import rows
from netops.store.values import Outcome

if TYPE_CHECKING:
    from netops.model import Poll

log = logging.getLogger(__name__)
SNMP = "snmp"


def again(poll: Poll) -> Poll:
    """Return the poll with the rows that its replies hold, or as it is when it has rows, or none can be had."""
    if poll.rows or not poll.raw or poll.outcome != ANSWERED or not poll.profile:
        return poll
    decode = _decoder(poll.device.partition("/")[2] or SNMP)
    if decode is None:
        return poll
    try:
        found = decode(poll.device.partition("/")[0], Outcome.of(poll), poll.raw)
        gaps = [each for each in found if isinstance(each, Gap)]
        return replace(poll, rows=rows([each for each in found if not isinstance(each, Gap)], gaps))
    except Exception as error:  # noqa: BLE001  (whatever a spool of others brings as a reply, the core goes on)
        why = str(error) if isinstance(error, NetopsError) else f"{type(error).__name__}: {error}"[:200]
        log.warning("reply not read again", extra={"poll": poll.id, "why": why})
        return poll


@cache
def _decoder(door: str) -> Any:
    for entry in entry_points(group="netops.decoders"):
        if entry.name == door:
            return entry.load()
    return None
