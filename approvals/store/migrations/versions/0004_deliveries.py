"""Used links, deliveries of notices, and how far the record was told of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approvals_link_use",
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["approvals_request.id"], name=op.f("fk_approvals_link_use_request_id_approvals_request")
        ),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_approvals_link_use")),
    )
    op.create_index(op.f("ix_approvals_link_use_request_id"), "approvals_link_use", ["request_id"], unique=False)
    op.create_table(
        "approvals_delivery",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("since", sa.String(), nullable=False),
        sa.Column("next_at", sa.String(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("delivered_at", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"], ["approvals_request.id"], name=op.f("fk_approvals_delivery_request_id_approvals_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals_delivery")),
    )
    op.create_index(
        op.f("ix_approvals_delivery_state_next_at"), "approvals_delivery", ["state", "next_at"], unique=False
    )
    op.create_index(op.f("ix_approvals_delivery_seq"), "approvals_delivery", ["seq"], unique=False)
    op.create_table(
        "approvals_cursor",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_approvals_cursor")),
    )
    # What happened before anybody could be told is not news.
    op.execute("INSERT INTO approvals_cursor (name, seq) SELECT 'notifications', seq FROM approvals_head WHERE id = 1")


def downgrade() -> None:
    op.drop_table("approvals_cursor")
    op.drop_index(op.f("ix_approvals_delivery_seq"), table_name="approvals_delivery")
    op.drop_index(op.f("ix_approvals_delivery_state_next_at"), table_name="approvals_delivery")
    op.drop_table("approvals_delivery")
    op.drop_index(op.f("ix_approvals_link_use_request_id"), table_name="approvals_link_use")
    op.drop_table("approvals_link_use")
