"""Which texts of the terms visitors were shown: kept beside their consents, whatever becomes of the files.

A consent names a text by its digest. Who asks years later what was agreed to gets the words, not a number: so a text is
kept before it is shown, and the words of a version do not change under those who have agreed to them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import sqlalchemy as sa

from captive_portal.errors import PortalError
from captive_portal.tables import CONSENT, TERMS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from captive_portal.agreement import Library, Terms
    from captive_portal.store import Store


class AlteredError(PortalError):
    """A text is not the one that visitors have agreed to under its name."""


def publish(store: Store, library: Library, now_ms: int) -> int:
    """Keep every text that is not kept yet; durable on return. Return how many. AlteredError keeps none."""

    def known(connection: sa.Connection) -> dict[tuple[str, str], str]:
        rows = connection.execute(sa.select(TERMS.c.version, TERMS.c.language, TERMS.c.digest))
        return {(row.version, row.language): row.digest for row in rows}

    kept = store.read(known)
    fresh = [one for key, one in library.texts.items() if kept.get(key) != one.digest]
    if not fresh:
        return 0
    replaced = [one for one in fresh if (one.version, one.language) in kept]
    return store.write(lambda connection: _write(connection, fresh, replaced, now_ms))


def _write(connection: sa.Connection, fresh: Iterable[Terms], replaced: Iterable[Terms], now_ms: int) -> int:
    for one in replaced:
        agreed = sa.select(CONSENT.c.session).where(
            CONSENT.c.terms == one.version, CONSENT.c.language == one.language, CONSENT.c.digest != one.digest
        )
        if connection.execute(agreed.limit(1)).first() is not None:
            where = f"{one.version}.{one.language}.txt"
            remedy = "restore the file, and give the new words a version of their own"
            raise AlteredError(f"terms {where}: visitors have agreed to other words under this name; {remedy}")
        old = sa.delete(TERMS).where(TERMS.c.version == one.version, TERMS.c.language == one.language)
        connection.execute(old)
    rows = [
        {"digest": one.digest, "version": one.version, "language": one.language, "text": one.text, "since_ms": now_ms}
        for one in fresh
    ]
    for row in rows:  # the same words may stand under two names: the first is enough for their digest
        if connection.execute(sa.select(TERMS.c.digest).where(TERMS.c.digest == row["digest"])).first() is None:
            connection.execute(sa.insert(TERMS), row)
    return len(rows)


def digests(connection: sa.Connection) -> set[str]:
    """Return the digests of the texts that are kept and are what their digest says."""
    rows = connection.execute(sa.select(TERMS.c.digest, TERMS.c.text))
    return {row.digest for row in rows if hashlib.sha256(row.text.encode()).hexdigest() == row.digest}
