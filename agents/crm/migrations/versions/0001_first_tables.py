"""The first tables: records with their fields, notes, associations and field history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FIELDS = {
    "crm_company": (
        "name",
        "legal_name",
        "domain",
        "website",
        "country",
        "address",
        "phone",
        "email",
        "founded",
        "employees",
        "revenue",
        "description",
    ),
    "crm_contact": ("email", "name", "role", "phone"),
    "crm_deal": ("name", "amount", "currency", "stage"),
}


def upgrade() -> None:
    op.create_table(
        "crm_record",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_crm_record"),
        sa.UniqueConstraint("object", "key", name="uq_crm_record_object_key"),
    )
    for table, fields in FIELDS.items():
        op.create_table(
            table,
            sa.Column("record_id", sa.Integer(), nullable=False),
            *(sa.Column(field, sa.String(), nullable=True) for field in fields),
            sa.PrimaryKeyConstraint("record_id", name=f"pk_{table}"),
            sa.ForeignKeyConstraint(["record_id"], ["crm_record.id"], name=f"fk_{table}_record_id_crm_record"),
        )
    op.create_table(
        "crm_note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_crm_note"),
        sa.UniqueConstraint("key", name="uq_crm_note_key"),
        sa.ForeignKeyConstraint(
            ["object", "about"], ["crm_record.object", "crm_record.key"], name="fk_crm_note_object_about_crm_record"
        ),
    )
    op.create_table(
        "crm_association",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.Column("to_record_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_crm_association"),
        sa.UniqueConstraint("record_id", "to_record_id", name="uq_crm_association_record_id_to_record_id"),
        sa.ForeignKeyConstraint(["record_id"], ["crm_record.id"], name="fk_crm_association_record_id_crm_record"),
        sa.ForeignKeyConstraint(["to_record_id"], ["crm_record.id"], name="fk_crm_association_to_record_id_crm_record"),
    )
    op.create_table(
        "crm_field_history",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=True),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_crm_field_history"),
        sa.ForeignKeyConstraint(["record_id"], ["crm_record.id"], name="fk_crm_field_history_record_id_crm_record"),
    )
    op.create_index("ix_crm_field_history_record_id", "crm_field_history", ["record_id"])


def downgrade() -> None:
    for table in ("crm_field_history", "crm_association", "crm_note", *FIELDS, "crm_record"):
        op.drop_table(table)
