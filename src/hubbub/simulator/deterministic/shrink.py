"""From a plan that breaks a promise to the few of its items that do."""

from collections.abc import Callable
from dataclasses import replace

from hubbub.simulator.deterministic.loop import Violation
from hubbub.simulator.deterministic.plan import Plan

SCHEDULES = 3  # tried for each smaller plan: without an item everything else takes another time

Fails = Callable[[Plan], Violation | None]


def shrink(plan: Plan, rule: str, fails: Fails, *, most_runs: int = 1500) -> tuple[Plan, int]:
    """A plan that breaks the same rule with as few items as can be found, and how often `fails` was asked."""
    shrinker = _Shrinker(plan, rule, fails, most_runs)
    size = max(1, len(plan.items) // 2)
    while True:
        removed = shrinker.remove_chunks(size)
        if size == 1 and not removed:
            return shrinker.plan, shrinker.runs
        size = max(1, size // 2)


class _Shrinker:
    def __init__(self, plan: Plan, rule: str, fails: Fails, most_runs: int) -> None:
        self.plan = plan
        self.runs = 0
        self._rule = rule
        self._fails = fails
        self._most_runs = most_runs

    def remove_chunks(self, size: int) -> bool:
        """Take away whatever chunk of this size is not needed; was any?"""
        removed, start = False, 0
        while start < len(self.plan.items):
            smaller = self._still_failing(self.plan.without(range(start, start + size)))
            if smaller is None:
                start += size
            else:
                self.plan, removed = smaller, True
        return removed

    def _still_failing(self, plan: Plan) -> Plan | None:
        for schedule in range(self.plan.schedule, self.plan.schedule + SCHEDULES):
            if self.runs >= self._most_runs:
                return None
            self.runs += 1
            candidate = replace(plan, schedule=schedule)
            found = self._fails(candidate)
            if found is not None and found.rule == self._rule:
                return candidate
        return None
