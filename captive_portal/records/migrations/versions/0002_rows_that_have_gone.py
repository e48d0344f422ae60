"""A month's rows are counted as they go, no longer before: where its end is under way none has gone yet."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
UNDER_WAY = "rows IS NOT NULL AND destroyed_ms IS NULL"


def upgrade() -> None:
    op.execute(f"UPDATE period SET rows = 0 WHERE {UNDER_WAY}")  # noqa: S608  (our own words)


def downgrade() -> None:
    left = "SELECT count(*) FROM person WHERE person.period = period.period"
    op.execute(f"UPDATE period SET rows = rows + ({left}) WHERE {UNDER_WAY}")  # noqa: S608
