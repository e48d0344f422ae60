"""The tables of `<data dir>/staff.db`: accounts, what proves them, sessions, failed logins, what was done to accounts.

Written by the web process and by `netops staff`; SQLite's lock puts them one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from inventory.sql import Migrations

if TYPE_CHECKING:
    from netops.config import Settings

METADATA = sa.MetaData()

ACCOUNT = sa.Table(
    "account",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("title", sa.String(120), nullable=False),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("password", sa.String(200), nullable=False),  # argon2id, in its own encoded form
    sa.Column("one_time_until_ms", sa.BigInteger, nullable=True),  # set: to be changed at the next login, and by then
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("disabled_ms", sa.BigInteger, nullable=True),
    sa.Column("scope", sa.Text, nullable=False, default=""),  # what it may look at (scope.py); empty: the whole city
)

SESSION = sa.Table(
    "session",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),  # SHA-256 of the id: who reads this file can log in as nobody
    sa.Column("account", sa.String(64), sa.ForeignKey("account.name"), nullable=False, index=True),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("seen_ms", sa.BigInteger, nullable=False),
    sa.Column("step", sa.String(8), nullable=False, default=""),  # what it still needs (steps.py); empty: nothing
    sa.Column("address", sa.String(45), nullable=False, default=""),  # from which it began
    sa.Column("seen_address", sa.String(45), nullable=False, default=""),  # from which it was seen last
    sa.Column("browser", sa.String(24), nullable=False, default=""),  # its name and system (browsers.py)
    sa.Column("system", sa.String(24), nullable=False, default=""),
    sa.Column("provider", sa.String(64), nullable=False, default=""),  # by which it began (`access.oidc.NAME`)
    sa.Column("id_token", sa.Text, nullable=False, default=""),  # of that login, sealed: what a logout there names
)

CODES = sa.Table(
    "codes",
    METADATA,
    sa.Column("account", sa.String(64), sa.ForeignKey("account.name"), primary_key=True),
    sa.Column("secret", sa.String(200), nullable=False),  # of RFC 6238, sealed (sealed.py)
    sa.Column("since_ms", sa.BigInteger, nullable=False),
    sa.Column("last_step", sa.BigInteger, nullable=False),  # of the code that was taken last: none is taken twice
)

RECOVERY = sa.Table(
    "recovery",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),  # keyed; a code that was used is no more here
    sa.Column("account", sa.String(64), sa.ForeignKey("account.name"), nullable=False, index=True),
)

PASSKEY = sa.Table(
    "passkey",
    METADATA,
    sa.Column("id", sa.String(1400), primary_key=True),  # the credential's, base64url
    sa.Column("account", sa.String(64), sa.ForeignKey("account.name"), nullable=False, index=True),
    sa.Column("public_key", sa.LargeBinary, nullable=False),  # COSE
    sa.Column("sign_count", sa.BigInteger, nullable=False),
    sa.Column("title", sa.String(60), nullable=False),
    sa.Column("since_ms", sa.BigInteger, nullable=False),
    sa.Column("used_ms", sa.BigInteger, nullable=True),
)

RESET = sa.Table(
    "reset",
    METADATA,
    sa.Column("request", sa.String(64), primary_key=True),  # by which second factors were forgotten, once
    sa.Column("account", sa.String(64), sa.ForeignKey("account.name"), nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)

SPENT = sa.Table(
    "spent",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),  # of a ticket (sealed.py) that was used
    sa.Column("until_ms", sa.BigInteger, nullable=False),
)

IDENTITY = sa.Table(
    "identity",
    METADATA,
    sa.Column("issuer", sa.String(500), primary_key=True),
    sa.Column("subject", sa.String(255), primary_key=True),
    sa.Column("account", sa.String(64), sa.ForeignKey("account.name"), nullable=False, index=True),
)

TOKEN = sa.Table(
    "token",
    METADATA,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),  # keyed
    sa.Column("account", sa.String(64), sa.ForeignKey("account.name"), nullable=False, index=True),
    sa.Column("title", sa.String(60), nullable=False),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("only", sa.String(1000), nullable=False),  # permissions, a space between two; empty: all of the role
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("until_ms", sa.BigInteger, nullable=True),
    sa.Column("used_ms", sa.BigInteger, nullable=True),
)

FAILURE = sa.Table(
    "failure",
    METADATA,
    sa.Column("bucket", sa.String(40), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_ms", sa.BigInteger, nullable=False),
)

REFUSED = sa.Table(
    "refused",
    METADATA,
    sa.Column("window_ms", sa.BigInteger, primary_key=True),  # the beginning of a quarter of an hour (bulk.py)
    sa.Column("account", sa.String(64), primary_key=True),  # empty: no account of ours, whatever was typed
    sa.Column("address", sa.String(45), primary_key=True),  # empty: all others of the window
    sa.Column("failures", sa.Integer, nullable=False),
)

TOLD = sa.Table("told", METADATA, sa.Column("window_ms", sa.BigInteger, primary_key=True))  # of which a fact was stated

NETWORK = sa.Table(
    "network",
    METADATA,
    sa.Column("account", sa.String(64), sa.ForeignKey("account.name"), primary_key=True),
    sa.Column("network", sa.String(43), primary_key=True),  # from which this account has logged in
    sa.Column("last_ms", sa.BigInteger, nullable=False),
)

EVENT = sa.Table(
    "event",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False, index=True),
    sa.Column("account", sa.String(64), nullable=False),
    sa.Column("what", sa.String(40), nullable=False),
    sa.Column("by", sa.String(64), nullable=False),
    sa.Column("origin", sa.String(64), nullable=False),  # the client's address, or `command line`
)


def url(settings: Settings) -> str:
    """Return where the staff database is."""
    return f"sqlite:///{settings.room('staff') / 'staff.db'}"


MIGRATIONS = Migrations(name="access", package="netops.access", url=url)
