"""Sends of the core: acknowledged once, repeated safely, in the order in which they were made."""

from hubbub.client import outputs
from hubbub.client.errors import NotUnderstood
from hubbub.domain.ids import RoomId, Seq
from hubbub.wire import frames as wire
from tests.unit.client.scripted import ROOM, Script, with_limits

AT = "2026-11-22T09:00:00.000Z"


def sent(script: Script) -> list[str]:
    return [frame.text for frame in script.frames(wire.Send)]


def edits(script: Script) -> list[str]:
    return [frame.text for frame in script.frames(wire.Edit)]


def edit(script: Script, text: str, *, target: int, room_id: RoomId = ROOM) -> int:
    key = script.core.exchange(wire.Edit(room_id=room_id, target=Seq(target), text=text), script.now)
    script.collect()
    return key


def delete(script: Script, *, target: int) -> None:
    script.core.exchange(wire.Delete(room_id=ROOM, target=Seq(target)), script.now)
    script.collect()


def test_an_ack_answers_its_send() -> None:
    script = Script().opened()
    key = script.send()
    script.ack(script.last(wire.Send), 4)
    (answered,) = script.outputs(outputs.Answered)
    assert (answered.key, getattr(answered.answer, "seq", None)) == (key, 4)


def test_a_second_ack_answers_nothing() -> None:
    script = Script().opened()
    script.send()
    script.ack(script.last(wire.Send), 4)
    script.ack(script.last(wire.Send), 5)
    assert len(script.outputs(outputs.Answered)) == 1


def test_an_ack_without_a_seq_acknowledges_nothing() -> None:
    script = Script().opened()
    script.send()
    script.says(wire.Ack(ref=1, room_id=ROOM, client_id="a1"))
    assert script.outputs(outputs.Answered) == []


def test_an_ack_of_another_room_acknowledges_nothing() -> None:
    script = Script().opened()
    script.send()
    script.says(wire.Ack(ref=1, room_id=RoomId(8), client_id="a1", seq=Seq(1), at=AT))
    assert script.outputs(outputs.Answered) == []


def test_a_lost_ack_repeats_the_same_client_id_on_the_next_connection() -> None:
    script = Script().opened()
    script.send("hi", client_id="a1")
    script.lost()
    script.opened()
    assert [(frame.text, frame.client_id) for frame in script.frames(wire.Send)] == [("hi", "a1")] * 2


def test_an_ack_that_never_comes_ends_the_connection_and_the_send_is_repeated() -> None:
    script = Script().opened()
    script.send()
    for n in range(2):
        script.pass_time(20)
        script.says(wire.Ping(n=n, heads={}))
    assert script.outputs(outputs.HangUp)
    assert len(script.reconnects) == 2
    script.opened()
    assert sent(script) == ["hi", "hi"]


def test_after_a_reconnect_old_sends_leave_before_newer_ones_and_in_their_order() -> None:
    script = Script().opened()
    for text in ("a", "b", "c"):
        script.send(text)
    script.ack(script.frames(wire.Send)[1], 1)
    script.lost()
    script.send("d")
    script.forget()
    script.opened()
    assert sent(script) == ["a", "c", "d"]


def test_what_may_work_later_is_sent_again_before_what_is_newer() -> None:
    script = Script().opened()
    script.send("a")
    script.send("b")
    script.refuse(1, "rate_limited", retryable=True)
    script.send("c")
    script.ack(script.frames(wire.Send)[1], 1)
    assert sent(script) == ["a", "b"]
    script.pass_time(1)
    assert sent(script) == ["a", "b", "a", "c"]
    assert len(script.outputs(outputs.Answered)) == 1


def test_nothing_leaves_again_before_all_that_is_under_way_is_answered() -> None:
    script = Script().opened()
    for text in "abc":
        script.send(text)
    script.refuse(1, "rate_limited", retryable=True)
    script.send("d")
    script.pass_time(1)
    script.refuse(2, "rate_limited", retryable=True)
    script.pass_time(1)
    assert sent(script) == ["a", "b", "c"]
    script.refuse(3, "rate_limited", retryable=True)
    script.pass_time(1)
    assert sent(script) == ["a", "b", "c", "a", "b", "c", "d"]


def test_what_is_refused_together_is_one_reason_to_wait() -> None:
    script = Script().opened()
    for number in range(40):
        script.send(str(number))
    for ref in range(1, 41):
        script.refuse(ref, "rate_limited", retryable=True)
    script.pass_time(1)
    assert len(sent(script)) == 80


def test_a_server_that_asks_for_patience_gets_it() -> None:
    script = Script().opened()
    script.send("a")
    script.says(wire.Error(ref=1, code="rate_limited", message="", retryable=True, retry_after_ms=9000))
    script.pass_time(8.9)
    assert sent(script) == ["a"]
    script.pass_time(0.2)
    assert sent(script) == ["a", "a"]


def test_what_will_never_work_is_answered_with_the_refusal() -> None:
    script = Script().opened()
    key = script.send()
    script.refuse(1, "client_id_reused")
    (answered,) = script.outputs(outputs.Answered)
    assert (answered.key, getattr(answered.answer, "code", None)) == (key, "client_id_reused")
    script.lost()
    script.opened()
    assert sent(script) == ["hi"]


