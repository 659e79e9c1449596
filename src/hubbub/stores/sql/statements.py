"""Statements that are compiled once."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import ClauseElement, Connection, CursorResult, Dialect
from sqlalchemy.sql.compiler import SQLCompiler


class _Compiled(NamedTuple):
    text: str
    names: tuple[str, ...]
    defaults: dict[str, Any]
    positional: bool


class Statement:
    """A Core expression that is compiled once for each dialect and sent as plain text from then on.

    SQLAlchemy takes several times as long to find a compiled expression in its cache and to process the parameters as
    SQLite takes for a point read. Nothing is lost by going around it: the columns hold integers, text and bytes, which
    no dialect converts.
    """

    def __init__(self, expression: ClauseElement) -> None:
        self._expression = expression
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, connection: Connection, **parameters: object) -> Sequence[Any]:
        """All rows of the answer."""
        return self._execute(connection, parameters).all()

    def first(self, connection: Connection, **parameters: object) -> Any:
        """The first row of the answer; None when it is empty."""
        return self._execute(connection, parameters).first()

    def run(self, connection: Connection, **parameters: object) -> int:
        """How many rows it changed."""
        return self._execute(connection, parameters).rowcount

    def many(self, connection: Connection, rows: Sequence[tuple[object, ...]]) -> int:
        """Execute it for each row, whose values are in the order of the parameters. How many rows that changed."""
        compiled = self.compiled(connection.dialect)
        if compiled.positional:
            return connection.exec_driver_sql(compiled.text, list(rows)).rowcount
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

    def _execute(self, connection: Connection, parameters: dict[str, object]) -> CursorResult[Any]:
        compiled = self.compiled(connection.dialect)
        values = compiled.defaults | parameters
        if compiled.positional:
            return connection.exec_driver_sql(compiled.text, tuple([values[name] for name in compiled.names]))
        return connection.exec_driver_sql(compiled.text, values)
