"""Sessions say from where and by which browser; a reset of second factors is carried out once."""

import sqlalchemy as sa
from alembic import op

revision = "access_0005"
down_revision = "access_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, kind in (
        ("address", sa.String(45)),
        ("seen_address", sa.String(45)),
        ("browser", sa.String(24)),
        ("system", sa.String(24)),
        ("provider", sa.String(64)),
        ("id_token", sa.Text),
    ):
        op.add_column("session", sa.Column(name, kind, nullable=False, server_default=""))
    op.create_table(
        "reset",
        sa.Column("request", sa.String(64), primary_key=True),
        sa.Column("account", sa.String(64), sa.ForeignKey("account.name"), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
