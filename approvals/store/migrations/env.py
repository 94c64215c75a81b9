"""Runs the migrations on the connection it is given, inside the transaction that is open on it."""

from __future__ import annotations

from alembic import context

from approvals.store.searching import is_index
from approvals.store.tables import METADATA, VERSION_TABLE

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    compare_type=True,
    include_name=lambda name, kind, _: not is_index(name),
)
with context.begin_transaction():
    context.run_migrations()
