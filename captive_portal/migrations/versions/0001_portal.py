"""The portal: sessions, addresses, consents, vouchers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_LIVE = sa.text("ended_ms IS NULL")


def upgrade() -> None:
    op.create_table(
        "portal_meta",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "portal_session",
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
    )
    op.create_index("portal_session_live", "portal_session", ["until_ms"], sqlite_where=_LIVE, postgresql_where=_LIVE)
    op.create_index("portal_session_identity", "portal_session", ["identity", "since_ms"])
    op.create_index("portal_session_voucher", "portal_session", ["voucher"])
    op.create_table(
        "portal_address",
        sa.Column("session", sa.String(32), primary_key=True),
        sa.Column("address", sa.String(45), primary_key=True),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "portal_consent",
        sa.Column("session", sa.String(32), primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("terms", sa.String(32), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
    )
    op.create_table(
        "portal_voucher_batch",
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
    op.create_table(
        "portal_voucher",
        sa.Column("hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("batch", sa.String(32), sa.ForeignKey("portal_voucher_batch.id"), nullable=False),
        sa.Column("first_ms", sa.BigInteger),
        sa.Column("until_ms", sa.BigInteger),
    )
    op.create_index("ix_portal_voucher_batch", "portal_voucher", ["batch"])
    op.create_table(
        "portal_voucher_device",
        sa.Column("voucher", sa.LargeBinary(32), primary_key=True),
        sa.Column("identity", sa.LargeBinary(32), primary_key=True),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in (
        "portal_voucher_device",
        "portal_voucher",
        "portal_voucher_batch",
        "portal_consent",
        "portal_address",
        "portal_session",
        "portal_meta",
    ):
        op.drop_table(table)
