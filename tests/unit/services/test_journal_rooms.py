"""The journal: rooms that are kept between transactions."""

import asyncio
from collections.abc import Callable

import pytest

from hubbub.domain.errors import (
    NotFound,
    Unavailable,
)
from hubbub.domain.events import Event
from hubbub.domain.ids import Millis, RoomId, Seq
from hubbub.domain.rooms import ChatRoom
from hubbub.services.batches import Batch
from hubbub.services.changes import Change, Outcome
from hubbub.services.journal import Journal
from hubbub.services.ports import Tx
from tests.unit.services.chats import (
    ANN,
    BOB,
    CYD,
    DAN,
    Chats,
    Failure,
)


async def elsewhere(chats: Chats, room_id: RoomId, decide: Callable[[ChatRoom], tuple[Event, ...]]) -> None:
    """Another process, with a journal of its own, commits a change by Ann."""
    other = Journal(chats.store, chats.clock, chats.fanout)
    await other.commit(Change(room_id, ANN, lambda room, at: decide(room), members=(BOB, CYD, DAN)))


async def test_what_another_process_commits_is_seen_here(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    await any_chats.say(BOB, room_id, "one")
    await elsewhere(any_chats, room_id, lambda room: room.remove_member(ANN, BOB))
    with pytest.raises(NotFound):
        await any_chats.say(BOB, room_id, "two")
    await elsewhere(any_chats, room_id, lambda room: room.add_member(ANN, BOB))
    assert await any_chats.say(BOB, room_id, "three") == 7


async def test_what_was_rolled_back_is_forgotten_also_when_another_process_comes_to_the_same_head(
    any_chats: Chats,
) -> None:
    room_id = await any_chats.found(ANN, BOB)
    any_chats.store.failures.append(Failure.ROLLED_BACK)
    with pytest.raises(Unavailable):
        await any_chats.rooms.put_member(ANN, room_id, CYD)
    await elsewhere(any_chats, room_id, lambda room: (room.post(ANN, "one"),))
    with pytest.raises(NotFound):
        await any_chats.say(CYD, room_id, "two")


async def test_a_store_that_starts_a_transaction_again_finds_no_trace_of_the_first_attempt(chats: Chats) -> None:
    room_id = await chats.found(ANN, BOB)
    batch = Batch(chats.clock)
    addition = Change(room_id, ANN, lambda room, at: room.add_member(ANN, CYD, at=at), members=(CYD,))
    post = Change(room_id, CYD, lambda room, at: (room.post(CYD, "two", at=at),))

    class RolledBack(Exception):
        pass

    def rolled_back(tx: Tx) -> None:
        assert isinstance(batch.write(tx, [addition])[0], Outcome)
        raise RolledBack

    with pytest.raises(RolledBack):
        await chats.store.write(rolled_back)
    await elsewhere(chats, room_id, lambda room: (room.post(ANN, "one"),))
    answers = await chats.store.write(lambda tx: batch.write(tx, [post]))
    assert [type(answer) for answer in answers] == [NotFound]


async def test_a_kept_room_knows_who_left_and_came_back(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    for number in range(3):
        await any_chats.say(BOB, room_id, f"{number}")
        await any_chats.rooms.remove_member(ANN, room_id, BOB)
        with pytest.raises(NotFound):
            await any_chats.say(BOB, room_id, "let me in")
        await any_chats.rooms.put_member(ANN, room_id, BOB)
    room = await any_chats.fold(room_id)
    member = await any_chats.store.read(lambda tx: tx.members.get([(room_id, BOB)]))
    assert member == {(room_id, BOB): room.members[BOB]}


async def test_a_kept_room_is_forgotten_when_too_many_members_are_kept(
    chats: Chats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Batch, "MAX_KEPT_MEMBERS", 2)
    rooms = [await chats.found(ANN, BOB, CYD) for _ in range(3)]
    for number in range(4):
        answers = await asyncio.gather(
            *(chats.say(who, room, f"{number}") for room in rooms for who in (ANN, BOB, CYD)),
        )
        assert len(answers) == 9
    for room in rooms:
        assert [event.seq for event in await chats.log(room)] == list(range(1, 17))


async def test_the_targets_of_one_group_are_not_there_in_the_next(chats: Chats, room_id: RoomId) -> None:
    await chats.say(ANN, room_id, "one")
    await chats.messages.edit(ANN, room_id, Seq(4), "two")
    seen: list[int] = []

    def decide(room: ChatRoom, at: Millis) -> tuple[Event, ...]:
        seen.append(len(room.messages))
        return ()

    await chats.journal.commit(Change(room_id, ANN, decide))
    assert seen == [0]


async def test_a_room_found_after_its_id_was_guessed_is_whole(any_chats: Chats) -> None:
    answers = await asyncio.gather(
        any_chats.say(BOB, RoomId(1), "first!"),
        any_chats.found(ANN, BOB),
        any_chats.say(BOB, RoomId(1), "now?"),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [NotFound, int, NotFound]
    assert await any_chats.say(BOB, RoomId(1), "now.") == 4
