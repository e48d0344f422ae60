"""The portal's tables: sessions with their addresses, consents, vouchers. Times are milliseconds UTC.

The MAC stands in clear only while a session lives, because the firewall needs it; at its end the column is emptied and
`identity`, the keyed hash, remains for joins. A voucher is its keyed hash: the code itself is shown once, when made.

The portal process writes sessions; voucher batches, and what staff ask of a visit, are also written by the staff page
and the command line, in short transactions of their own (SQLite's own lock, rollback journal: no file is opened by two
libraries).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from inventory.sql import Migrations

if TYPE_CHECKING:
    from netops.config import Settings

METADATA = sa.MetaData()

META = sa.Table(
    "portal_meta",
    METADATA,
    sa.Column("key", sa.String(32), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

SESSION = sa.Table(
    "portal_session",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("identity", sa.LargeBinary(32), nullable=False),
    sa.Column("interface", sa.String(15), nullable=False),
    sa.Column("mac", sa.String(17)),
    sa.Column("site", sa.String(128), nullable=False),
    sa.Column("method", sa.String(32), nullable=False),
    sa.Column("voucher", sa.LargeBinary(32)),
    sa.Column("since_ms", sa.BigInteger, nullable=False),
    sa.Column("until_ms", sa.BigInteger, nullable=False),
    sa.Column("online_ms", sa.BigInteger),
    sa.Column("ended_ms", sa.BigInteger),
    sa.Column("end", sa.String(16)),
    sa.Column("bounds", sa.Text, nullable=False, server_default="[0, 0, 0, 0, 0]"),
    sa.Column("person", sa.LargeBinary(32)),
    sa.Column("policy", sa.String(64), nullable=False, server_default=""),
    sa.Column("octets_up", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("octets_down", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("meter", sa.Text),  # of a live one with a volume bound: octets, and where its doors' counters stood
)
sa.Index("portal_session_person", SESSION.c.person, SESSION.c.since_ms)
_LIVE = SESSION.c.ended_ms.is_(None)
sa.Index("portal_session_live", SESSION.c.until_ms, sqlite_where=_LIVE, postgresql_where=_LIVE)
sa.Index("portal_session_identity", SESSION.c.identity, SESSION.c.since_ms)
sa.Index("portal_session_voucher", SESSION.c.voucher)

ADDRESS = sa.Table(
    "portal_address",
    METADATA,
    sa.Column("session", sa.String(32), primary_key=True),
    sa.Column("address", sa.String(45), primary_key=True),
    sa.Column("since_ms", sa.BigInteger, nullable=False),
)

sa.Index("portal_session_ended", SESSION.c.ended_ms)
sa.Index("portal_address_address", ADDRESS.c.address, ADDRESS.c.since_ms)

RECORD = sa.Table(
    "portal_record",  # the chain (captive_portal/records/chain.py): a body may be erased, its digest stays
    METADATA,
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("body", sa.Text),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    sa.Column("head", sa.LargeBinary(32), nullable=False),
)
_HELD = RECORD.c.body.is_not(None)
sa.Index("portal_record_held", RECORD.c.at_ms, sqlite_where=_HELD, postgresql_where=_HELD)

CONSENT = sa.Table(
    "portal_consent",
    METADATA,
    sa.Column("session", sa.String(32), primary_key=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("terms", sa.String(32), nullable=False),
    sa.Column("language", sa.String(16), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("channel", sa.String(32), nullable=False),
)

TERMS = sa.Table(
    "portal_terms",  # the texts that were shown, by the digest that consents name; never personal, never erased
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("version", sa.String(32), nullable=False),
    sa.Column("language", sa.String(16), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("since_ms", sa.BigInteger, nullable=False),
)

BATCH = sa.Table(
    "portal_voucher_batch",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("label", sa.String(200), nullable=False),
    sa.Column("made_ms", sa.BigInteger, nullable=False),
    sa.Column("made_by", sa.String(128), nullable=False),
    sa.Column("minutes", sa.Integer, nullable=False),
    sa.Column("devices", sa.Integer, nullable=False),
    sa.Column("single_use", sa.Boolean, nullable=False),
    sa.Column("start_by_ms", sa.BigInteger, nullable=False),
    sa.Column("withdrawn_ms", sa.BigInteger),
)

VOUCHER = sa.Table(
    "portal_voucher",
    METADATA,
    sa.Column("hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("batch", sa.String(32), sa.ForeignKey("portal_voucher_batch.id"), nullable=False, index=True),
    sa.Column("first_ms", sa.BigInteger),
    sa.Column("until_ms", sa.BigInteger),
)

HOLDER = sa.Table(
    "portal_voucher_device",
    METADATA,
    sa.Column("voucher", sa.LargeBinary(32), primary_key=True),
    sa.Column("identity", sa.LargeBinary(32), primary_key=True),
    sa.Column("since_ms", sa.BigInteger, nullable=False),
)

UNDER_WAY = sa.Table(
    "portal_under_way",
    METADATA,
    sa.Column("identity", sa.LargeBinary(32), primary_key=True),
    sa.Column("provider", sa.String(64), nullable=False),
    sa.Column("seed", sa.LargeBinary(32), nullable=False),
    sa.Column("until_ms", sa.BigInteger, nullable=False),
)
sa.Index("portal_under_way_until", UNDER_WAY.c.until_ms)

DIRECTIVE = sa.Table(
    "portal_directive",  # what staff ask of a visit (captive_portal/staff/directives.py); the portal carries it out
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("session", sa.String(32), nullable=False),
    sa.Column("act", sa.String(16), nullable=False),
    sa.Column("minutes", sa.Integer, nullable=False),
    sa.Column("by", sa.String(128), nullable=False),
    sa.Column("because", sa.String(32), nullable=False),
    sa.Column("words", sa.String(200), nullable=False),
    sa.Column("asked_ms", sa.BigInteger, nullable=False),
    sa.Column("stated_ms", sa.BigInteger),
    sa.Column("taken_ms", sa.BigInteger),
    sa.Column("done_ms", sa.BigInteger),
    sa.Column("outcome", sa.String(16)),
    sa.Column("told", sa.String(400), nullable=False, server_default=""),
)
_UNDONE = DIRECTIVE.c.outcome.is_(None)
sa.Index("portal_directive_session", DIRECTIVE.c.session, DIRECTIVE.c.asked_ms)
sa.Index("portal_directive_done", DIRECTIVE.c.done_ms)
sa.Index(
    "portal_directive_undone",
    DIRECTIVE.c.session,
    DIRECTIVE.c.act,
    unique=True,
    sqlite_where=_UNDONE,
    postgresql_where=_UNDONE,
)


def url(settings: Settings) -> str:
    """Return where the portal's tables are."""
    return f"sqlite:///{settings.room('portal') / 'portal.db'}"


MIGRATIONS = Migrations(name="portal", package="captive_portal", url=url)
