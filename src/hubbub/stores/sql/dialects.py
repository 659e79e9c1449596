"""The few expressions that databases spell differently."""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Join,
    Select,
    Text,
    and_,
    bindparam,
    func,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

LOCKS = "hubbub_locks"  # an option of the connections that write to a database where others write too


def encode_keys(keys: Iterable[object]) -> str:
    """The parameter `keys` of a statement that is made with `Keys`."""
    return json.dumps(list(keys))


class LeftFirst(Join):
    """A join that begins with its left side, whatever the planner's statistics make it believe about the right one."""

    inherit_cache = True

    def __init__(self, left: FromClause, right: FromClause, condition: ColumnElement[bool]) -> None:
        super().__init__(left, right, condition)
        self.condition = condition


@compiles(LeftFirst, "sqlite")
def _cross_join(join: LeftFirst, compiler: SQLCompiler, **options: Any) -> str:
    # The one join whose order SQLite's planner never changes (https://sqlite.org/optoverview.html, 7.2).
    left, right = (compiler.process(side, **(options | {"asfrom": True})) for side in (join.left, join.right))
    return f"{left} CROSS JOIN {right} ON {compiler.process(join.condition)}"


@compiles(LeftFirst, "postgresql")
def _lateral_join(join: LeftFirst, compiler: SQLCompiler, **options: Any) -> str:
    # What PostgreSQL's planner never changes is a subquery with an offset: it is run for each row of the left side.
    left, right = (compiler.process(side, **(options | {"asfrom": True})) for side in (join.left, join.right))
    rows = f"SELECT * FROM {right} WHERE {compiler.process(join.condition)} OFFSET 0"  # noqa: S608 - no value is in it
    return f"{left} CROSS JOIN LATERAL ({rows}) AS {right}"


class _Elements(FunctionElement[str]):
    """The elements of the JSON array that is the parameter `keys`, as rows with the one column `value`."""

    name = "elements"
    inherit_cache = True


@compiles(_Elements, "sqlite")
def _json_each(elements: _Elements, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(elements.clauses, **options)})"


@compiles(_Elements, "postgresql")
def _json_array_elements(elements: _Elements, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_array_elements(CAST({compiler.process(elements.clauses, **options)} AS JSON))"


class _Column(ColumnElement[Any]):
    """One column of a key: the element itself, or what stands at this index in it."""

    inherit_cache = False

    def __init__(self, value: ColumnElement[str], index: int | None, type_: TypeEngine[Any]) -> None:
        self.value, self.index = value, index
        self.type = type_

    @property
    def _from_objects(self) -> list[FromClause]:
        return self.value._from_objects


@compiles(_Column, "sqlite")
def _json_extract(column: _Column, compiler: SQLCompiler, **options: Any) -> str:
    value = compiler.process(column.value)
    return value if column.index is None else f"json_extract({value}, '$[{column.index}]')"


@compiles(_Column, "postgresql")
def _json_text(column: _Column, compiler: SQLCompiler, **options: Any) -> str:
    value = compiler.process(column.value)
    text = f"{value} #>> '{{}}'" if column.index is None else f"{value} ->> {column.index}"
    return f"CAST({text} AS {compiler.dialect.type_compiler_instance.process(column.type)})"


class Keys:
    """Any number of keys of `width` columns, passed as one JSON parameter `keys`, and joined to a table.

    Not `tuple_(…).in_(…)`: SQLite scans the index for that.
    """

    def __init__(self, width: int) -> None:
        self.source = _Elements(bindparam("keys", type_=Text)).table_valued("value", name="wanted")
        self._indexes = (None,) if width == 1 else tuple(range(width))
        self.columns = tuple(self._column(index, BigInteger()) for index in self._indexes)

    def join(self, table: FromClause, *columns: ColumnElement[Any]) -> FromClause:
        """The rows of the table whose columns are equal to the first columns of a key."""
        pairs = zip(columns, self._indexes[: len(columns)], strict=True)
        condition = and_(*(column == self._column(index, column.type) for column, index in pairs))
        return LeftFirst(self.source, table, condition)

    def among(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Is the column one of these keys? Unlike those of a `join`, the rows can be locked in an order."""
        return one_of(column, select(self.columns[0]).select_from(self.source))

    def _column(self, index: int | None, type_: TypeEngine[Any]) -> ColumnElement[Any]:
        return _Column(self.source.c.value, index, type_)


class _OneOf(ColumnElement[Any]):
    type = Integer()  # a Boolean would be compared with 1 where there is no such type, and no index used
    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], rows: Select[Any]) -> None:
        self.column, self.rows = column, rows.correlate(None).scalar_subquery()

    @property
    def _from_objects(self) -> list[FromClause]:
        return self.column._from_objects


@compiles(_OneOf, "sqlite")
def _in_subquery(one: _OneOf, compiler: SQLCompiler, **options: Any) -> str:
    return f"{compiler.process(one.column)} IN {compiler.process(one.rows, **options)}"


@compiles(_OneOf, "postgresql")
def _in_array(one: _OneOf, compiler: SQLCompiler, **options: Any) -> str:
    return f"{compiler.process(one.column)} = ANY(ARRAY{compiler.process(one.rows, **options)})"


def one_of(column: ColumnElement[Any], rows: Select[Any]) -> ColumnElement[bool]:
    """Is the column one of the values that this query finds first, before any row of the table is looked at?"""
    return _OneOf(column, rows)


class _Position(FunctionElement[int]):
    """Where the second text begins in the first; 0 = nowhere."""

    name = "position"
    type = Integer()
    inherit_cache = True


@compiles(_Position, "sqlite")
def _instr(position: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(position.clauses, **options)})"


@compiles(_Position, "postgresql")
def _strpos(position: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(position.clauses, **options)})"


def contains(text: ColumnElement[str], query: ColumnElement[str]) -> ColumnElement[bool]:
    """Does the text, in lower case, contain the query (which is)? Unlike LIKE it knows no wildcards.

    `lower_unicode` is made with each connection to SQLite, and by a migration of PostgreSQL.
    """
    return _Position(func.lower_unicode(text), query) > 0


class _History(FunctionElement[str]):
    """The name of the history that the table `meta` belongs to."""

    type = Text()
    inherit_cache = True


@compiles(_History, "sqlite")
def _kept(history: _History, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(history.clauses, **options)


@compiles(_History, "postgresql")
def _derived(history: _History, compiler: SQLCompiler, **options: Any) -> str:
    # What is kept, and what no copy can keep: the oid of the table (restored), of the database (copied), the name of
    # the cluster (restored elsewhere), and the timeline, which begins anew with each failover and recovery.
    parts = (
        compiler.process(history.clauses, **options),
        "meta.tableoid",
        "(SELECT oid FROM pg_database WHERE datname = current_database())",
        "(SELECT system_identifier FROM pg_control_system())",
        "left(pg_walfile_name(pg_current_wal_lsn()), 8)",
    )
    return f"left(md5(concat_ws('-', {', '.join(parts)})), 16)"


def name_of_history(meta: FromClause) -> ColumnElement[str]:
    """The epoch, in a statement that reads the row of `meta` which keeps it."""
    return _History(meta.c.value)


def locks(connection: Connection) -> bool:
    """Does this transaction have to lock what it reads and then changes, because others write beside it?"""
    return bool(connection.get_execution_options().get(LOCKS))
