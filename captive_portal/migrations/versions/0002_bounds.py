"""Sessions: what was allowed and used, who was identified (a keyed hash), which policy was in force."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("portal_session", sa.Column("bounds", sa.Text, nullable=False, server_default="[0, 0, 0, 0, 0]"))
    op.add_column("portal_session", sa.Column("person", sa.LargeBinary(32)))
    op.add_column("portal_session", sa.Column("policy", sa.String(64), nullable=False, server_default=""))
    op.add_column("portal_session", sa.Column("octets_up", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("portal_session", sa.Column("octets_down", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("portal_session_person", "portal_session", ["person", "since_ms"])
