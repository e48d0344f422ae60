"""The register's tables: every belief about the city, by the time it holds and the time it was recorded.

A row of `record` says: from `valid_from` to `valid_to` the city was so, as the register believed from `recorded_from`
to `recorded_to`. No row is ever deleted, and of a written row only `recorded_to` is set, once. Times are milliseconds
UTC, half-open; `FOREVER` is an open end. `body` is the record's canonical JSON.

`register_source` says in which file and line a record stands now, and its parts; it follows the files and is no belief.
"""

from __future__ import annotations

import sqlalchemy as sa

from inventory.sql import Migrations

FOREVER = 2**63 - 1

METADATA = sa.MetaData()

META = sa.Table(
    "register_meta",
    METADATA,
    sa.Column("key", sa.String(32), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

APPLICATION = sa.Table(
    "register_application",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("recorded_ms", sa.BigInteger, nullable=False, unique=True),
    sa.Column("valid_ms", sa.BigInteger, nullable=False),
    sa.Column("added", sa.Integer, nullable=False),
    sa.Column("changed", sa.Integer, nullable=False),
    sa.Column("ended", sa.Integer, nullable=False),
    sa.Column("request", sa.String(64), nullable=False, server_default=""),  # of two persons; empty: files
    sa.Column("by", sa.String(200), nullable=False, server_default=""),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
)

# What two persons decided is carried out once, whoever dies in between.
_DECIDED = APPLICATION.c.request != ""
sa.Index(
    "register_application_request",
    APPLICATION.c.request,
    unique=True,
    sqlite_where=_DECIDED,
    postgresql_where=_DECIDED,
)

RECORD = sa.Table(
    "register_record",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("noun", sa.String(16), nullable=False),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("version", sa.String(32), nullable=False, server_default=""),
    sa.Column("valid_from", sa.BigInteger, nullable=False),
    sa.Column("valid_to", sa.BigInteger, nullable=False),
    sa.Column("recorded_from", sa.BigInteger, nullable=False),
    sa.Column("recorded_to", sa.BigInteger, nullable=False),
    sa.Column("application", sa.Integer, sa.ForeignKey("register_application.id"), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.CheckConstraint("valid_from < valid_to", name="register_record_valid"),
    sa.CheckConstraint("recorded_from < recorded_to", name="register_record_recorded"),
    sa.UniqueConstraint("noun", "name", "valid_from", "recorded_from", name="register_record_once"),
)

# At most one open, currently believed row for a record: the register's own guard against two writers.
_OPEN = sa.and_(RECORD.c.valid_to == FOREVER, RECORD.c.recorded_to == FOREVER)
sa.Index("register_record_open", RECORD.c.noun, RECORD.c.name, unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
sa.Index("register_record_times", RECORD.c.recorded_to, RECORD.c.valid_from)

SOURCE = sa.Table(
    "register_source",
    METADATA,
    sa.Column("noun", sa.String(16), primary_key=True),
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("version", sa.String(32), primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("places", sa.Text, nullable=False),
)

MIGRATIONS = Migrations(name="inventory", package="inventory", url=lambda settings: str(settings.register_url))
