"""Read marks: never back, never beyond the head, and written together."""

import asyncio
import logging

import pytest

from hubbub.domain.errors import Forbidden, NotFound, Unavailable
from hubbub.domain.events import RoomKind
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.services.reads import MAX_BATCH, Reads
from hubbub.stores.memory import MemoryStore
from tests.unit.services.chats import ANN, BOB, CYD, NO_ROOM, Chats, Failure, open_chats, turns


@pytest.fixture
async def talk(any_chats: Chats) -> RoomId:
    """Ann's group with Bob, in which she spoke at 4, 5 and 6."""
    room_id = await any_chats.found(ANN, BOB)
    for text in ("1", "2", "3"):
        await any_chats.say(ANN, room_id, text)
    return room_id


async def unread(chats: Chats, room_id: RoomId) -> tuple[int, int]:
    room = await chats.rooms.get(BOB, room_id)
    return room.read_seq, room.unread


async def test_a_mark_moves_on_and_never_back(any_chats: Chats, talk: RoomId) -> None:
    assert await unread(any_chats, talk) == (3, 3)
    assert await any_chats.reads.mark(BOB, talk, Seq(5)) == 5
    assert await unread(any_chats, talk) == (5, 1)
    assert await any_chats.reads.mark(BOB, talk, Seq(4)) == 5
    assert await any_chats.reads.mark(BOB, talk, Seq(0)) == 5
    assert await unread(any_chats, talk) == (5, 1)


async def test_a_mark_beyond_the_head_is_the_head_of_that_time(any_chats: Chats, talk: RoomId) -> None:
    assert await any_chats.reads.mark(BOB, talk, Seq(2**53 - 1)) == 6
    await any_chats.say(ANN, talk, "4")
    assert await unread(any_chats, talk) == (6, 1)


async def test_a_mark_is_never_below_the_current_membership(any_chats: Chats, talk: RoomId) -> None:
    assert await any_chats.reads.mark(BOB, talk, Seq(1)) == 3
    await any_chats.reads.mark(BOB, talk, Seq(5))
    await any_chats.rooms.remove_member(ANN, talk, BOB)
    await any_chats.rooms.put_member(ANN, talk, BOB)
    assert await any_chats.reads.mark(BOB, talk, Seq(5)) == 8
    assert await unread(any_chats, talk) == (8, 0)


async def test_marks_that_wait_are_written_together_and_each_is_answered(any_chats: Chats, talk: RoomId) -> None:
    other = await any_chats.found(BOB)
    any_chats.store.writes = 0
    any_chats.store.hold()
    marks = [
        asyncio.ensure_future(any_chats.reads.mark(who, room_id, Seq(seq)))
        for who, room_id, seq in (
            *((BOB, talk, 5), (BOB, talk, 4), (CYD, talk, 4), (BOB, other, 9), (BOB, talk, 6)),
            *((BOB, NO_ROOM, 1), (ANN, talk, 4)),
        )
    ]
    await turns()
    any_chats.store.release()
    answers = await asyncio.gather(*marks, return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, int)] == [6, 6, 2, 6, 4]
    assert [type(answer) for answer in answers if not isinstance(answer, int)] == [NotFound, NotFound]
    assert any_chats.store.writes <= 2
    assert await unread(any_chats, talk) == (6, 0)


async def test_a_commit_has_a_bound_however_many_marks_wait(any_chats: Chats, talk: RoomId) -> None:
    any_chats.store.writes = 0
    marks = [any_chats.reads.mark(BOB, talk, Seq(4)) for _ in range(MAX_BATCH)]
    answers = await asyncio.gather(*marks, any_chats.reads.mark(BOB, talk, Seq(5)))
    assert answers == [4] * MAX_BATCH + [5]
    assert any_chats.store.writes == 2


async def test_marks_that_move_nothing_cost_no_commit(any_chats: Chats, talk: RoomId) -> None:
    await any_chats.reads.mark(BOB, talk, Seq(5))
    any_chats.store.writes = 0
    answers = await asyncio.gather(
        *(any_chats.reads.mark(who, talk, Seq(seq)) for who, seq in ((BOB, 5), (BOB, 4), (ANN, 1), (CYD, 5))),
        return_exceptions=True,
    )
    assert answers[:3] == [5, 5, 2]
    assert isinstance(answers[3], NotFound)
    assert any_chats.store.writes == 0


async def test_a_mark_of_somebody_who_is_added_again_meanwhile_hides_nothing(any_chats: Chats, talk: RoomId) -> None:
    async def add_again() -> None:
        await any_chats.rooms.remove_member(ANN, talk, BOB)
        await any_chats.rooms.put_member(ANN, talk, BOB)
        await any_chats.say(ANN, talk, "4")

    any_chats.store.meanwhile = add_again
    assert await any_chats.reads.mark(BOB, talk, Seq(6)) == 6
    assert await unread(any_chats, talk) == (8, 1)


