"""Plans: data, and nothing else."""

import json

import pytest

from hubbub.simulator.deterministic.plan import FAULTS, Plan, make_plan


def test_a_seed_is_one_plan_and_another_seed_another() -> None:
    one, two = (make_plan(seed, users=5, steps=60, faults=FAULTS) for seed in (1, 2))
    assert make_plan(1, users=5, steps=60, faults=FAULTS) == one
    assert one.items != two.items


def test_a_plan_comes_back_from_json_as_it_was() -> None:
    plan = make_plan(1, users=5, steps=60, faults=FAULTS)
    assert Plan.from_json(plan.to_json()) == plan
    assert Plan.from_json(plan.without(range(60)).to_json()).items == ()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 0}', json.dumps({"format": 1, "a": 2})])
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Plan.from_json(text)


def test_items_are_in_the_order_of_their_times_and_as_many_as_asked_for() -> None:
    for seed in range(20):
        plan = make_plan(seed, users=5, steps=60, faults=FAULTS)
        times = [item.at for item in plan.items]
        assert times == sorted(times)
        assert len(times) == 60


def test_only_the_faults_that_were_asked_for_are_in_a_plan() -> None:
    def faults_in(*kinds: str) -> set[str]:
        plans = [make_plan(seed, users=5, steps=100, faults=kinds) for seed in range(12)]
        return {item.do for plan in plans for item in plan.items} & set(FAULTS)

    assert faults_in() == set()
    assert faults_in("cut", "crash") == {"cut", "crash"}
    assert faults_in(*FAULTS) == set(FAULTS)


def test_without_looks_nothing_goes_wrong_that_needs_them() -> None:
    plans = [make_plan(seed, users=5, steps=100, faults=FAULTS) for seed in range(40)]
    silent = [plan for plan in plans if not plan.looks]
    assert 5 < len(silent) < 20
    assert not {item.do for plan in silent for item in plan.items} & {"bus", "crash", "store", "partition", "restore"}
