"""Codes by SMS: the code of a device, what went out in the last day, the budgets."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "portal_sms_code",
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
    op.create_index("portal_sms_code_asked", "portal_sms_code", ["asked_ms"])
    op.create_table(
        "portal_sms_sent",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True),
        sa.Column("number", sa.LargeBinary(32), nullable=False),
        sa.Column("identity", sa.LargeBinary(32), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("portal_sms_sent_number", "portal_sms_sent", ["number", "at_ms"])
    op.create_index("portal_sms_sent_identity", "portal_sms_sent", ["identity", "at_ms"])
    op.create_index("portal_sms_sent_at", "portal_sms_sent", ["at_ms"])
    op.create_table(
        "portal_sms_budget",
        sa.Column("scope", sa.String(160), primary_key=True),
        sa.Column("length_ms", sa.BigInteger, primary_key=True),
        sa.Column("start_ms", sa.BigInteger, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    for table in ("portal_sms_budget", "portal_sms_sent", "portal_sms_code"):
        op.drop_table(table)
