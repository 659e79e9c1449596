"""Rooms of the core, against a server that loses, repeats, reorders and makes things up."""

import pytest

from hubbub.client import outputs
from hubbub.client.errors import Missed
from hubbub.domain.events import MessagePosted
from hubbub.domain.ids import RoomId, Seq
from hubbub.wire import frames as wire
from tests.unit.client.scripted import HELLO, ROOM, Script, event, events, joined, posted, with_limits

OTHER = RoomId(10)


def test_a_room_is_joined_from_the_last_event_that_was_applied() -> None:
    script = Script().opened()
    script.core.follow(ROOM, script.now, after=Seq(412), epoch="e1")
    script.collect()
    assert script.sent == [wire.Join(ref=1, room_id=ROOM, after=Seq(412), epoch="e1")]


def test_the_live_tail_begins_at_the_head_of_the_snapshot() -> None:
    script = Script().opened()
    ref = script.follow(None)
    assert script.last(wire.Join).after is None
    script.says(event(7), joined(ref, 7), event(8))
    assert script.applied == [8]


def test_catching_up_goes_on_until_there_is_no_more() -> None:
    script = Script().opened()
    ref = script.follow()
    script.says(joined(ref, 5, replay=(1, 5)), events(ref, 1, 2, more=True))
    again = script.last(wire.Join)
    assert (again.after, script.outputs(outputs.CaughtUp)) == (2, [])
    script.says(joined(again.ref, 5, replay=(3, 5)), events(again.ref, 3, 5))
    assert script.applied == [1, 2, 3, 4, 5]
    assert len(script.outputs(outputs.CaughtUp)) == 1


def test_a_resume_of_nothing_is_live_at_once() -> None:
    script = Script().opened()
    ref = script.follow(4)
    script.says(joined(ref, 4))
    assert script.outputs(outputs.CaughtUp) == [outputs.CaughtUp(ROOM)]


def test_repeated_events_are_dropped() -> None:
    script = Script().opened().live(3)
    script.says(event(3), event(4), event(4), event(1))
    assert script.applied == [4]


def test_a_hole_asks_once_however_many_events_come_behind_it() -> None:
    script = Script().opened().live(3)
    script.says(event(5), event(6), event(7))
    assert [join.after for join in script.frames(wire.Join)] == [3]
    assert script.applied == []
    ref = script.last(wire.Join).ref
    script.says(joined(ref, 7, replay=(4, 7)), events(ref, 4, 7), event(8))
    assert script.applied == [4, 5, 6, 7, 8]


def test_reordered_events_are_applied_in_order_and_once() -> None:
    script = Script().opened().live()
    script.says(event(2), event(1), event(3))
    ref = script.last(wire.Join).ref
    script.says(joined(ref, 3, replay=(1, 3)), events(ref, 1, 3))
    assert script.applied == [1, 2, 3]


def test_what_is_missing_within_a_replay_is_asked_for_again() -> None:
    script = Script().opened()
    ref = script.follow()
    holed = wire.Events(
        ref=ref, room_id=ROOM, more=False, events=[*events(ref, 1, 1).events, *events(ref, 3, 3).events]
    )
    script.says(joined(ref, 3, replay=(1, 3)), holed)
    assert script.applied == [1]
    assert script.outputs(outputs.CaughtUp) == []
    assert script.last(wire.Join).after == 1


def test_a_replay_that_ends_too_early_is_no_catching_up() -> None:
    script = Script().opened()
    ref = script.follow()
    script.says(joined(ref, 3, replay=(1, 3)), events(ref, 1, 2))
    assert script.outputs(outputs.CaughtUp) == []
    assert script.last(wire.Join).after == 2


def test_a_server_that_makes_no_progress_is_asked_ever_more_rarely() -> None:
    script = Script().opened()
    script.follow()
    for _ in range(30):
        for join in script.frames(wire.Join)[-1:]:
            script.says(
                joined(join.ref, 3, replay=(1, 3)), wire.Events(ref=join.ref, room_id=ROOM, more=True, events=[])
            )
        script.pass_time(1.0)
    assert 3 <= len(script.frames(wire.Join)) <= 10


