"""The register: records by valid and recorded time, applications, the instance's marks."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_FOREVER = 2**63 - 1
_OPEN = sa.text(f"valid_to = {_FOREVER} AND recorded_to = {_FOREVER}")


def upgrade() -> None:
    op.create_table(
        "register_meta",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "register_application",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("recorded_ms", sa.BigInteger, nullable=False, unique=True),
        sa.Column("valid_ms", sa.BigInteger, nullable=False),
        sa.Column("added", sa.Integer, nullable=False),
        sa.Column("changed", sa.Integer, nullable=False),
        sa.Column("ended", sa.Integer, nullable=False),
    )
    op.create_table(
        "register_record",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("noun", sa.String(16), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("version", sa.String(32), nullable=False, server_default=""),
        sa.Column("valid_from", sa.BigInteger, nullable=False),
        sa.Column("valid_to", sa.BigInteger, nullable=False),
        sa.Column("recorded_from", sa.BigInteger, nullable=False),
        sa.Column("recorded_to", sa.BigInteger, nullable=False),
        sa.Column("application", sa.Integer, sa.ForeignKey("register_application.id"), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.CheckConstraint("valid_from < valid_to", name="register_record_valid"),
        sa.CheckConstraint("recorded_from < recorded_to", name="register_record_recorded"),
        sa.UniqueConstraint("noun", "name", "valid_from", "recorded_from", name="register_record_once"),
    )
    op.create_index(
        "register_record_open",
        "register_record",
        ["noun", "name"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_index("register_record_times", "register_record", ["recorded_to", "valid_from"])
    op.create_table(
        "register_source",
        sa.Column("noun", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("version", sa.String(32), primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("places", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("register_source")
    op.drop_table("register_record")
    op.drop_table("register_application")
    op.drop_table("register_meta")