async def test_a_mark_that_another_node_has_moved_further_meanwhile_is_answered_so_and_not_told_again(
    any_chats: Chats, talk: RoomId
) -> None:
    elsewhere, told = Reads(any_chats.store), list[tuple[UserId, Seq]]()
    any_chats.reads.moved = elsewhere.moved = lambda room_id, user_id, seq: told.append((user_id, seq))

    async def move_further() -> None:
        assert await elsewhere.mark(BOB, talk, Seq(6)) == 6

    any_chats.store.meanwhile = move_further
    marks = [any_chats.reads.mark(who, talk, Seq(seq)) for who, seq in ((BOB, 4), (ANN, 5), (BOB, 5))]
    assert await asyncio.gather(*marks) == [6, 5, 6]
    assert told == [(BOB, 6), (ANN, 5)]


async def test_a_mark_in_a_log_that_is_another_by_now_is_not_written(memory: MemoryStore) -> None:
    async def restore() -> None:
        memory._tables.epoch = "restored"

    async with open_chats(memory) as chats:
        room_id = await chats.found(ANN, BOB)
        await chats.say(ANN, room_id, "1")
        told: list[Seq] = []
        chats.reads.moved = lambda room_id, user_id, seq: told.append(seq)
        chats.store.meanwhile = restore
        with pytest.raises(Unavailable):
            await chats.reads.mark(BOB, room_id, Seq(4))
        assert await memory.read(lambda tx: tx.reads.get([(room_id, BOB)])) == {}
        assert told == []
        assert await chats.reads.mark(BOB, room_id, Seq(4)) == 4


async def test_outsiders_mark_nothing(any_chats: Chats) -> None:
    channel = await any_chats.found(ANN, CYD, kind=RoomKind.CHANNEL)
    await any_chats.rooms.remove_member(ANN, channel, CYD)
    for who in (BOB, CYD):
        with pytest.raises(Forbidden):
            await any_chats.reads.mark(who, channel, Seq(1))
    group = await any_chats.found(ANN, BOB)
    await any_chats.rooms.delete(ANN, group)
    with pytest.raises(NotFound):
        await any_chats.reads.mark(BOB, group, Seq(1))


async def test_a_failed_write_is_told_to_all_who_wait_for_it_alone(any_chats: Chats, talk: RoomId) -> None:
    any_chats.store.failures.append(Failure.ROLLED_BACK)
    answers = await asyncio.gather(
        any_chats.reads.mark(ANN, talk, Seq(4)), any_chats.reads.mark(BOB, talk, Seq(4)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [Unavailable] * 2
    assert await any_chats.reads.mark(BOB, talk, Seq(4)) == 4


async def test_a_caller_who_gave_up_changes_nothing_about_the_mark(chats: Chats) -> None:
    room_id = await chats.found(ANN, BOB)
    chats.store.hold()
    impatient = asyncio.ensure_future(chats.reads.mark(BOB, room_id, Seq(3)))
    patient = asyncio.ensure_future(chats.reads.mark(ANN, room_id, Seq(3)))
    await turns()
    impatient.cancel()
    await turns()
    chats.store.release()
    assert await patient == 3
    assert await unread(chats, room_id) == (3, 0)


async def test_close_waits_until_all_marks_are_written_and_takes_no_more(chats: Chats) -> None:
    room_id = await chats.found(ANN, BOB)
    await chats.say(ANN, room_id, "1")
    chats.store.hold()
    mark = asyncio.ensure_future(chats.reads.mark(BOB, room_id, Seq(4)))
    await turns()
    closing = asyncio.ensure_future(chats.reads.close())
    await turns()
    assert not closing.done()
    with pytest.raises(Unavailable):
        await chats.reads.mark(BOB, room_id, Seq(3))
    chats.store.release()
    await closing
    assert await mark == 4


async def test_marks_that_have_moved_are_told_once_they_are_stored(any_chats: Chats, talk: RoomId) -> None:
    told: list[tuple[RoomId, UserId, Seq]] = []
    any_chats.reads.moved = lambda *mark: told.append(mark)
    any_chats.store.hold()
    marks = [
        asyncio.ensure_future(any_chats.reads.mark(who, talk, Seq(seq)))
        for who, seq in ((BOB, 4), (ANN, 1), (BOB, 5), (BOB, 2), (CYD, 4))
    ]
    await turns()
    assert told == []
    any_chats.store.release()
    await asyncio.gather(*marks, return_exceptions=True)
    any_chats.store.failures.append(Failure.ROLLED_BACK)
    with pytest.raises(Unavailable):
        await any_chats.reads.mark(BOB, talk, Seq(6))
    await any_chats.reads.mark(BOB, talk, Seq(5))
    assert told == [(talk, BOB, 5)]


async def test_who_fails_to_hear_of_a_mark_costs_nobody_else_an_answer(
    chats: Chats, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(room_id: RoomId, user_id: UserId, seq: Seq) -> None:
        raise ZeroDivisionError

    room_id = await chats.found(ANN, BOB)
    await chats.say(ANN, room_id, "0")
    chats.reads.moved = fail
    marks = [chats.reads.mark(BOB, room_id, Seq(4)) for _ in range(MAX_BATCH + 1)]
    assert await asyncio.gather(*marks) == [4] * (MAX_BATCH + 1)
    told: list[Seq] = []
    chats.reads.moved = lambda room_id, user_id, seq: told.append(seq)
    await chats.say(ANN, room_id, "1")
    assert await chats.reads.mark(BOB, room_id, Seq(5)) == 5
    assert told == [5]
    assert [(line.levelno, line.exc_info is not None) for line in caplog.records] == [(logging.ERROR, True)]
