"""Statements that are compiled once."""

from collections import namedtuple
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from hubbub.stores.sql import sqlite


class _Compiled(NamedTuple):
    text: str
    names: tuple[str, ...]
    defaults: dict[str, Any]
    positional: bool


class Statement:
    """A Core expression that is compiled once for each dialect and sent as plain text from then on.

    SQLAlchemy takes several times as long to find a compiled expression in its cache, to process the parameters and to
    describe the answer as SQLite takes for a point read. Nothing is lost by going around it: the columns hold integers,
    text and bytes, which no dialect converts.
    """

    def __init__(self, expression: ClauseElement) -> None:
        self._expression = expression
        self._compiled: dict[str, _Compiled] = {}
        self._row: Callable[[tuple[Any, ...]], Any] | None = None

    def rows(self, connection: Connection, **parameters: object) -> Sequence[Any]:
        """All rows of the answer, with the names of its columns as attributes."""
        text, values = self._bound(connection, parameters)
        if connection.dialect.name != "sqlite":
            return connection.exec_driver_sql(text, values).all()
        cursor, rows = sqlite.execute(connection, text, values)
        if self._row is None:
            self._row = partial(tuple.__new__, namedtuple("Row", [name for name, *_ in cursor.description]))
        return list(map(self._row, rows))

    def first(self, connection: Connection, **parameters: object) -> Any:
        """The first row of the answer; None when it is empty."""
        return next(iter(self.rows(connection, **parameters)), None)

    def run(self, connection: Connection, **parameters: object) -> int:
        """How many rows it changed."""
        text, values = self._bound(connection, parameters)
        if connection.dialect.name != "sqlite":
            return connection.exec_driver_sql(text, values).rowcount
        return int(sqlite.execute(connection, text, values)[0].rowcount)

    def many(self, connection: Connection, rows: Sequence[tuple[object, ...]]) -> int:
        """Execute it for each row, whose values are in the order of the parameters. How many rows that changed."""
        compiled = self.compiled(connection.dialect)
        if connection.dialect.name == "sqlite":
            return sqlite.execute_many(connection, compiled.text, rows)
        if compiled.positional:
            parameters = list(rows) if len(rows) > 1 else rows[0]
            return connection.exec_driver_sql(compiled.text, parameters).rowcount
        named = [dict(zip(compiled.names, row, strict=True)) for row in rows]
        return connection.exec_driver_sql(compiled.text, named).rowcount

    def compiled(self, dialect: Dialect) -> _Compiled:
        """Its text in the SQL of this dialect."""
        found = self._compiled.get(dialect.name)
        if found is None:
            compiled = cast("SQLCompiler", self._expression.compile(dialect=dialect))
            names = compiled.positiontup if compiled.positional else list(compiled.params)
            found = _Compiled(str(compiled), tuple(names or ()), dict(compiled.params), compiled.positional)
            self._compiled[dialect.name] = found
        return found

    def _bound(self, connection: Connection, parameters: dict[str, object]) -> tuple[str, Any]:
        compiled = self.compiled(connection.dialect)
        values = compiled.defaults | parameters
        return compiled.text, tuple([values[name] for name in compiled.names]) if compiled.positional else values


def execute(connection: Connection, text: str) -> None:
    """Send a statement that has no parameters and no answer."""
    if connection.dialect.name == "sqlite":
        sqlite.execute(connection, text)
    else:
        connection.exec_driver_sql(text)
