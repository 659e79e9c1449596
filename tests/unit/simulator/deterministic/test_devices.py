"""Mutation tests of what the simulation sees of the SDK: each fault that is planted in it is found."""

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from hubbub.client.catchup import Catchup
from hubbub.client.core import Core
from hubbub.client.feeds import Feed
from hubbub.client.notices import Notices
from hubbub.client.outbox import Outbox
from hubbub.client.rooms import Room
from hubbub.client.windows import Window
from hubbub.domain.events import Event
from hubbub.domain.ids import RoomId, Seq
from hubbub.simulator.deterministic import devices, servers
from hubbub.simulator.deterministic.plan import FAULTS, make_plan
from hubbub.simulator.deterministic.run import run_plan
from hubbub.wire import frames as wire

Plant = Callable[[pytest.MonkeyPatch], None]


def marks_leave_at_once(patch: pytest.MonkeyPatch) -> None:
    def mark_read(core: Core, room_id: RoomId, seq: Seq, now: float) -> None:
        core._transmit(wire.Read(room_id=room_id, seq=seq))

    patch.setattr(Core, "mark_read", mark_read)


def no_pace(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Window, "take", lambda window, now: True)


def no_limit_of_what_is_under_way(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Window, "full", False)


def lost_mark_is_not_repeated(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Notices, "_put_back", lambda notices, notice: None)


def marks_outlive_their_log(patch: pytest.MonkeyPatch) -> None:
    real = Room.reset

    def reset(room: Room, reason: str, base: Seq) -> None:
        real(room, "pruned", base)

    patch.setattr(Room, "reset", reset)


def answer_that_nobody_wants_is_not_noticed(patch: pytest.MonkeyPatch) -> None:
    real = Catchup._over

    def over(catchup: Catchup, ref: int | None) -> Sequence[int]:
        asked = catchup._asked.get(ref or 0, ())
        return () if any(room.ref != ref for room in asked) else real(catchup, ref)

    patch.setattr(Catchup, "_over", over)


def loop_forgets_what_did_not_fit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Feed, "_lags", lambda feed: False)


def loop_is_given_what_came_late(patch: pytest.MonkeyPatch) -> None:
    def put(feed: Feed, seq: Seq, event: Event | None) -> None:
        if feed._position is not None and event is not None:
            feed._position.applied = seq
            if len(feed._queue) < feed._limit:
                feed._queue.append(event)
            feed.wake()

    patch.setattr(Feed, "put", put)


def all_changes_of_a_message_leave_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outbox, "_next", lambda outbox: next(iter(outbox._unsent.values()), None))


def pages_are_put_behind_what_is_known(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Room, "_add", lambda room, found: room.messages.update({message.seq: message for message in found}))


@dataclass(frozen=True, slots=True)
class Found:
    """By which rule a fault is found, and within how many seeds."""

    rule: str
    seeds: int


FOUND: dict[Plant, Found] = {
    marks_leave_at_once: Found("edge", 20),
    no_pace: Found("edge", 100),
    no_limit_of_what_is_under_way: Found("edge", 10),
    lost_mark_is_not_repeated: Found("convergence", 20),
    marks_outlive_their_log: Found("convergence", 100),
    answer_that_nobody_wants_is_not_noticed: Found("sdk", 40),
    loop_forgets_what_did_not_fit: Found("convergence", 10),
    loop_is_given_what_came_late: Found("loop", 10),
    all_changes_of_a_message_leave_at_once: Found("order", 60),
    pages_are_put_behind_what_is_known: Found("convergence", 20),
}


@pytest.mark.parametrize("plant", FOUND, ids=lambda plant: plant.__name__)
def test_a_fault_planted_in_the_sdk_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    found, others = FOUND[plant], []
    for seed in range(found.seeds):
        violation = run_plan(make_plan(seed, users=5, steps=60, faults=FAULTS)).violation
        if violation is not None and violation.rule == found.rule:
            return
        others += [str(violation)] * (violation is not None)
    pytest.fail(f"not found as {found.rule!r} in {found.seeds} seeds: {others}")


def test_every_rule_about_the_sdk_finds_a_planted_fault() -> None:
    rules = set(re.findall(r'Violation\("([^"]+)"', inspect.getsource(devices) + inspect.getsource(servers)))
    of_the_oracle = {"edge", "convergence", "order"}
    assert {found.rule for found in FOUND.values()} - of_the_oracle == rules
