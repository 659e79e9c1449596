"""Read marks and presence of the core: the last word counts, it arrives, and it takes nobody else's place."""

import pytest
from msgspec.structs import replace

from hubbub.client import outputs
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.wire import frames as wire
from tests.unit.client.scripted import ANN, HELLO, ROOM, Script, event, joined, with_limits

BOB = UserId(2)


def marks(script: Script) -> list[int]:
    return [frame.seq for frame in script.frames(wire.Read)]


def acknowledge(script: Script) -> None:
    script.says(wire.Ack(ref=script.last(wire.Read).ref, room_id=ROOM))


def watching(script: Script) -> list[tuple[str | None, list[int] | None]]:
    return [(frame.status, None if frame.watch is None else [*frame.watch]) for frame in script.frames(wire.Presence)]


def test_marks_of_a_room_cost_one_frame_a_round_trip_and_the_last_one_arrives() -> None:
    script = Script().opened()
    for seq in range(1, 601):
        script.mark(seq)
    assert marks(script) == [1]
    acknowledge(script)
    assert marks(script) == [1, 600]
    acknowledge(script)
    script.pass_time(20)
    assert marks(script) == [1, 600]


def test_a_mark_does_not_go_back_while_a_higher_one_waits() -> None:
    script = Script().opened()
    for seq in (3, 5, 4):
        script.mark(seq)
    acknowledge(script)
    assert marks(script) == [3, 5]


def test_a_mark_without_an_answer_is_repeated_on_the_next_connection_and_no_other() -> None:
    script = Script().opened()
    script.mark(3)
    acknowledge(script)
    script.lost()
    script.opened()
    assert marks(script) == [3]
    script.mark(5)
    script.lost()
    script.mark(4)
    script.opened()
    assert marks(script) == [3, 5, 5]


def test_many_marks_leave_within_the_limits() -> None:
    script = Script().opened()
    script.lost()
    for room_id in range(1, 501):
        script.mark(7, room_id=RoomId(room_id))
    script.opened()
    assert len(marks(script)) == 56
    for frame in script.frames(wire.Read):
        script.says(wire.Ack(ref=frame.ref, room_id=frame.room_id))
    assert len(marks(script)) == 100  # half of what the server takes at once
    script.pass_time(1.0)
    for frame in script.frames(wire.Read):
        script.says(wire.Ack(ref=frame.ref, room_id=frame.room_id))
    assert 100 < len(marks(script)) <= 150


def test_marks_and_messages_take_turns() -> None:
    script = Script()
    for number in range(3):
        script.send(str(number))
        script.mark(7, room_id=RoomId(number + 1))
    script.mark(7, room_id=RoomId(4))
    script.opened()
    assert [type(frame).__name__ for frame in script.sent] == ["Read", "Send", "Read", "Send", "Read", "Send", "Read"]


def test_a_mark_that_may_be_taken_later_is_sent_again_unless_there_is_a_later_one() -> None:
    script = Script().opened()
    script.mark(3)
    script.refuse(script.last(wire.Read).ref, "unavailable", retryable=True)
    assert marks(script) == [3]
    script.pass_time(1)
    assert marks(script) == [3, 3]
    script.mark(5)
    script.refuse(script.last(wire.Read).ref, "unavailable", retryable=True)
    script.pass_time(2)
    assert marks(script) == [3, 3, 5]


def test_a_mark_that_will_never_be_taken_is_the_end_of_it() -> None:
    script = Script().opened()
    script.mark(3)
    script.refuse(script.last(wire.Read).ref, "not_found")
    script.stay(60)
    assert (marks(script), script.outputs(outputs.HangUp)) == ([3], [])


def test_an_answer_to_a_mark_that_can_not_be_read_ends_nothing() -> None:
    script = Script().opened()
    script.mark(3)
    script.says(b'{"type":"ack","ref":1,"room_id":"nine"}')
    script.stay(60)
    assert (marks(script), script.outputs(outputs.HangUp)) == ([3], [])


