"""Statements that are asked all the time, compiled once: building one anew takes longer than the database's answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from operator import eq
from typing import Any, NamedTuple

from sqlalchemy import BinaryExpression, BindParameter, Column, ColumnElement, Connection, CursorResult, bindparam
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import Null
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


def given(name: str) -> BindParameter[Any]:
    """A value that is told with every asking."""
    return bindparam(name, required=False)


class Terms(NamedTuple):
    """Conditions taken apart: what tells their statement from others, and what may differ each time."""

    key: tuple[Hashable, ...]
    values: Mapping[str, Any]
    columns: tuple[ColumnElement[bool], ...]

    @classmethod
    def of(cls, where: Sequence[ColumnElement[bool]]) -> Terms | None:
        """The terms, where each says that a column is a value, one of some values, or empty; else None."""
        key: list[Hashable] = []
        values: dict[str, Any] = {}
        columns: list[ColumnElement[bool]] = []
        for one in where:
            if not isinstance(one, BinaryExpression) or not isinstance(one.left, Column):
                return None
            name, right = f"is_{one.left.name}", one.right
            if one.operator is eq and isinstance(right, BindParameter) and name not in values:
                key.append(name)
                values[name] = right.value
                columns.append(one.left == given(name))
            elif one.operator is operators.in_op and isinstance(right, BindParameter) and isinstance(right.value, list):
                key.append((name, *right.value))  # values that stand in the statement: few, and the same each time
                columns.append(one)
            elif one.operator is operators.is_ and isinstance(right, Null):
                key.append((name,))
                columns.append(one)
            else:
                return None
        return cls(tuple(key), values, tuple(columns))
