"""What staff have asked of a visit (end it, lengthen it), and what a live visit has used so far."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "portal_directive",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("session", sa.String(32), nullable=False),
        sa.Column("act", sa.String(16), nullable=False),
        sa.Column("minutes", sa.Integer, nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("because", sa.String(32), nullable=False),
        sa.Column("words", sa.String(200), nullable=False),
        sa.Column("asked_ms", sa.BigInteger, nullable=False),
        sa.Column("stated_ms", sa.BigInteger),
        sa.Column("taken_ms", sa.BigInteger),
        sa.Column("done_ms", sa.BigInteger),
        sa.Column("outcome", sa.String(16)),
        sa.Column("told", sa.String(400), nullable=False, server_default=""),
    )
    op.create_index("portal_directive_session", "portal_directive", ["session", "asked_ms"])
    op.create_index("portal_directive_done", "portal_directive", ["done_ms"])
    undone = sa.text("outcome IS NULL")
    op.create_index(
        "portal_directive_undone",
        "portal_directive",
        ["session", "act"],
        unique=True,
        sqlite_where=undone,
        postgresql_where=undone,
    )
    op.add_column("portal_session", sa.Column("meter", sa.Text))


def downgrade() -> None:
    op.drop_column("portal_session", "meter")
    op.drop_table("portal_directive")
