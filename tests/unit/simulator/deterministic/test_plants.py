"""Mutation tests of the oracle: each fault that is planted is found, within a stated number of seeds."""

import pytest

from hubbub.simulator.deterministic.plan import FAULTS, make_plan
from hubbub.simulator.deterministic.run import run_plan
from tests.guards.project import ROOT
from tests.unit.simulator.deterministic import plants

SEEDS: dict[plants.Plant, int] = {  # the most that it may take
    plants.ack_before_commit: 5,
    plants.publish_before_commit: 60,
    plants.dedup_forgotten: 10,
    plants.dedup_within_a_batch_only: 10,
    plants.join_reads_before_it_subscribes: 400,
    plants.room_not_looked_at_when_the_bus_has_settled: 400,
    plants.delivery_out_of_order: 10,
    plants.no_look_at_heads: 100,
    plants.kept_room_not_checked_against_its_head: 10,
    plants.rollback_keeps_the_rooms: 300,
    plants.removal_not_checked_at_delivery: 60,
    plants.ex_member_resumes: 30,
    plants.unknown_outcome_taken_for_failure: 300,
    plants.events_dropped_without_behind: 30,
    plants.old_bus_seqs_not_ignored: 20,
    plants.gateway_refuses_before_the_journal_has_looked: 80,
    plants.later_change_overtakes_one_that_must_be_repeated: 300,
    plants.stale_removal_cuts_a_newer_session: 600,
    plants.lost_news_of_memberships_not_looked_for: 300,
    plants.restored_store_not_noticed: 60,
    plants.journal_keeps_rooms_of_another_epoch: 300,
    plants.late_words_of_an_old_epoch_count: 100,
    plants.failover_keeps_the_epoch: 60,
    plants.ended_sessions_not_looked_for: 400,
    plants.news_of_ended_sessions_not_heard: 60,
    plants.presence_lease_never_ends: 60,
    plants.lost_goodbyes_are_not_missed: 60,
    plants.presence_is_said_once: 100,
    plants.presence_is_told_to_strangers: 30,
    plants.changes_of_presence_are_not_told: 400,
    plants.typing_never_ends: 200,
    plants.typing_is_told_to_who_is_not_in_the_room: 30,
    plants.wrong_clock_locks_out: 100,
    plants.repeated_refresh_is_taken_for_a_theft: 600,
    plants.mark_goes_back: 400,
    plants.connection_leaves_its_rooms_open: 5,
    plants.hole_is_skipped: 20,
    plants.cluster_is_silent: 40,
}


def test_the_list_of_planted_faults_is_that_of_the_document() -> None:
    listed = " ".join((ROOT / "docs" / "simulation.md").read_text(encoding="utf-8").split())
    assert " · ".join(plant.__name__.replace("_", " ") for plant in SEEDS) in listed


@pytest.mark.timeout(300)
@pytest.mark.parametrize("plant", SEEDS, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found(plant: plants.Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    for seed in range(SEEDS[plant]):
        if run_plan(make_plan(seed, users=5, steps=60, faults=FAULTS)).violation is not None:
            return
    pytest.fail(f"not found in {SEEDS[plant]} seeds")
