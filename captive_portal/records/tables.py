"""The tables of `persons.db`: what visitors were identified by, apart from everything that they did.

Nothing here says where somebody was; nothing in `portal.db` says who. What joins the two is a keyed hash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from inventory.sql import Migrations

if TYPE_CHECKING:
    from pathlib import Path

    from netops.config import Settings

METADATA = sa.MetaData()

PERSON = sa.Table(
    "person",
    METADATA,
    sa.Column("hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("period", sa.String(7), primary_key=True, index=True),  # the month whose key it is sealed with
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)

PERIOD = sa.Table(
    "period",
    METADATA,
    sa.Column("period", sa.String(7), primary_key=True),
    sa.Column("key", sa.String(64), nullable=False),  # SHA-256 of the key: which one was destroyed
    sa.Column("rows", sa.Integer),  # how many have gone; none before its end is under way
    sa.Column("destroyed_ms", sa.BigInteger),
    sa.Column("certified_ms", sa.BigInteger),
)

WISH = sa.Table(
    "wish",  # who wants to be forgotten: used for nothing any more but what the law demands, erased when that is over
    METADATA,
    sa.Column("hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("by", sa.String(128), nullable=False),
)

PROOF = sa.Table(
    "proof",  # a code that was sent to a number whose owner asks what we hold
    METADATA,
    sa.Column("hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("code", sa.LargeBinary(32), nullable=False),
    sa.Column("sent_ms", sa.BigInteger, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("used_ms", sa.BigInteger),
)


def keys(settings: Settings) -> Path:
    """Return the directory of the months' keys: apart from the database, so that a backup of one is not of both."""
    return settings.data.dir / "persons" / "keys"


def url(settings: Settings) -> str:
    """Return where the persons are."""
    return f"sqlite:///{settings.room('persons') / 'persons.db'}"


MIGRATIONS = Migrations(name="persons", package="captive_portal.records", url=url)
