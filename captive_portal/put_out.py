"""Which devices staff have put out: each reads a plain sentence, and is let in again by a login only, never by itself.

A device that is known comes in without a tap, so that putting it out would last until its next packet. It is kept for a
day, and over a restart by what stands in the record. A visit to a site that is open without a login is none: it is not
had by a tap, and what a gateway has let in alone forgives nothing.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import sqlalchemy as sa

from captive_portal.ajar import METHOD
from captive_portal.model import End
from captive_portal.tables import SESSION

if TYPE_CHECKING:
    from captive_portal.store import Store

FOR_MS = 86_400_000
MOST = 10_000


class PutOut:
    """Devices by their keyed identity; safe from several threads."""

    def __init__(self) -> None:
        self._since: dict[bytes, int] = {}
        self._lock = Lock()

    def note(self, identity: bytes, at_ms: int) -> None:
        """Note that staff have ended a visit of this device."""
        with self._lock:
            self._since.pop(identity, None)
            self._since[identity] = at_ms
            while len(self._since) > MOST:
                del self._since[next(iter(self._since))]

    def forgive(self, identity: bytes) -> None:
        """Forget it: the device has logged in anew."""
        with self._lock:
            self._since.pop(identity, None)

    def holds(self, identity: bytes, now_ms: int) -> bool:
        """Whether this device was put out within a day and has not logged in since."""
        with self._lock:
            at_ms = self._since.get(identity)
            if at_ms is not None and not -FOR_MS < now_ms - at_ms < FOR_MS:
                del self._since[identity]
                return False
            return at_ms is not None

    def take_up(self, store: Store, now_ms: int) -> None:
        """Read back who was put out before we were restarted."""
        later = SESSION.alias("later")
        same = sa.and_(later.c.identity == SESSION.c.identity, later.c.id != SESSION.c.id)
        logged_in = sa.and_(later.c.since_ms >= SESSION.c.ended_ms, later.c.method != METHOD)
        came_back = sa.exists().where(same, logged_in)
        wanted = (
            sa.select(SESSION.c.identity, SESSION.c.ended_ms)
            .where(SESSION.c.ended_ms > now_ms - FOR_MS, SESSION.c.end == str(End.DISCONNECTED), ~came_back)
            .order_by(SESSION.c.ended_ms)
        )
        for identity, ended_ms in store.read(lambda connection: connection.execute(wanted).all()):
            self.note(identity, ended_ms)