def test_a_ping_shows_that_the_last_event_was_lost() -> None:
    script = Script().opened().live(3)
    script.says(wire.Ping(n=1, heads={ROOM: Seq(4)}))
    assert script.sent == [wire.Pong(n=1), wire.Join(ref=2, room_id=ROOM, after=Seq(3), epoch="e1")]


def test_a_ping_that_tells_nothing_new_asks_for_nothing() -> None:
    script = Script().opened().live(3)
    script.says(wire.Ping(n=1, heads={ROOM: Seq(3), OTHER: Seq(5)}))
    assert script.sent == [wire.Pong(n=1)]


def test_who_is_behind_joins_again_from_where_they_are() -> None:
    script = Script().opened().live(3)
    script.says(wire.Behind(room_id=ROOM, head=Seq(900)))
    assert script.sent == [wire.Join(ref=2, room_id=ROOM, after=Seq(3), epoch="e1")]


def test_behind_amid_a_catch_up_makes_the_answer_to_the_old_join_void() -> None:
    script = Script().opened()
    old = script.follow()
    script.says(joined(old, 5, replay=(1, 5)), wire.Behind(room_id=ROOM, head=Seq(6)))
    new = script.last(wire.Join).ref
    script.says(events(old, 1, 5))
    script.refuse(old, "conflict")
    assert script.applied == []
    script.says(joined(new, 6, replay=(1, 6)), events(new, 1, 6))
    assert script.applied == [1, 2, 3, 4, 5, 6]
    assert new == script.last(wire.Join).ref


def test_a_reset_amid_a_join_starts_from_the_base() -> None:
    script = Script().opened()
    ref = script.follow(50)
    script.says(wire.Reset(room_id=ROOM, reason="pruned", head=Seq(61), base=Seq(60)))
    script.says(joined(ref, 61, replay=(61, 61), base=60), events(ref, 61, 61))
    assert script.outputs(outputs.Reset) == [outputs.Reset(ROOM, "pruned", Seq(60))]
    assert script.applied == [61]
    assert len(script.frames(wire.Join)) == 1


def test_a_reset_of_a_live_room_joins_it_from_the_base() -> None:
    script = Script().opened().live(3)
    script.says(wire.Reset(room_id=ROOM, reason="epoch_changed", head=Seq(2), base=Seq(0)))
    assert script.last(wire.Join) == wire.Join(ref=2, room_id=ROOM, after=Seq(0))


def test_a_log_that_is_shorter_than_what_was_applied_is_another_log() -> None:
    script = Script().opened()
    ref = script.follow(50)
    script.says(joined(ref, 40, epoch="e2"))
    assert script.outputs(outputs.Reset) == [outputs.Reset(ROOM, "epoch_changed", Seq(0))]
    assert script.last(wire.Join) == wire.Join(ref=2, room_id=ROOM, after=Seq(0))


def test_who_was_removed_gets_no_more_of_the_room() -> None:
    script = Script().opened().live(3)
    script.says(event(4), wire.Reset(room_id=ROOM, reason="forbidden", seq=Seq(4)), event(5))
    assert script.applied == [4]
    assert script.outputs(outputs.Ended) == [outputs.Ended(ROOM, None)]
    script.lost()
    script.opened()
    assert script.sent == []


def test_who_was_removed_is_told_of_the_events_before_that_were_lost() -> None:
    script = Script().opened().live(3)
    script.says(event(6), wire.Reset(room_id=ROOM, reason="forbidden", seq=Seq(6)))
    (ended,) = script.outputs(outputs.Ended)
    assert isinstance(ended.error, Missed)
    assert "events 4 to 6 of room 9" in str(ended.error)


def test_who_was_removed_before_anything_was_known_of_the_room_has_missed_nothing() -> None:
    script = Script().opened()
    script.follow(None)
    script.says(wire.Reset(room_id=ROOM, reason="forbidden", seq=Seq(6)))
    assert script.outputs(outputs.Ended) == [outputs.Ended(ROOM, None)]


@pytest.mark.parametrize("code", ["forbidden", "not_found", "invalid"])
def test_a_room_that_is_refused_is_over(code: str) -> None:
    script = Script().opened()
    ref = script.follow()
    script.refuse(ref, code)
    (ended,) = script.outputs(outputs.Ended)
    assert getattr(ended.error, "code", None) == code
    script.pass_time(100)
    assert len(script.frames(wire.Join)) == 1


