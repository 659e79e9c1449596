"""Mutation tests of the oracle: each fault that is planted is found, within a stated number of seeds."""

import inspect
import re
from dataclasses import dataclass, replace

import pytest

from hubbub.simulator.deterministic import clients, edges, nodes, oracle, rest, run
from hubbub.simulator.deterministic.plan import FAULTS, NODES, Item, make_plan
from hubbub.simulator.deterministic.run import run_plan
from tests.guards.project import ROOT
from tests.unit.simulator.deterministic import plants

# While tokens are refreshed, after the words of the plan: commits of which nobody hears.
LOST_COMMITS = tuple(
    Item(6.0 + step, "store", {"node": node, "how": "after", "count": 1}) for step in range(12) for node in range(NODES)
)


@dataclass(frozen=True, slots=True)
class Found:
    """By which rule of the oracle a fault is found, within how many seeds, and with what faults of the world."""

    rule: str
    seeds: int
    faults: tuple[str, ...] = tuple(FAULTS)
    more: tuple[Item, ...] = ()


FOUND: dict[plants.Plant, Found] = {
    plants.ack_before_commit: Found("ack", 5),
    plants.publish_before_commit: Found("commit", 60),
    plants.message_is_altered_before_the_commit: Found("ack", 5),
    plants.edit_is_altered_before_the_commit: Found("ack", 5),
    plants.edit_is_acknowledged_and_not_made: Found("ack", 5),
    plants.deletion_is_acknowledged_and_not_made: Found("ack", 20),
    plants.edit_that_changes_nothing_is_made: Found("dedup", 60),
    plants.deletion_that_changes_nothing_is_made: Found("dedup", 300),
    plants.message_is_altered_at_delivery: Found("same event", 5),
    plants.event_is_altered_at_delivery: Found("same event", 10),
    plants.page_shows_the_text_before_the_last_edit: Found("same event", 60),
    plants.one_too_many_is_unread: Found("unread", 5),
    plants.dedup_forgotten: Found("dedup", 10),
    plants.dedup_within_a_batch_only: Found("dedup", 10),
    plants.join_reads_before_it_subscribes: Found("convergence", 400),
    plants.room_not_looked_at_when_the_bus_has_settled: Found("convergence", 400),
    plants.delivery_out_of_order: Found("edge", 10),
    plants.no_look_at_heads: Found("convergence", 100),
    plants.kept_room_not_checked_against_its_head: Found("log", 10),
    plants.rollback_keeps_the_rooms: Found("kept room", 300),
    plants.removal_not_checked_at_delivery: Found("edge", 60),
    plants.ex_member_resumes: Found("edge", 30),
    plants.unknown_outcome_taken_for_failure: Found("refused", 100, faults=("store", "ack")),
    plants.events_dropped_without_behind: Found("edge", 30),
    plants.old_bus_seqs_not_ignored: Found("edge", 20),
    plants.gateway_refuses_before_the_journal_has_looked: Found("refused", 80),
    plants.later_change_overtakes_one_that_must_be_repeated: Found("order", 300),
    plants.stale_removal_cuts_a_newer_session: Found("edge", 100, faults=("bus",)),
    plants.lost_news_of_memberships_not_looked_for: Found("convergence", 300),
    plants.restored_store_not_noticed: Found("commit", 60),
    plants.journal_keeps_rooms_of_another_epoch: Found("kept room", 300),
    plants.late_words_of_an_old_epoch_count: Found("commit", 100),
    plants.ended_sessions_not_looked_for: Found("edge", 400),
    plants.news_of_ended_sessions_not_heard: Found("edge", 60),
    plants.presence_lease_never_ends: Found("presence", 60),
    plants.lost_goodbyes_are_not_missed: Found("convergence", 60),
    plants.presence_is_said_once: Found("convergence", 100),
    plants.presence_is_told_to_strangers: Found("edge", 30),
    plants.changes_of_presence_are_not_told: Found("convergence", 400),
    plants.typing_never_ends: Found("leak", 200),
    plants.typing_is_told_to_who_is_not_in_the_room: Found("edge", 30),
    plants.wrong_clock_locks_out: Found("convergence", 100),
    plants.failover_keeps_the_epoch: Found("convergence", 60),
    plants.repeated_refresh_is_taken_for_a_theft: Found("sessions", 20, more=LOST_COMMITS),
    plants.mark_goes_back: Found("read", 400),
    plants.connection_leaves_its_rooms_open: Found("leak", 5),
    plants.hole_is_skipped: Found("edge", 20),
    plants.cluster_is_silent: Found("convergence", 40),
    plants.refusal_closes_the_connection: Found("client", 10),
    plants.typing_breaks: Found("defect", 10),
}


def test_every_rule_of_the_oracle_finds_a_planted_fault() -> None:
    modules = (clients, edges, nodes, oracle, rest, run)
    rules = {rule for module in modules for rule in re.findall(r'Violation\("([^"]+)"', inspect.getsource(module))}
    assert {found.rule for found in FOUND.values()} == rules


def test_the_list_of_planted_faults_is_that_of_the_document() -> None:
    listed = " ".join((ROOT / "docs" / "simulation.md").read_text(encoding="utf-8").split())
    assert " · ".join(plant.__name__.replace("_", " ") for plant in FOUND) in listed


@pytest.mark.timeout(300)
@pytest.mark.parametrize("plant", FOUND, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found(plant: plants.Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    found, others = FOUND[plant], []
    for seed in range(found.seeds):
        plan = make_plan(seed, users=5, steps=60, faults=found.faults)
        violation = run_plan(replace(plan, items=plan.items + found.more)).violation
        if violation is not None and violation.rule == found.rule:
            return
        others += [str(violation)] * (violation is not None)
    pytest.fail(f"not found as {found.rule!r} in {found.seeds} seeds: {others}")
