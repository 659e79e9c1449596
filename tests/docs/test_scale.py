"""The figures of docs/scale.md are those that the model reckons with."""

import re
from dataclasses import asdict

import pytest

from benchmarks.capacity import USERS, WRITTEN, Costs, Need, Use
from tests.guards.project import ROOT

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
