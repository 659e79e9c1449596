"""The journal: what is sent twice is done once."""

import asyncio

import pytest

from hubbub.domain.errors import (
    ClientIdReused,
    Internal,
    Invalid,
    NotFound,
)
from hubbub.domain.events import Event, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq
from hubbub.domain.rooms import ChatRoom
from hubbub.services.changes import Draft, Founding
from tests.unit.services.chats import (
    ANN,
    BOB,
    CYD,
    NOBODY,
    Chats,
)

# Repeats


async def test_a_repeat_is_answered_with_the_first_answer_and_does_nothing(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    first = await any_chats.messages.post(ANN, room_id, Draft("one", "c1"))
    any_chats.fanout.published.clear()
    for _ in range(2):
        again = await any_chats.messages.post(ANN, room_id, Draft("one", "c1"))
        assert (again.message, again.duplicate) == (first.message, True)
    assert any_chats.fanout.published == []
    assert len(await any_chats.log(room_id)) == 4


async def test_a_repeat_in_the_same_group_is_answered_with_the_first_answer(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    answers = await asyncio.gather(
        *(any_chats.messages.post(ANN, room_id, Draft("one", "c1")) for _ in range(3)),
        any_chats.messages.post(ANN, room_id, Draft("two", "c2")),
    )
    assert [(answer.message.seq, answer.duplicate) for answer in answers] == [
        *((4, False), (4, True), (4, True), (5, False)),
    ]
    assert await any_chats.texts(room_id) == ["one", "two"]


@pytest.mark.parametrize("draft", [Draft("other", "c1"), Draft("one", "c1", Seq(4))])
async def test_a_client_id_is_for_one_message(any_chats: Chats, draft: Draft) -> None:
    room_id = await any_chats.found(ANN, BOB)
    await any_chats.say(BOB, room_id, "zero")
    await any_chats.say(ANN, room_id, "one", "c1")
    with pytest.raises(ClientIdReused):
        await any_chats.messages.post(ANN, room_id, draft)
    answers = await asyncio.gather(
        any_chats.messages.post(BOB, room_id, Draft("one", "c1")),
        any_chats.messages.post(BOB, room_id, draft),
        return_exceptions=True,
    )
    assert isinstance(answers[1], ClientIdReused)
    assert await any_chats.texts(room_id) == ["zero", "one", "one"]


async def test_a_client_id_is_the_authors_own_in_that_room(any_chats: Chats) -> None:
    one, two = await any_chats.found(ANN, BOB), await any_chats.found(ANN, BOB)
    answers = await asyncio.gather(
        *(
            any_chats.messages.post(who, room, Draft(f"{who} in {room}", "c1"))
            for room in (one, two)
            for who in (ANN, BOB)
        )
    )
    assert [answer.duplicate for answer in answers] == [False] * 4


async def test_a_refused_message_leaves_its_client_id_free(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    answers = await asyncio.gather(
        any_chats.messages.post(ANN, room_id, Draft("one", "c1", Seq(99))),
        any_chats.messages.post(ANN, room_id, Draft("two", "c1")),
        return_exceptions=True,
    )
    assert isinstance(answers[0], Invalid)
    assert not isinstance(answers[1], BaseException)
    assert not answers[1].duplicate


async def test_a_repeat_is_answered_also_after_the_removal_of_its_author(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    first = await any_chats.messages.post(BOB, room_id, Draft("one", "c1"))
    await any_chats.rooms.remove_member(ANN, room_id, BOB)
    again = await any_chats.messages.post(BOB, room_id, Draft("one", "c1"))
    assert (again.message, again.duplicate) == (first.message, True)
    with pytest.raises(NotFound):
        await any_chats.messages.post(BOB, room_id, Draft("two", "c2"))


async def test_a_repeat_after_an_edit_is_answered_with_the_message_as_it_is(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    await any_chats.say(ANN, room_id, "one", "c1")
    edited = await any_chats.messages.edit(ANN, room_id, Seq(4), "ONE")
    again = await any_chats.messages.post(ANN, room_id, Draft("one", "c1"))
    assert (again.message, again.duplicate) == (edited, True)


async def test_a_repeat_after_a_deletion_does_not_bring_the_message_back(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    await any_chats.say(ANN, room_id, "one", "c1")
    await any_chats.messages.delete(ANN, room_id, Seq(4))
    again = await any_chats.messages.post(ANN, room_id, Draft("one", "c1"))
    assert (again.message.seq, again.message.text, again.message.deleted, again.duplicate) == (4, "", True, True)
    assert await any_chats.texts(room_id) == [""]


async def test_a_repeat_in_the_group_of_the_edit_is_a_repeat(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    answers = await asyncio.gather(
        any_chats.messages.post(ANN, room_id, Draft("one", "c1")),
        any_chats.messages.edit(ANN, room_id, Seq(4), "ONE"),
        any_chats.messages.post(ANN, room_id, Draft("one", "c1")),
    )
    assert (answers[2].message.seq, answers[2].duplicate) == (4, True)


@pytest.mark.parametrize("revise", ["edit", "delete"])
async def test_another_reply_to_is_another_message_also_after_an_edit(any_chats: Chats, revise: str) -> None:
    room_id = await any_chats.found(ANN, BOB)
    await any_chats.say(BOB, room_id, "zero")
    await any_chats.say(ANN, room_id, "one", "c1")
    if revise == "edit":
        await any_chats.messages.edit(ANN, room_id, Seq(5), "ONE")
    else:
        await any_chats.messages.delete(ANN, room_id, Seq(5))
    with pytest.raises(ClientIdReused):
        await any_chats.messages.post(ANN, room_id, Draft("one", "c1", Seq(4)))


async def test_a_repeat_is_answered_in_a_room_that_is_deleted(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    first = await any_chats.messages.post(BOB, room_id, Draft("one", "c1"))
    await any_chats.rooms.delete(ANN, room_id)
    assert (await any_chats.messages.post(BOB, room_id, Draft("one", "c1"))).message == first.message


@pytest.mark.parametrize("client_id", ["", "x" * 65, "a\x00b", "\ud800", "a\nb"])
async def test_a_client_id_that_no_message_can_have_is_refused_before_it_is_looked_for(client_id: str) -> None:
    with pytest.raises(Invalid) as refusal:
        Draft("one", client_id)
    assert refusal.value.field == "client_id"


# Foundings


async def test_a_pair_has_one_direct_room_also_when_both_ask_at_once(any_chats: Chats) -> None:
    answers = await asyncio.gather(
        any_chats.rooms.open_direct(ANN, BOB),
        any_chats.rooms.open_direct(BOB, ANN),
        any_chats.rooms.open_direct(ANN, BOB),
        any_chats.rooms.open_direct(ANN, CYD),
    )
    assert [made for _, made in answers] == [True, False, False, True]
    assert [room.room_id for room, _ in answers] == [1, 1, 1, 2]
    assert (await any_chats.rooms.open_direct(BOB, ANN))[0].room_id == 1


async def test_a_refused_founding_uses_up_no_id(any_chats: Chats) -> None:
    answers = await asyncio.gather(
        any_chats.rooms.create(ANN, RoomKind.GROUP, name=" "),
        any_chats.rooms.create(ANN, RoomKind.GROUP, name="garden", member_ids=[NOBODY]),
        any_chats.rooms.open_direct(ANN, ANN),
        any_chats.rooms.open_direct(ANN, NOBODY),
        any_chats.rooms.create(NOBODY, RoomKind.GROUP, name="garden"),
        any_chats.rooms.create(ANN, RoomKind.GROUP, name="garden"),
        return_exceptions=True,
    )
    assert [type(answer).__name__ for answer in answers[:-1]] == [
        *("Invalid", "NotFound", "Invalid", "NotFound", "NotFound")
    ]
    assert [room.room_id for room in (await any_chats.rooms.page(ANN))[0]] == [1]


async def test_a_founding_that_the_store_refuses_leaves_nothing_behind(any_chats: Chats) -> None:
    def decide(room: ChatRoom, at: Millis) -> tuple[Event, ...]:
        return room.create(ANN, RoomKind.GROUP, name="garden", member_ids=[NOBODY], at=at)

    with pytest.raises(Internal):  # `new_users` does not name everybody: a defect, not a refusal
        await any_chats.journal.commit(Founding(ANN, decide, new_users=(ANN,)))
    assert await any_chats.store.read(lambda tx: tx.rooms.load([RoomId(1)])) == {}
    room_id = await any_chats.found(ANN, BOB)
    assert [room.room_id for room in (await any_chats.rooms.page(ANN))[0]] == [room_id]
