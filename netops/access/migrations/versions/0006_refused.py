"""Failed logins by window, account and address; and of which windows was told."""

import sqlalchemy as sa
from alembic import op

revision = "access_0006"
down_revision = "access_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "refused",
        sa.Column("window_ms", sa.BigInteger, primary_key=True),
        sa.Column("account", sa.String(64), primary_key=True),
        sa.Column("address", sa.String(45), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
    )
    op.create_table("told", sa.Column("window_ms", sa.BigInteger, primary_key=True))
