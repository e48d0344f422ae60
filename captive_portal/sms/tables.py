"""What the portal remembers of codes by SMS, beside its other tables: no number in clear, nothing longer than two days.

`portal_sms_code` is one code for a device; `portal_sms_sent` each message of the last two days that may have gone out,
by the keyed hashes of number and device; `portal_sms_budget` counts by site, city and day or hour.
"""

from __future__ import annotations

import sqlalchemy as sa

from captive_portal.tables import METADATA

CODE = sa.Table(
    "portal_sms_code",
    METADATA,
    sa.Column("identity", sa.LargeBinary(32), primary_key=True),
    sa.Column("id", sa.String(16), nullable=False),
    sa.Column("number", sa.LargeBinary(32), nullable=False),
    sa.Column("masked", sa.String(32), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("site", sa.String(128), nullable=False),
    sa.Column("carrier", sa.String(16), nullable=False),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
    sa.Column("digits", sa.Integer, nullable=False),
    sa.Column("asked_ms", sa.BigInteger, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("handing", sa.String(8), nullable=False),
)
sa.Index("portal_sms_code_asked", CODE.c.asked_ms)

SENT = sa.Table(
    "portal_sms_sent",
    METADATA,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True),
    sa.Column("number", sa.LargeBinary(32), nullable=False),
    sa.Column("identity", sa.LargeBinary(32), nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)
sa.Index("portal_sms_sent_number", SENT.c.number, SENT.c.at_ms)
sa.Index("portal_sms_sent_identity", SENT.c.identity, SENT.c.at_ms)
sa.Index("portal_sms_sent_at", SENT.c.at_ms)

BUDGET = sa.Table(
    "portal_sms_budget",
    METADATA,
    sa.Column("scope", sa.String(160), primary_key=True),
    sa.Column("length_ms", sa.BigInteger, primary_key=True),
    sa.Column("start_ms", sa.BigInteger, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
)
