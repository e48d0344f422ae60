"""The part of the city that an account may look at; accounts from before see all of it, as they did."""

import sqlalchemy as sa
from alembic import op

revision = "access_0004"
down_revision = "access_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("scope", sa.Text, nullable=False, server_default=""))
