"""The figures of docs/scale.md are those that the model reckons with."""

import re
from dataclasses import asdict

import pytest
from psycopg import sql

from benchmarks.capacity import USERS, WRITTEN, Costs, Need, Use
from hubbub.stores.sql import upgrade
from tests.guards.project import ROOT
from tests.postgres import connect, running_postgres

PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
USE = Use(online=0.1, sockets=1.2, messages=20, peak=0.12, readers=8, stay=3600)


def test_the_table_of_costs_is_that_of_the_model_and_names_the_command_of_each() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| .* \| `./dev bench (\w+)` \|$", PAGE, re.MULTILINE)
    assert {name: float(value) for name, value, _ in rows} == asdict(Costs())
    assert {name: command for name, _, command in rows} == {name: written[0] for name, written in WRITTEN.items()}
    assert all((ROOT / "benchmarks" / f"{command}.py").exists() for _, _, command in rows)


@pytest.mark.parametrize("users", USERS)
def test_the_nodes_are_enough_with_one_of_them_dead_and_one_less_would_not_be(users: int) -> None:
    need = Need(users, USE, Costs())
    nodes = need.nodes()
    assert need.cores(nodes) <= (nodes - 1) / 2
    assert need.back(nodes) <= 30
    fewer = nodes - 1 - nodes // 100  # they are tried in steps of a hundredth
    assert nodes == 2 or need.cores(fewer) > (fewer - 1) / 2 or need.back(fewer) > 30


def test_postgresql_takes_the_large_tables_as_they_are_in_partitions_by_room() -> None:
    with running_postgres() as server:
        url = server.create_database()
        upgrade(url)
        with connect(url) as connection:
            for name in ("messages", "room_events", "members", "reads"):
                create = sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL) PARTITION BY HASH (room_id)")
                connection.execute(create.format(sql.Identifier(f"{name}_parted"), sql.Identifier(name)))
