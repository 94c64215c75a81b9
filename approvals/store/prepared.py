"""Statements that are asked all the time, compiled once: building one anew takes longer than the database's answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from operator import eq
from typing import Any, NamedTuple, cast

from sqlalchemy import BinaryExpression, BindParameter, Column, ColumnElement, Connection, bindparam
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import Null
from sqlalchemy.sql.expression import Executable

_MOST = 2_000


class _Ready(NamedTuple):
    sql: str
    order: tuple[str, ...] | None
    constants: Mapping[str, Any]


_READY: dict[Hashable, _Ready] = {}


class Found:
    """What a statement found, as the database's driver hands it over."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._cursor)

    def all(self) -> list[tuple[Any, ...]]:
        """The rows."""
        return cast("list[tuple[Any, ...]]", self._cursor.fetchall())

    def first(self) -> tuple[Any, ...] | None:
        """The first row, if there is one."""
        return next(iter(self.all()), None)  # all: a statement that is not read to its end holds up the commit

    def scalar(self) -> Any:
        """The first value of the first row; None where there is none."""
        row = self.first()
        return None if row is None else row[0]

    def mappings(self) -> list[dict[str, Any]]:
        """The rows by the names of their columns."""
        names = [column[0] for column in self._cursor.description]
        return [dict(zip(names, row, strict=True)) for row in self.all()]


def ask(connection: Connection, key: Hashable, make: Callable[[], Executable], values: Mapping[str, Any]) -> Found:
    """Carry out the statement of this key with these values; `make` builds it where it was never asked before.

    `make` names every value that may differ with `bindparam`; the key tells apart all that it may build.

    Raises:
        DBAPIError: as SQLAlchemy raises it.
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
    return _carried_out(connection, ready, given if ready.order is None else tuple(given[name] for name in ready.order))


def _carried_out(connection: Connection, ready: _Ready, given: Any) -> Found:
    # By the driver itself: what SQLAlchemy makes of each answer takes it longer than the database needs for it.
    driver, dialect = connection.connection, connection.dialect
    cursor = driver.cursor()
    try:
        cursor.execute(ready.sql, given)
    except dialect.loaded_dbapi.Error as error:
        told = DBAPIError.instance(ready.sql, None, error, dialect.loaded_dbapi.Error, dialect=dialect)
        if dialect.is_disconnect(error, driver, cursor):
            connection.invalidate(error)
        raise told from error
    return Found(cursor)


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