@pytest.mark.parametrize("code", ["unavailable", "conflict", "internal", "rate_limited", "of_the_future"])
def test_a_join_that_may_work_later_is_tried_again(code: str) -> None:
    script = Script().opened()
    ref = script.follow()
    script.says(wire.Error(ref=ref, code=code, message="no", retryable=True, retry_after_ms=5000))
    script.pass_time(4.9)
    assert len(script.frames(wire.Join)) == 1
    script.pass_time(0.2)
    assert len(script.frames(wire.Join)) == 2


def test_rooms_are_resumed_together_with_their_epoch() -> None:
    script = Script().opened().live(3)
    script.says(joined(script.follow(7, room_id=OTHER), 7, room_id=OTHER))
    script.forget()
    script.lost()
    script.opened()
    assert script.sent == [wire.Sync(ref=3, rooms={ROOM: Seq(3), OTHER: Seq(7)}, epoch="e1")]


def test_the_rooms_of_a_sync_are_answered_one_by_one() -> None:
    script = Script()
    script.core.follow(ROOM, script.now, after=Seq(0))
    script.core.follow(OTHER, script.now, after=Seq(0))
    script.opened()
    ref = script.last(wire.Sync).ref
    script.says(joined(ref, 1, replay=(1, 1)), events(ref, 1, 1))
    script.refuse(ref, "forbidden", room_id=OTHER)
    script.says(wire.Ack(ref=ref))
    assert script.applied == [1]
    assert [ended.room_id for ended in script.outputs(outputs.Ended)] == [OTHER]
    script.pass_time(20)
    assert len(script.sent) == 1


def test_an_answer_that_takes_long_is_waited_for_as_long_as_parts_of_it_come() -> None:
    script = Script()
    script.core.follow(ROOM, script.now, after=Seq(0))
    script.core.follow(OTHER, script.now, after=Seq(0))
    script.opened()
    ref = script.last(wire.Sync).ref
    script.pass_time(29)
    script.says(joined(ref, 1, replay=(1, 1)), events(ref, 1, 1))
    script.pass_time(29)
    assert script.outputs(outputs.HangUp) == []
    script.pass_time(2)
    assert len(script.outputs(outputs.HangUp)) == 1


def test_a_room_that_a_sync_forgot_is_asked_for_again() -> None:
    script = Script()
    script.core.follow(ROOM, script.now, after=Seq(0))
    script.core.follow(OTHER, script.now, after=Seq(0))
    script.opened()
    ref = script.last(wire.Sync).ref
    script.says(joined(ref, 0), wire.Ack(ref=ref))
    script.pass_time(1)
    assert script.last(wire.Join).room_id == OTHER


def test_a_refused_sync_is_tried_again_whole() -> None:
    script = Script()
    script.core.follow(ROOM, script.now, after=Seq(0))
    script.core.follow(OTHER, script.now, after=Seq(0))
    script.opened()
    script.refuse(script.last(wire.Sync).ref, "unavailable", retryable=True)
    script.pass_time(1)
    assert [list(sync.rooms) for sync in script.frames(wire.Sync)] == [[ROOM, OTHER]] * 2


def test_many_rooms_are_asked_for_in_frames_of_a_bounded_size() -> None:
    script = Script()
    for number in range(1, 251):
        script.core.follow(RoomId(number), script.now, after=Seq(0))
    script.opened()
    assert [len(sync.rooms) for sync in script.frames(wire.Sync)] == [100, 100, 50]


def test_events_of_rooms_that_nobody_follows_are_passed_over() -> None:
    script = Script().opened().live(3)
    script.says(event(1, OTHER), joined(77, 5, room_id=OTHER), events(77, 1, 5, room_id=OTHER))
    script.says(wire.Behind(room_id=OTHER, head=Seq(1)), wire.Reset(room_id=OTHER, reason="pruned", base=Seq(0)))
    assert (script.sent, script.told) == ([], [])


def test_an_event_of_an_unknown_kind_counts_and_does_nothing() -> None:
    script = Script().opened().live(3)
    newer = wire.EventFrame(room_id=ROOM, seq=Seq(4), kind="poll.opened", user_id=event(1).user_id, at=event(1).at)
    script.says(newer, event(5))
    assert script.applied == [4, 5]
    assert script.events == [None, posted(5)]


