"""The networks that an account has logged in from."""

import sqlalchemy as sa
from alembic import op

revision = "access_0002"
down_revision = "access_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "network",
        sa.Column("account", sa.String(64), sa.ForeignKey("account.name"), primary_key=True),
        sa.Column("network", sa.String(43), primary_key=True),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
    )
