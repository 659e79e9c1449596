from collections.abc import AsyncIterator
from dataclasses import replace

from hubbub.domain.events import Event, MemberJoined, MemberLeft, MessagePosted
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message
from hubbub.simulator.replays.comparisons import Comparison, compare
from hubbub.simulator.replays.transcripts import Step, StepKind

ROOM, ANN, BEN = RoomId(1), UserId(1), UserId(2)
STEPS = [
    Step(1, Millis(0), StepKind.JOIN, "ann"),
    Step(2, Millis(0), StepKind.MESSAGE, "ann", "hello"),
    Step(3, Millis(0), StepKind.LEAVE, "ann"),
]
MESSAGE = Message(ROOM, Seq(2), ANN, Millis(0), "hello", "line-2")
JOINED = MemberJoined(ROOM, Seq(1), ANN, Millis(0), ANN, Role.MEMBER)
LEFT = MemberLeft(ROOM, Seq(3), ANN, Millis(0), ANN)
LOG: list[Event] = [JOINED, MessagePosted(MESSAGE), LEFT]


async def compared(log: list[Event]) -> Comparison:
    async def read() -> AsyncIterator[Event]:
        for event in log:
            yield event

    return await compare(read(), STEPS, {"ann": ANN, "ben": BEN})


async def test_a_log_that_has_every_step_matches_all_of_them() -> None:
    assert await compared(LOG) == Comparison(head=Seq(3), matched=3)


async def test_a_log_matches_up_to_the_first_step_that_it_has_not() -> None:
    assert (await compared([])).matched == 0
    assert (await compared(LOG[:2])).matched == 2
    assert await compared(LOG[1:]) == Comparison(head=Seq(3), missing=1, matched=0, others=2)


async def test_seqs_that_are_left_out_are_counted() -> None:
    assert (await compared([JOINED, replace(LEFT, seq=Seq(5))])).missing == 3


async def test_a_message_that_says_something_else_is_changed_unless_somebody_edited_it() -> None:
    other = replace(MESSAGE, text="goodbye")

    assert (await compared([JOINED, MessagePosted(other)])).changed == [STEPS[1]]
    assert (await compared([JOINED, MessagePosted(replace(other, version=Seq(4)))])).changed == []


async def test_a_message_of_another_author_or_line_is_not_the_step() -> None:
    for message in (
        replace(MESSAGE, user_id=BEN),
        replace(MESSAGE, client_id="line-3"),
        replace(MESSAGE, client_id=None),
    ):
        assert (await compared([JOINED, MessagePosted(message)])).others == 1


async def test_who_was_added_or_removed_by_another_did_not_join_or_leave() -> None:
    assert (await compared([replace(JOINED, user_id=BEN)])).matched == 0
    assert (await compared([*LOG[:2], replace(LEFT, user_id=BEN)])).matched == 2
