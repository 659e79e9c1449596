"""The command line of the simulation."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hubbub.cli import app
from hubbub.simulator.deterministic.plan import make_plan


def simulate(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["simulate", *arguments])


def test_one_seed_shows_its_trace_which_is_the_same_each_time() -> None:
    first, second = (simulate("--seed", "3", "--users", "4", "--steps", "30") for _ in range(2))
    assert first.exit_code == 0
    assert "trace " in first.stdout
    assert first.stdout == second.stdout


def test_many_seeds_begin_with_the_first_or_with_the_one_that_is_named() -> None:
    for arguments in (["--seeds", "2"], ["--seed", "5", "--seeds", "2"]):
        result = simulate(*arguments, "--users", "4", "--steps", "20")
        assert (result.exit_code, "2 seeds kept every promise" in result.stdout) == (0, True)


def test_a_plan_out_of_a_file_runs(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(make_plan(1, users=4, steps=20, faults=()).to_json())
    result = simulate("--plan", str(path))
    assert (result.exit_code, "every promise was kept" in result.stdout) == (0, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--seed", "1", "--list"],
        ["--seed", "1", "--faults", "flood"],
        ["--seeds", "0"],
        ["--seed", "1", "--database-url", "sqlite:///chat.db"],
        ["--plan", __file__],
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(arguments: list[str]) -> None:
    assert simulate(*arguments).exit_code == 2
