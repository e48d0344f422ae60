"""Persons: sealed values by keyed hash and month, the months' keys, wishes to be forgotten, proofs by code."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "person",
        sa.Column("hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("period", sa.String(7), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_person_period", "person", ["period"])
    op.create_table(
        "period",
        sa.Column("period", sa.String(7), primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("rows", sa.Integer),
        sa.Column("destroyed_ms", sa.BigInteger),
        sa.Column("certified_ms", sa.BigInteger),
    )
    op.create_table(
        "wish",
        sa.Column("hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
    )
    op.create_table(
        "proof",
        sa.Column("hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("code", sa.LargeBinary(32), nullable=False),
        sa.Column("sent_ms", sa.BigInteger, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("used_ms", sa.BigInteger),
    )


def downgrade() -> None:
    for table in ("proof", "wish", "period", "person"):
        op.drop_table(table)
