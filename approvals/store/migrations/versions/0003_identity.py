"""How people come in: passwords, tries, sign-in links, sessions, and whom an identity provider described."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approvals_account",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("r", sa.Integer(), nullable=False),
        sa.Column("p", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_approvals_account")),
    )
    op.create_table(
        "approvals_tries",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_approvals_tries")),
    )
    op.create_index(op.f("ix_approvals_tries_since"), "approvals_tries", ["since"], unique=False)
    op.create_table(
        "approvals_ticket",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=False),
        sa.Column("used_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals_ticket")),
        sa.UniqueConstraint("sha256", name=op.f("uq_approvals_ticket_sha256")),
    )
    op.create_index(op.f("ix_approvals_ticket_expires_at"), "approvals_ticket", ["expires_at"], unique=False)
    op.create_table(
        "approvals_session",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("via", sa.String(), nullable=False),
        sa.Column("proof", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("seen_at", sa.String(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=False),
        sa.Column("revoked_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals_session")),
        sa.UniqueConstraint("sha256", name=op.f("uq_approvals_session_sha256")),
    )
    op.create_index(op.f("ix_approvals_session_person"), "approvals_session", ["person"], unique=False)
    op.create_index(op.f("ix_approvals_session_expires_at"), "approvals_session", ["expires_at"], unique=False)
    op.create_table(
        "approvals_known_person",
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("written", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("seen_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("email", name=op.f("pk_approvals_known_person")),
    )


def downgrade() -> None:
    for table in ("known_person", "session", "ticket", "tries", "account"):
        op.drop_table(f"approvals_{table}")
