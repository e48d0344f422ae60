"""Applications say who changed the register and why, and which decision of two persons they carry out."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_DECIDED = sa.text("request <> ''")


def upgrade() -> None:
    for column in (
        sa.Column("request", sa.String(64), nullable=False, server_default=""),
        sa.Column("by", sa.String(200), nullable=False, server_default=""),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
    ):
        op.add_column("register_application", column)
    op.create_index(
        "register_application_request",
        "register_application",
        ["request"],
        unique=True,
        sqlite_where=_DECIDED,
        postgresql_where=_DECIDED,
    )


def downgrade() -> None:
    op.drop_index("register_application_request", "register_application")
    with op.batch_alter_table("register_application") as table:
        for name in ("reason", "by", "request"):
            table.drop_column(name)
