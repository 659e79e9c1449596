"""The import-linter contract behind the table in `pyproject.toml`: what each part of hubbub may import.

The contracts that come with import-linter list what is forbidden, so a new package is free until someone thinks of it,
and they refuse a table that names a package which does not exist yet. This one lists what is allowed: every other
import fails, and so does a package that has no row.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

ROOT = "hubbub"
STANDARD_LIBRARY_ONLY = "domain"

Table = Mapping[str, list[str]]


class TableField(fields.Field[Table]):
    """A TOML table of lists of strings."""

    def parse(self, raw_data: object) -> Table:
        if not isinstance(raw_data, dict) or not all(isinstance(row, list) for row in raw_data.values()):
            raise fields.ValidationError("Expected a table of lists.")
        return {str(name): [str(entry) for entry in row] for name, row in raw_data.items()}


class ImportsAllowedContract(Contract):
    type_name = "imports_allowed"

    parts = TableField()
    owners = TableField()

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        parts, owners = cast("Table", self.parts), cast("Table", self.owners)  # import-linter replaces the fields
        problems = sorted(set(find_problems(graph, parts, owners)))
        return ContractCheck(kept=not problems, metadata={"problems": problems})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for problem in check.metadata["problems"]:
            output.print_error(f"- {problem}", bold=False)
        output.new_line()


def find_problems(graph: ImportGraph, parts: Table, owners: Table) -> Iterator[str]:
    """One line for each import that the tables do not allow, and for each part without a row."""
    for importer in graph.modules:
        if not is_within(importer, ROOT):
            continue
        part = part_of(importer)
        if part not in parts:
            yield f"{ROOT}.{part} has no row in the table of parts"
            continue
        for imported in graph.find_modules_directly_imported_by(importer):
            if is_within(imported, ROOT):
                allowed = part_of(imported) == part or any(matches(imported, entry) for entry in parts[part])
            elif part == STANDARD_LIBRARY_ONLY:
                allowed = imported in sys.stdlib_module_names
            else:
                allowed = part in owners.get(imported, [part])
            if not allowed:
                yield f"{importer} -> {imported} ({lines(graph, importer, imported)})"


def part_of(module: str) -> str:
    """The first name below `hubbub`; `__init__` for the package itself."""
    return module.split(".")[1] if "." in module else "__init__"


def matches(module: str, entry: str) -> bool:
    return entry == "*" or is_within(module, f"{ROOT}.{entry}")


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def lines(graph: ImportGraph, importer: str, imported: str) -> str:
    details = graph.get_import_details(importer=importer, imported=imported)
    return ", ".join(f"l.{detail['line_number']}" for detail in details)
