"""What lists are narrowed and searched by, their tallies, comments, snoozes, saved views, and tags of edits."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from approvals.store import searching

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_REQUEST = "approvals_request"
_NEW: dict[str, sa.types.TypeEngine[Any]] = {
    "about": sa.Text(),
    "amount": sa.String(),
    "currency": sa.String(),
    "run_gates": sa.Text(),
    "facet": sa.String(),
    "risk": sa.String(),
    "checks": sa.Integer(),
    "worth": sa.BigInteger(),
    "asker": sa.String(),
    "words": sa.Text(),
    "place": sa.BigInteger(),
}
_INDEXES = (
    ("facet", "due_at", "id"),
    ("facet", "opened_at", "id"),
    ("facet", "worth", "id"),
    ("facet", "effective_at", "id"),
    ("asker", "facet"),
)


def upgrade() -> None:
    for name, kind in _NEW.items():
        op.add_column(_REQUEST, sa.Column(name, kind, nullable=True))
    for columns in _INDEXES:
        op.create_index(op.f(f"ix_{_REQUEST}_{'_'.join(columns)}"), _REQUEST, list(columns), unique=False)
    op.create_index(op.f("ix_approvals_signoff_person_voided"), "approvals_signoff", ["person", "voided"], unique=False)
    op.add_column("approvals_ruling", sa.Column("tags", sa.Text(), nullable=True))
    op.create_index(op.f("ix_approvals_ruling_at"), "approvals_ruling", ["at"], unique=False)
    op.create_table(
        "approvals_tally",
        sa.Column("facet", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("asked", sa.String(), nullable=False),
        sa.Column("gate", sa.String(), nullable=False),
        sa.Column("risk", sa.String(), nullable=False),
        sa.Column("apart", sa.Integer(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("facet", name=op.f("pk_approvals_tally")),
    )
    op.create_table(
        "approvals_comment",
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("mentions", sa.Text(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("salt", sa.String(), nullable=True),
        sa.Column("erased", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"], ["approvals_request.id"], name=op.f("fk_approvals_comment_request_id_approvals_request")
        ),
        sa.PrimaryKeyConstraint("request_id", "place", name=op.f("pk_approvals_comment")),
    )
    op.create_table(
        "approvals_snooze",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("until", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["approvals_request.id"], name=op.f("fk_approvals_snooze_request_id_approvals_request")
        ),
        sa.PrimaryKeyConstraint("person", "request_id", name=op.f("pk_approvals_snooze")),
    )
    op.create_table(
        "approvals_saved_view",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals_saved_view")),
    )
    op.create_index(op.f("ix_approvals_saved_view_owner"), "approvals_saved_view", ["owner"], unique=False)
    searching.make(op.get_bind())


def downgrade() -> None:
    searching.unmake(op.get_bind())
    for table in ("saved_view", "snooze", "comment", "tally"):
        op.drop_table(f"approvals_{table}")
    op.drop_index(op.f("ix_approvals_ruling_at"), "approvals_ruling")
    with op.batch_alter_table("approvals_ruling") as batch:
        batch.drop_column("tags")
    op.drop_index(op.f("ix_approvals_signoff_person_voided"), "approvals_signoff")
    for columns in _INDEXES:
        op.drop_index(op.f(f"ix_{_REQUEST}_{'_'.join(columns)}"), _REQUEST)
    with op.batch_alter_table(_REQUEST) as batch:
        for name in _NEW:
            batch.drop_column(name)
