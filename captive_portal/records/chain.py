"""The chain of the records: who was let in and when it ended, append-only, each entry bound to all before it.

An entry's digest is over its number, time, kind and canonical body; a head is over the head before and the digest. The
bodies hold what the law keeps for a while and privacy ends: they can be erased, and the chain still stands, because it
is made of the digests. Whoever can write the file could compute another chain; the heads that stand as facts in the
ledger (each hour) are what it would have to agree with.

Pure but for `append`, which writes into the transaction of what it records: there is no session without its entry.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from captive_portal.tables import RECORD
from inventory.sql import Many
from netops.evidence import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netops.evidence.canonical import JSON

GENESIS = hashlib.sha256(b"netops.portal.records.1").digest()

OPENED = "opened"  # a session's record: device, person, place, method, addresses, time, policy, consent
WIDENED = "widened"  # further addresses of the device, another end of the time
ENDED = "ended"  # how, when, and how many octets
ERASED = "erased"  # a certificate: which entries hold their digest alone from here on, and why
DESTROYED = "key_destroyed"  # a certificate: the key of a month is gone, and what it sealed with it
_LAST = sa.select(RECORD.c.n, RECORD.c.head).order_by(RECORD.c.n.desc()).limit(1)  # made once: a login waits for it
_INSERT = Many(sa.insert(RECORD), "n", "at_ms", "kind", "body", "digest", "head")
CERTIFICATES = (ERASED, DESTROYED)  # nothing personal: never erased themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is to be recorded."""

    kind: str
    at_ms: int
    body: Mapping[str, JSON]


def digest(number: int, at_ms: int, kind: str, body: bytes) -> bytes:
    """Return an entry's digest; a session's random id in the body keeps anybody from guessing an erased one."""
    return hashlib.sha256(b"netops.record.1\n%d\n%d\n%b\n%b" % (number, at_ms, kind.encode(), body)).digest()


def head(before: bytes, entry: bytes) -> bytes:
    """Return the head after an entry."""
    return hashlib.sha256(before + entry).digest()


def last(connection: sa.Connection) -> tuple[int, bytes]:
    """Return the number and the head of the newest entry; (0, GENESIS) of an empty chain."""
    row = connection.execute(_LAST).first()
    return (row.n, row.head) if row else (0, GENESIS)


def append(connection: sa.Connection, entries: Sequence[Entry]) -> None:
    """Append in the transaction of a writer. The last head is read in it: several processes may write."""
    if not entries:
        return
    number, before = last(connection)
    rows = []
    for entry in entries:
        number += 1
        body = canonical.dumps(dict(entry.body))
        own = digest(number, entry.at_ms, entry.kind, body)
        before = head(before, own)
        rows.append((number, entry.at_ms, entry.kind, body.decode(), own, before))
    _INSERT.run(connection, rows)