def test_an_event_that_can_not_be_read_is_as_good_as_missing() -> None:
    script = Script().opened().live(3)
    broken = wire.EventFrame(room_id=ROOM, seq=Seq(4), kind=MessagePosted.kind, user_id=event(1).user_id, at="today")
    script.says(broken)
    assert script.applied == []
    assert script.last(wire.Join).after == 3


def test_an_unreadable_answer_to_a_join_is_asked_for_again() -> None:
    script = Script().opened()
    ref = script.follow()
    script.says(b'{"type":"joined","ref":%d,"room_id":"nine"}' % ref)
    script.pass_time(1)
    assert len(script.frames(wire.Join)) == 2


def test_nothing_that_the_server_can_say_ends_the_connection() -> None:
    script = Script().opened().live(3)
    script.says(
        b"", b"[]", b"\xff", b'{"type":"confetti"}', b'{"type":"event"}', b"{" * 5000, b'{"type":"ack","ref":5}'
    )
    script.refuse(None, "invalid")
    script.refuse(4711, "invalid")
    script.says(HELLO, wire.Events(ref=None, room_id=ROOM, more=False, events=[]), joined(None, 3), event(4))
    assert (script.applied, script.sent, script.reconnects) == ([4], [], [])


def test_who_no_longer_follows_a_room_says_so_and_hears_no_more() -> None:
    script = Script().opened().live(3)
    script.unfollow()
    script.says(event(4))
    script.unfollow()
    assert (script.sent, script.applied) == ([wire.Leave(ref=2, room_id=ROOM)], [])


def test_a_room_that_was_left_amid_its_join_stays_left() -> None:
    script = Script().opened()
    ref = script.follow()
    script.unfollow()
    script.refuse(ref, "conflict")
    script.pass_time(20)
    assert len(script.frames(wire.Join)) == 1


@pytest.mark.parametrize("head", [0, 3])
def test_the_late_answer_to_a_join_that_nobody_wants_any_more_leaves_nothing_to_wait_for(head: int) -> None:
    script = Script().opened()
    ref = script.follow()
    script.unfollow()
    script.says(joined(ref, head, replay=(1, head) if head else None))
    if head:
        script.says(events(ref, 1, head))
    script.says(wire.Ack(ref=script.last(wire.Leave).ref, room_id=ROOM))
    assert (script.applied, script.core._window.oldest) == ([], None)
    script.stay(60)
    assert script.outputs(outputs.HangUp) == []


def test_a_room_that_is_followed_again_amid_its_join_listens_to_the_later_one() -> None:
    script = Script().opened()
    first = script.follow()
    again = script.follow(2)
    script.says(joined(first, 3, replay=(1, 3)), events(first, 1, 3))
    assert script.applied == []
    script.says(joined(again, 3, replay=(3, 3)), events(again, 3, 3))
    assert script.applied == [3]
    script.stay(60)
    assert (script.outputs(outputs.HangUp), script.frames(wire.Leave)) == ([], [])


def test_a_room_that_falls_behind_amid_its_join_leaves_nothing_to_wait_for() -> None:
    script = Script().opened()
    first = script.follow()
    script.says(joined(first, 3, replay=(1, 3)), wire.Behind(room_id=ROOM, head=Seq(3)), events(first, 1, 3))
    again = script.last(wire.Join).ref
    script.says(joined(again, 3, replay=(1, 3)), events(again, 1, 3))
    script.stay(60)
    assert (script.applied, script.outputs(outputs.HangUp)) == ([1, 2, 3], [])


def test_a_server_that_was_never_asked_for_a_room_is_not_told_that_it_was_left() -> None:
    script = Script()
    script.core.follow(ROOM, script.now)
    script.unfollow()
    script.opened()
    assert script.sent == []


def test_a_room_that_is_left_followed_and_left_again_while_nothing_can_be_said_is_left() -> None:
    script = Script().opened(with_limits(inflight=1)).live()
    script.send()
    script.unfollow()
    script.core.follow(ROOM, script.now)
    script.unfollow()
    script.ack(script.last(wire.Send), 1)
    assert script.frames(wire.Leave) == [wire.Leave(ref=script.last(wire.Leave).ref, room_id=ROOM)]
    assert script.frames(wire.Join) == []