def test_marks_in_a_log_that_was_replaced_are_forgotten() -> None:
    script = Script().opened().live(30)
    script.mark(29)
    script.lost()
    script.mark(30)
    restored = replace(HELLO, epoch="e2")
    script.opened(restored)
    script.mark(31)  # by who does not know it yet
    assert marks(script) == [29]
    join = script.last(wire.Join)
    script.says(
        wire.Reset(room_id=ROOM, reason="epoch_changed", head=Seq(2), base=Seq(0)),
        joined(join.ref, 2, replay=None, epoch="e2", base=2),
        event(3),
    )
    script.mark(3)
    assert marks(script) == [29, 3]


def test_a_mark_in_a_log_that_was_heard_of_after_hello_is_kept() -> None:
    script = Script().opened()
    script.says(joined(script.follow(), 0, epoch="e2"))
    script.lost()
    script.mark(3)
    script.opened(replace(HELLO, epoch="e2"))
    assert marks(script) == [3]


def test_a_room_that_was_never_joined_can_be_marked() -> None:
    script = Script().opened()
    script.core.follow(ROOM, script.now, epoch="e1")
    script.mark(3)
    assert marks(script) == [3]


def test_what_was_said_of_presence_is_said_again_on_the_next_connection() -> None:
    script = Script()
    script.core.presence(wire.Presence(watch=[ANN]), script.now)
    script.opened()
    script.says(wire.Ack(ref=script.last(wire.Presence).ref))
    script.core.presence(wire.Presence(status="away"), script.now)
    script.collect()
    script.lost()
    script.opened()
    assert watching(script) == [(None, [ANN]), ("away", None), ("away", [ANN])]


def test_what_is_said_of_presence_at_once_is_one_frame() -> None:
    script = Script().opened()
    for status in ("away", "online", "away"):
        script.core.presence(wire.Presence(status=status), script.now)
    script.core.presence(wire.Presence(watch=[]), script.now)
    script.collect()
    assert watching(script) == [("away", None)]
    script.says(wire.Ack(ref=1))
    assert watching(script) == [("away", None), ("away", [])]


def test_presence_that_may_be_taken_later_is_said_again() -> None:
    script = Script().opened()
    script.core.presence(wire.Presence(status="away", watch=[ANN]), script.now)
    script.collect()
    script.core.presence(wire.Presence(status="online"), script.now)
    script.refuse(1, "unavailable", retryable=True)
    script.pass_time(1)
    assert watching(script) == [("away", [ANN]), ("online", [ANN])]


@pytest.mark.parametrize(("burst", "told"), [(2, 1), (20, 10)])
def test_typing_is_dropped_rather_than_late(burst: int, told: int) -> None:
    script = Script().opened(with_limits(frame_burst=burst))
    for _ in range(30):
        script.core.tell(wire.Typing(room_id=ROOM, on=True), script.now)
    script.stay(20)
    assert len(script.frames(wire.Typing)) == told


def test_a_watch_that_is_refused_for_good_is_forgotten_and_takes_no_status_with_it() -> None:
    script = Script().opened()
    script.core.presence(wire.Presence(status="away", watch=[BOB]), script.now)
    script.collect()
    script.refuse(script.last(wire.Presence).ref, "invalid")
    assert watching(script) == [("away", [2]), ("away", None)]
    script.says(wire.Ack(ref=script.last(wire.Presence).ref))
    script.lost()
    script.forget()
    script.opened()
    assert watching(script) == [("away", None)]


def test_a_watch_that_takes_the_place_of_a_refused_one_is_told() -> None:
    script = Script().opened()
    for user_id in (BOB, UserId(3)):
        script.core.presence(wire.Presence(watch=[user_id]), script.now)
    script.collect()
    script.refuse(script.last(wire.Presence).ref, "invalid")
    script.lost()
    script.forget()
    script.opened()
    assert watching(script) == [(None, [3])]


def test_a_mark_under_way_is_not_said_again_in_a_log_that_a_join_tells_of() -> None:
    script = Script().opened().live(10)
    script.mark(10)
    script.says(wire.Reset(room_id=ROOM, reason="epoch_changed", head=Seq(30), base=Seq(0)))
    script.says(joined(script.last(wire.Join).ref, 30, replay=(1, 30), epoch="e2"))
    script.lost()
    script.forget()
    script.opened(replace(HELLO, epoch="e2"))
    assert marks(script) == []
