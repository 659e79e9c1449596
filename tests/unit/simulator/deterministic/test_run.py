"""Whole runs: the same seed is the same run, and hubbub keeps its promises in many of them."""

import os
import subprocess
import sys

import pytest

from hubbub.simulator.deterministic.plan import FAULTS, Plan, make_plan
from hubbub.simulator.deterministic.run import run_plan

TRACE = """
from hubbub.simulator.deterministic.plan import FAULTS, make_plan
from hubbub.simulator.deterministic.run import run_plan
for seed in (2, 3, 5):
    print(run_plan(make_plan(seed, users=8, steps=200, faults=FAULTS)))
"""


@pytest.mark.parametrize("first", range(1000, 1200, 20))
def test_every_promise_is_kept_whatever_goes_wrong(first: int) -> None:
    for seed in range(first, first + 20):
        assert run_plan(make_plan(seed, users=5, steps=70, faults=FAULTS)).violation is None, f"seed {seed}"


def test_every_promise_is_kept_by_a_large_cluster_that_runs_for_long() -> None:
    result = run_plan(make_plan(1, users=20, steps=800, faults=FAULTS))
    assert result.violation is None
    assert result.events > 200


@pytest.mark.parametrize("fault", FAULTS)
def test_every_kind_of_fault_changes_the_run(fault: str) -> None:
    plans = [make_plan(seed, users=5, steps=60, faults=[fault]) for seed in range(1, 8)]
    affected = next(plan for plan in plans if any(item.do == fault for item in plan.items))
    calm = affected.without([index for index, item in enumerate(affected.items) if item.do == fault])
    assert run_plan(affected).trace != run_plan(calm).trace


def test_a_plan_that_went_through_a_file_is_the_same_run() -> None:
    plan = make_plan(3, users=5, steps=60, faults=FAULTS)
    assert run_plan(Plan.from_json(plan.to_json())) == run_plan(plan)


def test_the_same_seed_is_the_same_run_in_two_processes_that_hash_differently() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", TRACE],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "271")
    ]
    assert outputs[0] == outputs[1]
    assert "violation=None" in outputs[0]


def test_another_schedule_of_the_same_plan_is_another_run() -> None:
    plan = make_plan(3, users=5, steps=60, faults=())
    first = run_plan(plan)
    assert (first.violation, run_plan(plan).trace) == (None, first.trace)
    assert run_plan(make_plan(4, users=5, steps=60, faults=())).trace != first.trace
