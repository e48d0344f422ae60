"""The chain of the records; sessions are found by their end, addresses by themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "portal_record",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("body", sa.Text),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("head", sa.LargeBinary(32), nullable=False),
    )
    held = sa.text("body IS NOT NULL")
    op.create_index("portal_record_held", "portal_record", ["at_ms"], sqlite_where=held, postgresql_where=held)
    op.create_index("portal_session_ended", "portal_session", ["ended_ms"])
    op.create_index("portal_address_address", "portal_address", ["address", "since_ms"])


def downgrade() -> None:
    op.drop_index("portal_address_address", "portal_address")
    op.drop_index("portal_session_ended", "portal_session")
    op.drop_table("portal_record")
