"""The figures of docs/scale.md are those that were measured, and its conclusions follow from them."""

import re
from dataclasses import asdict

import pytest
from psycopg import sql

from benchmarks.capacity import CONNECTIONS, USERS, USUAL, WRITTEN, Need, costs_in
from benchmarks.figures import filled
from benchmarks.report import kept
from hubbub.realtime.watch import LOOK
from hubbub.stores.sql import upgrade
from tests.guards.project import ROOT
from tests.postgres import connect, running_postgres

PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
COSTS = costs_in(kept())
SMALL, LARGE, HUGE = (Need(users, USUAL, COSTS) for users in USERS)


def test_the_table_of_costs_is_that_of_the_figures_and_names_the_command_of_each() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d.,]+) \| .* \| `./dev bench (\w+)` \|$", PAGE, re.MULTILINE)
    assert {name: float(value.replace(",", "")) for name, value, _ in rows} == asdict(COSTS)
    assert {name: command for name, _, command in rows} == {name: written[0] for name, written in WRITTEN.items()}
    assert all((ROOT / "benchmarks" / f"{command}.py").exists() for _, _, command in rows)


@pytest.mark.parametrize("users", USERS)
def test_the_nodes_are_enough_with_one_of_them_dead_and_one_less_would_not_be(users: int) -> None:
    need = Need(users, USUAL, COSTS)
    nodes = need.nodes()
    assert need.cores(nodes) <= (nodes - 1) / 2
    assert need.back(nodes) <= 30
    fewer = nodes - 1 - nodes // 100  # they are tried in steps of a hundredth
    assert nodes == 2 or need.cores(fewer) > (fewer - 1) / 2 or need.back(fewer) > 30


def test_a_cost_that_was_measured_anew_changes_the_table_and_what_follows_from_it() -> None:
    figures = kept()
    figures["postgres"]["rows"][2]["figures"]["messages/s"] = 66_700.0
    changed = filled(PAGE, figures)
    assert "| `writes` | 66,700 |" in changed
    assert re.search(r"^│ PostgreSQL % .*│ +100 │$", changed, re.MULTILINE)
    assert filled(changed, kept()) == PAGE


def test_ten_thousand_users_need_one_or_two_hundredths_of_a_core() -> None:
    assert 0.005 < SMALL.cores(2) < 0.025


def test_a_million_users_need_a_handful_of_nodes_one_postgresql_and_a_large_disk() -> None:
    assert 3 <= LARGE.nodes() <= 6
    assert LARGE.messages / COSTS.writes < 0.25
    assert 2.5 < LARGE.users * USUAL.messages * 365 * COSTS.disk / 1e12 < 3.5


def test_a_hundred_million_users_need_more_than_one_postgresql_commits_and_takes_connections() -> None:
    assert HUGE.messages / COSTS.writes > 4
    assert HUGE.nodes() * CONNECTIONS > 1000
    assert 4e5 < HUGE.messages * HUGE.reached(HUGE.nodes()) < 6e5
    assert HUGE.users * USUAL.online / LOOK == 2e6


def test_a_message_to_a_hundred_thousand_sockets_is_most_of_a_second_of_a_core() -> None:
    assert 0.5 < 100_000 * COSTS.delivery / 1e6 < 1


def test_postgresql_takes_the_large_tables_as_they_are_in_partitions_by_room() -> None:
    with running_postgres() as server:
        url = server.create_database()
        upgrade(url)
        with connect(url) as connection:
            for name in ("messages", "room_events", "members", "reads"):
                create = sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL) PARTITION BY HASH (room_id)")
                connection.execute(create.format(sql.Identifier(f"{name}_parted"), sql.Identifier(name)))
