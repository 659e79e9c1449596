"""From a failing seed to the few items that make it fail, in a file that runs again."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from hubbub.simulator.deterministic.campaigns import faults_of, replay, run_seeds
from hubbub.simulator.deterministic.loop import Violation
from hubbub.simulator.deterministic.plan import FAULTS, Plan, make_plan
from hubbub.simulator.deterministic.shrink import shrink
from tests.unit.simulator.deterministic.plants import removal_not_checked_at_delivery


def test_shrinking_keeps_what_is_needed_and_nothing_else() -> None:
    plan = make_plan(1, users=5, steps=100, faults=FAULTS)
    needed = [plan.items[10], plan.items[11], plan.items[77]]

    def fails(candidate: Plan) -> Violation | None:
        return Violation("rule", "") if all(item in candidate.items for item in needed) else None

    smaller, runs = shrink(plan, "rule", fails)
    assert list(smaller.items) == needed
    assert runs < 600


def test_shrinking_does_not_slip_to_another_rule() -> None:
    plan = make_plan(1, users=5, steps=30, faults=FAULTS)

    def fails(candidate: Plan) -> Violation | None:
        return Violation("rule" if len(candidate.items) > 20 else "another", "")

    assert len(shrink(plan, "rule", fails)[0].items) == 21


def test_shrinking_tries_other_schedules() -> None:
    plan = make_plan(1, users=5, steps=30, faults=FAULTS)

    def fails(candidate: Plan) -> Violation | None:
        return Violation("rule", "") if candidate.schedule == 3 or len(candidate.items) == 30 else None

    smaller, _ = shrink(plan, "rule", fails)
    assert (smaller.schedule, smaller.items) == (3, ())


def test_a_failing_seed_is_shrunk_and_left_in_a_file_that_fails_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removal_not_checked_at_delivery(monkeypatch)
    output = StringIO()
    console = Console(file=output, soft_wrap=True)
    assert run_seeds(console, 1, 100, users=5, steps=60, faults=FAULTS, folder=tmp_path) == 1
    (path,) = tmp_path.iterdir()
    text = output.getvalue()
    assert "broke a promise" in text
    assert f"hubbub simulate --plan {path}" in text
    assert len(Plan.from_json(path.read_text()).items) <= 25

    again = StringIO()
    assert replay(Console(file=again, soft_wrap=True), path) == 1
    assert "edge: " in again.getvalue()
    monkeypatch.undo()
    assert replay(Console(file=StringIO()), path) == 0


def test_seeds_that_keep_every_promise_leave_no_file(tmp_path: Path) -> None:
    output = StringIO()
    console = Console(file=output, soft_wrap=True)
    assert run_seeds(console, 1, 3, users=4, steps=30, faults=FAULTS, folder=tmp_path) == 0
    assert "3 seeds kept every promise" in output.getvalue()
    assert run_seeds(console, 1, 1, users=4, steps=30, faults=(), folder=tmp_path) == 0
    assert "trace " in output.getvalue()
    assert not list(tmp_path.iterdir())


def test_faults_are_named_on_the_command_line() -> None:
    assert faults_of("all") == list(FAULTS)
    assert faults_of("none") == []
    assert faults_of("cut, crash") == ["cut", "crash"]
    with pytest.raises(ValueError, match="'flood'"):
        faults_of("cut,flood")