def test_only_so_many_frames_are_unanswered_at_once() -> None:
    script = Script().opened(with_limits(inflight=8))
    for number in range(20):
        script.send(str(number))
    assert sent(script) == ["0", "1", "2", "3", "4", "5", "6"]
    script.ack(script.frames(wire.Send)[3], 1)
    assert sent(script)[7:] == ["7"]


def test_sends_keep_to_the_pace_that_the_server_asks_for() -> None:
    script = Script().opened(with_limits(inflight=64, frame_rate=10.0, frame_burst=200))
    for number in range(200):
        script.send(str(number))
    for seq, frame in enumerate(script.frames(wire.Send)):
        script.ack(frame, seq)
    at_once = len(sent(script))
    script.pass_time(1.0)
    assert (at_once, len(sent(script))) == (100, 109)


def test_a_frame_above_the_limit_is_refused_here_and_takes_nothing_with_it() -> None:
    script = Script().opened(with_limits(frame=200))
    script.send("x" * 300)
    script.send("y")
    (answered,) = script.outputs(outputs.Answered)
    assert getattr(answered.answer, "code", None) == "too_large"
    assert sent(script) == ["y"]


def test_an_answer_that_can_not_be_read_is_the_end_of_waiting_for_it() -> None:
    script = Script().opened()
    script.core.exchange(wire.History(room_id=ROOM), script.now)
    script.says(b'{"type":"page","ref":1,"room_id":9,"head":1,"items":[{"seq":"one"}]}')
    (answered,) = script.outputs(outputs.Answered)
    assert isinstance(answered.answer, NotUnderstood)
    script.lost()
    script.opened()
    assert len(script.frames(wire.History)) == 1


def test_what_was_withdrawn_in_time_is_never_sent() -> None:
    script = Script()
    key = script.send("never mind")
    assert script.core.withdraw(key)
    script.opened()
    assert sent(script) == []


def test_what_has_left_can_not_be_withdrawn_and_is_repeated_until_it_is_answered() -> None:
    script = Script().opened()
    key = script.send("hi")
    assert not script.core.withdraw(key)
    script.lost()
    script.opened()
    assert sent(script) == ["hi", "hi"]
    script.ack(script.last(wire.Send), 1)
    assert not script.core.withdraw(key)


def test_edits_stay_in_order_with_sends() -> None:
    script = Script().opened()
    script.send("a")
    edit(script, "b", target=1)
    delete(script, target=2)
    script.lost()
    script.forget()
    script.opened()
    assert [type(frame) for frame in script.sent] == [wire.Send, wire.Edit, wire.Delete]


def test_a_change_waits_for_the_one_before_of_the_same_message_and_so_does_what_is_newer() -> None:
    script = Script().opened()
    edit(script, "x", target=1)
    edit(script, "of another message", target=2)
    edit(script, "of another room", target=1, room_id=RoomId(8))
    edit(script, "y", target=1)
    script.send("a")
    assert edits(script) == ["x", "of another message", "of another room"]
    assert (script.core.deadline() or 0.0) > script.now
    script.says(wire.Ack(ref=1, room_id=ROOM, seq=Seq(5), at=AT))
    assert (edits(script)[3:], sent(script)) == (["y"], ["a"])
    delete(script, target=1)
    assert script.frames(wire.Delete) == []
    script.says(wire.Ack(ref=4, room_id=ROOM, seq=Seq(6), at=AT))
    assert len(script.frames(wire.Delete)) == 1


def test_what_is_repeated_of_a_message_is_its_last_change_alone() -> None:
    script = Script().opened()
    edit(script, "x", target=1)
    edit(script, "y", target=1)
    script.lost()
    script.opened()
    assert edits(script) == ["x", "x"]
    script.says(wire.Ack(ref=2, room_id=ROOM))
    assert edits(script) == ["x", "x", "y"]


def test_a_change_that_is_to_come_later_is_not_overtaken_by_the_next() -> None:
    script = Script().opened()
    edit(script, "x", target=1)
    edit(script, "y", target=1)
    script.refuse(1, "rate_limited", retryable=True)
    script.pass_time(1)
    assert edits(script) == ["x", "x"]
    script.refuse(2, "forbidden")
    assert edits(script) == ["x", "x", "y"]


def test_a_change_that_was_taken_back_while_it_waited_holds_up_nothing() -> None:
    script = Script().opened()
    edit(script, "x", target=1)
    never_mind = edit(script, "y", target=1)
    script.send("a")
    assert script.core.withdraw(never_mind)
    script.says(wire.Ack(ref=1, room_id=ROOM, seq=Seq(5), at=AT))
    assert (edits(script), sent(script)) == (["x"], ["a"])


def test_an_edit_that_changed_nothing_is_answered_too() -> None:
    script = Script().opened()
    key = script.core.exchange(wire.Edit(room_id=ROOM, target=Seq(1), text="b"), script.now)
    script.says(wire.Ack(ref=1, room_id=ROOM))
    assert [answered.key for answered in script.outputs(outputs.Answered)] == [key]


def test_only_a_page_answers_a_question_for_history() -> None:
    script = Script().opened()
    key = script.core.exchange(wire.History(room_id=ROOM), script.now)
    script.says(wire.Ack(ref=1, room_id=ROOM, seq=Seq(1), at=AT))
    assert script.outputs(outputs.Answered) == []
    script.says(wire.Page(ref=1, room_id=ROOM, items=[], head=Seq(0)))
    assert [answered.key for answered in script.outputs(outputs.Answered)] == [key]
