"""Which sign-offs are on requests that still wait, so that nobody looks through all that somebody ever signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SIGNOFF = "approvals_signoff"


def upgrade() -> None:
    op.add_column(_SIGNOFF, sa.Column("waits", sa.Integer(), nullable=True))
    op.drop_index(op.f(f"ix_{_SIGNOFF}_person_voided"), table_name=_SIGNOFF)
    op.create_index(op.f(f"ix_{_SIGNOFF}_person_waits"), _SIGNOFF, ["person", "waits"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f(f"ix_{_SIGNOFF}_person_waits"), table_name=_SIGNOFF)
    op.create_index(op.f(f"ix_{_SIGNOFF}_person_voided"), _SIGNOFF, ["person", "voided"], unique=False)
    with op.batch_alter_table(_SIGNOFF) as batch:
        batch.drop_column("waits")
