"""Logins that are under way at a provider of accounts: one a device, for ten minutes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "portal_under_way",
        sa.Column("identity", sa.LargeBinary(32), primary_key=True),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("seed", sa.LargeBinary(32), nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("portal_under_way_until", "portal_under_way", ["until_ms"])


def downgrade() -> None:
    op.drop_table("portal_under_way")
