"""The first tables: requests and what people did with them, permits, tokens, and the record with its head."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approvals_audit",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("actor_kind", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("via", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("rows", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_approvals_audit")),
        sa.UniqueConstraint("prev_hash", name=op.f("uq_approvals_audit_prev_hash")),
    )
    op.create_index(op.f("ix_approvals_audit_request_id_seq"), "approvals_audit", ["request_id", "seq"], unique=False)
    op.create_table(
        "approvals_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals_head")),
    )
    op.create_table(
        "approvals_lease",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("until", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_approvals_lease")),
    )
    op.create_table(
        "approvals_remembered",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body_sha256", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key", "subject", name=op.f("pk_approvals_remembered")),
    )
    op.create_table(
        "approvals_request",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("gate", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("succession", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=True),
        sa.Column("target", sa.String(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("searched", sa.Text(), nullable=False),
        sa.Column("requester", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("run_name", sa.String(), nullable=False),
        sa.Column("run_flow", sa.String(), nullable=False),
        sa.Column("run_deployment", sa.String(), nullable=True),
        sa.Column("run_url", sa.String(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("asked", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("opened_at", sa.String(), nullable=False),
        sa.Column("due_at", sa.String(), nullable=False),
        sa.Column("verdicts", sa.String(), nullable=False),
        sa.Column("supersedes", sa.String(), nullable=True),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("claimed_until", sa.String(), nullable=True),
        sa.Column("escalated", sa.Integer(), nullable=False),
        sa.Column("effective_at", sa.String(), nullable=True),
        sa.Column("taken_up_at", sa.String(), nullable=True),
        sa.Column("wake_since", sa.String(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("held_until", sa.String(), nullable=True),
        sa.Column("salt", sa.String(), nullable=True),
        sa.Column("erased", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals_request")),
        sa.UniqueConstraint(
            "run", "gate", "key", "round", "succession", name=op.f("uq_approvals_request_run_gate_key_round_succession")
        ),
    )
    op.create_index(
        op.f("ix_approvals_request_state_due_at_id"), "approvals_request", ["state", "due_at", "id"], unique=False
    )
    op.create_index(op.f("ix_approvals_request_wake_since"), "approvals_request", ["wake_since"], unique=False)
    op.create_table(
        "approvals_token",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=True),
        sa.Column("revoked_at", sa.String(), nullable=True),
        sa.Column("last_used_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals_token")),
        sa.UniqueConstraint("sha256", name=op.f("uq_approvals_token_sha256")),
    )
    op.create_table(
        "approvals_content",
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("document_schema", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("based_on", sa.Text(), nullable=False),
        sa.Column("moved", sa.Text(), nullable=False),
        sa.Column("flags", sa.Text(), nullable=False),
        sa.Column("cost_amount", sa.String(), nullable=False),
        sa.Column("cost_currency", sa.String(), nullable=False),
        sa.Column("cost_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_model", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("salt", sa.String(), nullable=True),
        sa.Column("erased", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"], ["approvals_request.id"], name=op.f("fk_approvals_content_request_id_approvals_request")
        ),
        sa.PrimaryKeyConstraint("request_id", "version", name=op.f("pk_approvals_content")),
    )
    op.create_table(
        "approvals_permit",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("policy", sa.String(), nullable=False),
        sa.Column("policy_version", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("minted_at", sa.String(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.Column("used_at", sa.String(), nullable=True),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("lease_until", sa.String(), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("salt", sa.String(), nullable=True),
        sa.Column("erased", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"], ["approvals_request.id"], name=op.f("fk_approvals_permit_request_id_approvals_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals_permit")),
        sa.UniqueConstraint("request_id", name=op.f("uq_approvals_permit_request_id")),
    )
    op.create_table(
        "approvals_ruling",
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("effective_at", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("edited", sa.Integer(), nullable=False),
        sa.Column("typed", sa.Text(), nullable=True),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("vouched", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("feedback", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("examination", sa.String(), nullable=True),
        sa.Column("recalled", sa.Integer(), nullable=False),
        sa.Column("salt", sa.String(), nullable=True),
        sa.Column("erased", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"], ["approvals_request.id"], name=op.f("fk_approvals_ruling_request_id_approvals_request")
        ),
        sa.PrimaryKeyConstraint("request_id", "seq", name=op.f("pk_approvals_ruling")),
    )
    op.create_table(
        "approvals_signoff",
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("via", sa.String(), nullable=False),
        sa.Column("vouched", sa.Text(), nullable=False),
        sa.Column("voided", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["approvals_request.id"], name=op.f("fk_approvals_signoff_request_id_approvals_request")
        ),
        sa.PrimaryKeyConstraint("request_id", "place", name=op.f("pk_approvals_signoff")),
    )
    op.create_table(
        "approvals_working_copy",
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["approvals_request.id"],
            name=op.f("fk_approvals_working_copy_request_id_approvals_request"),
        ),
        sa.PrimaryKeyConstraint("request_id", "person", "version", name=op.f("pk_approvals_working_copy")),
    )
    head = sa.table("approvals_head", sa.column("id"), sa.column("seq"), sa.column("hash"))
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": "0" * 64}])


def downgrade() -> None:

    op.drop_table("approvals_working_copy")
    op.drop_table("approvals_signoff")
    op.drop_table("approvals_ruling")
    op.drop_table("approvals_permit")
    op.drop_table("approvals_content")
    op.drop_table("approvals_token")
    op.drop_index(op.f("ix_approvals_request_wake_since"), table_name="approvals_request")
    op.drop_index(op.f("ix_approvals_request_state_due_at_id"), table_name="approvals_request")
    op.drop_table("approvals_request")
    op.drop_table("approvals_remembered")
    op.drop_table("approvals_lease")
    op.drop_table("approvals_head")
    op.drop_index(op.f("ix_approvals_audit_request_id_seq"), table_name="approvals_audit")
    op.drop_table("approvals_audit")
