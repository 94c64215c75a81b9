"""Statements that are asked all the time, compiled once: building one anew takes longer than the database's answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, CursorResult
from sqlalchemy.sql.expression import Executable

_MOST = 2_000


class _Ready(NamedTuple):
    sql: str
    order: tuple[str, ...] | None
    constants: Mapping[str, Any]


_READY: dict[Hashable, _Ready] = {}


def ask(
    connection: Connection, key: Hashable, make: Callable[[], Executable], values: Mapping[str, Any]
) -> CursorResult[Any]:
    """Carry out the statement of this key with these values; `make` builds it where it was never asked before.

    `make` names every value that may differ with `bindparam`; the key tells apart all that it may build.
    """
    dialect = connection.dialect
    ready = _READY.get((dialect.name, key))
    if ready is None:
        if len(_READY) >= _MOST:
            _READY.clear()
        made: Any = make()
        compiled = made.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        order = tuple(compiled.positiontup) if compiled.positiontup is not None else None
        ready = _READY[dialect.name, key] = _Ready(str(compiled), order, compiled.construct_params(_check=False))
    given = {**ready.constants, **values}
    return connection.exec_driver_sql(
        ready.sql, given if ready.order is None else tuple(given[name] for name in ready.order)
    )
