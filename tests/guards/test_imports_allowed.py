"""The contract that keeps the layers apart, tried on planted imports; `./dev check` runs it on hubbub itself."""

import grimp
import pytest

from tests.guards.imports_allowed import find_problems

PARTS = {
    "__init__": ["domain"],
    "domain": [],
    "services": ["domain"],
    "stores": ["domain", "services.ports"],
    "web": ["domain", "services"],
    "compose": ["*"],
}
OWNERS = {"fastapi": ["web"]}


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("hubbub", "hubbub.domain.rooms"),
        ("hubbub.domain.rooms", "hubbub.domain.users"),
        ("hubbub.domain.rooms", "dataclasses"),
        ("hubbub.services.journal", "hubbub.domain"),
        ("hubbub.services.journal", "structlog"),
        ("hubbub.stores.sql.rooms", "hubbub.services.ports"),
        ("hubbub.web.routes.rooms", "fastapi"),
        ("hubbub.compose", "hubbub.stores.sql"),
        ("hubbub.compose", "hubbub"),
    ],
)
def test_an_import_in_the_table_is_allowed(importer: str, imported: str) -> None:
    assert problems(importer, imported) == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("hubbub.domain.rooms", "hubbub.services.ports"),
        ("hubbub.domain.rooms", "hubbub"),
        ("hubbub.domain.rooms", "msgspec"),
        ("hubbub.services.journal", "hubbub.stores.memory"),
        ("hubbub.services.journal", "fastapi"),
        ("hubbub.stores.sql.rooms", "hubbub.services.journal"),
        ("hubbub.stores.sql.rooms", "hubbub.services"),
        ("hubbub.web.app", "hubbub.stores.memory"),
        ("hubbub.compose", "fastapi"),
    ],
)
def test_any_other_import_is_a_problem(importer: str, imported: str) -> None:
    assert problems(importer, imported) == [f"{importer} -> {imported} (l.7)"]


def test_a_package_without_a_row_is_a_problem_whatever_it_imports() -> None:
    assert problems("hubbub.helpers", "dataclasses") == ["hubbub.helpers has no row in the table of parts"]


def problems(importer: str, imported: str) -> list[str]:
    graph = grimp.ImportGraph()
    for module in (importer, imported):
        graph.add_module(module)
    graph.add_import(importer=importer, imported=imported, line_number=7, line_contents="")
    known = {module for module in (importer, imported) if module.startswith("hubbub")}
    assert known <= graph.modules
    return list(find_problems(graph, PARTS, OWNERS))
