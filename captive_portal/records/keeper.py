"""What the portal does with its records each hour: seal anew who is still here, erase what is due, state the head.

What it states is durable before it is noted as stated: a crash between the two states it again, and the fact's digest
tells that it is the same.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from captive_portal.records import chain, retention, subject
from captive_portal.tables import RECORD
from netops.facts import Fact, submit

if TYPE_CHECKING:
    from captive_portal.records.persons import Persons
    from captive_portal.store import Store
    from netops.config import Settings
    from netops.evidence.canonical import JSON
    from netops.spool import Spool

STATED = "records.stated"  # the newest entry that the last head was of


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Keeps the records of one portal."""

    settings: Settings
    store: Store
    persons: Persons
    spool: Spool

    def round(self, now_ms: int) -> int:
        """Do all of it; return how many sessions were erased. Safe to interrupt anywhere and to repeat."""
        retention.renew(self.store, self.persons, now_ms)
        subject.fulfil(self.store, self.persons, self.settings, now_ms)
        purged = retention.purge(self.store, self.persons, self.settings, now_ms)
        self.state(now_ms, sessions=purged.sessions)
        return purged.sessions

    def state(self, now_ms: int, *, sessions: int = 0) -> None:
        """State the chain's head, and the certificates since the last time; nothing when nothing was recorded since."""
        stated, number, head, certificates = self.store.read(_since)
        if number == stated:
            return
        submit(self.spool, *erasures(certificates, now_ms, sessions=sessions), _head(number, head, now_ms))
        self.store.write(lambda connection: retention.note(connection, STATED, number))


def erasures(certificates: list[Any], now_ms: int, *, sessions: int = 0) -> list[Fact]:
    """Return the facts that certificates of the chain are told by: one of all slices, one of each key."""
    facts, slices = [], []
    for row in certificates:
        body = json.loads(row.body)
        if row.kind == chain.DESTROYED:
            told = {name: body[name] for name in ("period", "key", "rows")}
            facts.append(_erased({"why": "key", **told, "digest": row.digest.hex()}, now_ms))
        else:
            slices.append((row, body))
    for why in ("retention", "wish"):
        own = [(row, body) for row, body in slices if body["why"] == why]
        if own:
            told = {
                "why": why,
                "entries": sum(body["entries"] for _, body in own),
                "certificates": len(own),
                "before_ms": max(body["before_ms"] for _, body in own),
                "digest": hashlib.sha256(b"".join(row.digest for row, _ in own)).hexdigest(),
            }
            count = sum(body.get("sessions", 0) for _, body in own) if why == "wish" else sessions
            facts.append(_erased({**told, "sessions": count}, now_ms))
    return facts


def _erased(body: dict[str, JSON], now_ms: int) -> Fact:
    return Fact(kind="records_erased", at_ms=now_ms, body=body)


def _head(number: int, head: bytes, now_ms: int) -> Fact:
    return Fact(kind="portal_records", at_ms=now_ms, body={"entries": number, "head": head.hex()})


def _since(connection: sa.Connection) -> tuple[int, int, bytes, list[Any]]:
    """Return what was stated last, the newest entry with its head, and the certificates between."""
    stated = int(retention.noted(connection, STATED) or 0)
    number, head = chain.last(connection)
    wanted = sa.select(RECORD).where(RECORD.c.n > stated, RECORD.c.kind.in_(chain.CERTIFICATES))
    return stated, number, head, list(connection.execute(wanted.order_by(RECORD.c.n)))
