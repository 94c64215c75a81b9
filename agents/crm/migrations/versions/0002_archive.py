"""Records, notes and associations can be taken away, and are kept all the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = ("crm_record", "crm_note", "crm_association")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("archived_at", sa.String(), nullable=True))
        op.add_column(table, sa.Column("archived_by", sa.String(), nullable=True))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "archived_by")
        op.drop_column(table, "archived_at")
