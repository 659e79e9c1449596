"""The few expressions that databases spell differently."""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Integer, Join, and_, bindparam, func, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


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


class Keys:
    """Any number of keys of `width` columns, passed as one JSON parameter `keys`, and joined to a table.

    Not `tuple_(…).in_(…)`: SQLite scans the index for that.
    """

    def __init__(self, width: int) -> None:
        self.source = func.json_each(bindparam("keys")).table_valued("value", name="wanted")
        value = self.source.c.value
        self.columns: tuple[ColumnElement[Any], ...] = (
            (value,)
            if width == 1
            else tuple(func.json_extract(value, literal_column(f"'$[{index}]'")) for index in range(width))
        )

    def join(self, table: FromClause, *columns: ColumnElement[Any]) -> FromClause:
        """The rows of the table whose columns are equal to the first columns of a key."""
        pairs = zip(columns, self.columns[: len(columns)], strict=True)
        return LeftFirst(self.source, table, and_(*(column == key for column, key in pairs)))


def contains(text: ColumnElement[str], query: ColumnElement[str]) -> ColumnElement[bool]:
    """Does the text, in lower case, contain the query (which is)? Unlike LIKE it knows no wildcards."""
    return func.instr(func.lower_unicode(text), query, type_=Integer) > 0
