"""The log, in any store."""

from collections.abc import Callable, Sequence
from typing import get_args

import pytest

from hubbub.domain.errors import Conflict
from hubbub.domain.events import (
    Event,
    History,
    MemberJoined,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    RoomCreated,
    RoomDeleted,
    RoomKind,
)
from hubbub.domain.ids import MAX_ID, Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom
from hubbub.services.ports import Store
from tests.contract.acts import NOW, decide, fields, found, happen, log_of, say, seqs, sign_up, state_of
from tests.contract.conftest import OpenStore


async def after(store: Store, room: ChatRoom, seq: int, *, limit: int = 1000, upto: int | None = None) -> list[int]:
    """The seqs of a part of the log."""
    last = None if upto is None else Seq(upto)
    return seqs(await store.read(lambda tx: tx.log.after(room.id, Seq(seq), limit=limit, upto=last)))


async def a_full_life(store: Store) -> tuple[ChatRoom, list[Event]]:
    """A room in which every kind of event has happened, and its events."""
    ann, bob, eve = await sign_up(store, "ann", "bob", "eve")
    room = await found(store, ann, bob, kind=RoomKind.CHANNEL, name="Ünï", history=History.SINCE_JOINED)
    founding: list[Event] = [
        RoomCreated(room.id, Seq(1), ann.id, NOW, RoomKind.CHANNEL, "Ünï", "", History.SINCE_JOINED),
        MemberJoined(room.id, Seq(2), ann.id, NOW, ann.id, Role.OWNER),
        MemberJoined(room.id, Seq(3), ann.id, NOW, bob.id, Role.MEMBER),
    ]
    decisions: list[Callable[[], Sequence[Event]]] = [
        lambda: room.join(eve.id, at=Millis(NOW + 1)),
        lambda: (room.post(bob.id, "one 😀\n\tनमस्ते", client_id="ключ", at=Millis(NOW + 2)),),
        lambda: (room.post(eve.id, "two", reply_to=Seq(5), at=Millis(NOW + 3)),),
        lambda: room.edit(bob.id, Seq(5), "changed", at=Millis(NOW + 4)),
        lambda: room.change_role(ann.id, bob.id, Role.ADMIN, at=Millis(NOW + 5)),
        lambda: room.edit(bob.id, Seq(5), "changed again", at=Millis(NOW + 6)),
        lambda: room.delete(bob.id, Seq(6), at=Millis(NOW + 7)),
        lambda: room.change(ann.id, topic='quo"ted', at=Millis(NOW + 8)),
        lambda: room.remove_member(bob.id, eve.id, at=Millis(NOW + 9)),
        lambda: room.close(ann.id, at=Millis(NOW + 10)),
    ]
    events = decide(room, *decisions)
    for event in events:
        await append(store, event)
    return room, founding + events


async def append(store: Store, *events: Event) -> None:
    """Write events, in a transaction of their own."""
    await store.write(lambda tx: tx.log.append(events))


async def test_every_kind_of_event_comes_back_as_it_was_with_messages_as_they_are_now(store: Store) -> None:
    room, events = await a_full_life(store)
    expected = [MessagePosted(room.messages[e.seq]) if isinstance(e, MessagePosted) else e for e in events]
    assert {type(event) for event in events} == set(get_args(Event))
    assert await log_of(store, room.id) == expected
    assert [type(event) for event in expected][-1] is RoomDeleted


async def test_the_log_folds_into_the_room_that_the_store_keeps(store: Store) -> None:
    room, _ = await a_full_life(store)
    folded = ChatRoom(room.id)
    for event in await log_of(store, room.id):
        folded.apply(event)
    assert fields(folded) == fields(room) == fields(await state_of(store, room))


async def test_after_is_exclusive_and_upto_is_inclusive(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    await say(store, room, ann, *"abcdefgh")  # 3 .. 10
    assert await after(store, room, 0) == list(range(1, 11))
    assert await after(store, room, 1) == list(range(2, 11))
    assert await after(store, room, 9) == [10]
    assert await after(store, room, 10) == []
    assert await after(store, room, 99) == []
    assert await after(store, room, 3, upto=6) == [4, 5, 6]
    assert await after(store, room, 3, upto=4) == [4]
    assert await after(store, room, 3, upto=3) == []
    assert await after(store, room, 3, upto=1) == []
    assert await after(store, room, 8, upto=99) == [9, 10]
    assert await after(store, room, 0, upto=MAX_ID) == list(range(1, 11))
    assert await after(store, room, MAX_ID - 1) == []


async def test_limit_takes_the_oldest_of_both_messages_and_other_events(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    for number in range(10):
        message = (await say(store, room, ann, f"text {number}"))[0]
        await happen(store, room, *room.edit(ann.id, message.seq, f"changed {number}"))
    assert await after(store, room, 0, limit=1) == [1]
    assert await after(store, room, 1, limit=7) == list(range(2, 9))
    assert await after(store, room, 1, limit=7, upto=4) == [2, 3, 4]
    assert await after(store, room, 20, limit=7) == [21, 22]


async def test_an_unknown_room_has_no_log(store: Store) -> None:
    assert await log_of(store, RoomId(1)) == []
    assert await log_of(store, RoomId(MAX_ID)) == []


async def test_one_call_writes_events_of_several_rooms(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    one, two = await found(store, ann), await found(store, ann)
    events: list[Event] = []
    for text in "abc":
        for room in (two, one):
            events.append(room.post(ann.id, text))
            room.apply(events[-1])
    await append(store, *events)
    for room in (one, two):
        assert fields(await state_of(store, room)) == fields(room)
        assert [message.text for message in room.messages.values()] == ["a", "b", "c"]


async def test_a_message_may_be_posted_edited_and_deleted_in_one_call(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    events = decide(
        room,
        lambda: (room.post(ann.id, "secret 1"),),
        lambda: (room.post(ann.id, "kept"),),
        lambda: room.edit(ann.id, Seq(3), "secret 2"),
        lambda: room.edit(ann.id, Seq(4), "kept too"),
        lambda: room.delete(ann.id, Seq(3)),
    )
    await append(store, *events)
    assert fields(await state_of(store, room)) == fields(room)
    assert "secret" not in str(await log_of(store, room.id))


async def test_appending_nothing_is_allowed(store: Store) -> None:
    await append(store)
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    await append(store)
    assert await after(store, room, 0) == [1, 2]


async def test_deleting_a_message_empties_the_texts_that_its_edits_carry(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    gone, kept = await say(store, room, ann, "secret", "kept")
    for text in ("secret 2", "secret 3"):
        await happen(store, room, *room.edit(ann.id, gone.seq, text))
    await happen(store, room, *room.edit(ann.id, kept.seq, "kept 2"))
    await happen(store, room, *room.delete(ann.id, gone.seq))
    log = await log_of(store, room.id)
    edits = [(event.target, event.text) for event in log if isinstance(event, MessageEdited)]
    assert edits == [(gone.seq, ""), (gone.seq, ""), (kept.seq, "kept 2")]
    assert "secret" not in str(log)
    assert log[-1] == MessageDeleted(room.id, room.head, ann.id, Millis(0), gone.seq)


@pytest.mark.parametrize("wrong", [1, 2, 4, 99], ids=["first", "repeated", "hole", "far"])
async def test_an_event_that_does_not_continue_the_log_conflicts(store: Store, wrong: int) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room, other = await found(store, ann), await found(store, ann)
    bad = MessagePosted(Message(room.id, Seq(wrong), ann.id, NOW, "text"))
    with pytest.raises(Conflict):
        await append(store, other.post(ann.id, "text"), bad)
    for unchanged in (room, other):
        assert fields(await state_of(store, unchanged)) == fields(unchanged)
        assert await after(store, unchanged, 0) == [1, 2]


async def test_a_hole_within_one_call_conflicts(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    events = [MessagePosted(Message(room.id, Seq(seq), ann.id, NOW, "text")) for seq in (3, 5)]
    with pytest.raises(Conflict):
        await append(store, *events)
    assert fields(await state_of(store, room)) == fields(room)


async def test_an_event_of_an_unknown_room_conflicts(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    event = RoomCreated(RoomId(9), Seq(1), ann.id, NOW, RoomKind.GROUP, "room", "", History.ALL)
    with pytest.raises(Conflict):
        await append(store, event)


async def test_an_event_that_names_nobody_conflicts(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    nobody = UserId(99)
    for event in (
        MessagePosted(Message(room.id, Seq(3), nobody, NOW, "text")),
        RoomDeleted(room.id, Seq(3), nobody, NOW),
        MemberJoined(room.id, Seq(3), ann.id, NOW, nobody, Role.MEMBER),
    ):
        with pytest.raises(Conflict):
            await append(store, event)
    assert fields(await state_of(store, room)) == fields(room)


@pytest.mark.parametrize("together", [False, True])
async def test_a_client_id_that_an_author_repeats_in_a_room_conflicts(store: Store, together: bool) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room, other = await found(store, ann, bob), await found(store, ann)
    first = MessagePosted(Message(room.id, Seq(4), ann.id, NOW, "one", client_id="same"))
    second = MessagePosted(Message(room.id, Seq(5), ann.id, NOW, "two", client_id="same"))
    if not together:
        await happen(store, room, first)
    with pytest.raises(Conflict):
        await append(store, *([first, second] if together else [second]))
    assert fields(await state_of(store, room)) == fields(room)

    await say(store, room, bob, "of another author", client_id="same")
    await say(store, other, ann, "in another room", client_id="same")
    await say(store, room, ann, "of another case", client_id="Same")
    await say(store, room, ann, "none", "none again")


async def test_a_client_id_stays_taken_after_the_message_is_deleted(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    message = (await say(store, room, ann, "one", client_id="same"))[0]
    await happen(store, room, *room.delete(ann.id, message.seq))
    with pytest.raises(Conflict):
        await say(store, room, ann, "two", client_id="same")


async def test_the_epoch_is_the_same_for_ever_and_not_empty(store: Store) -> None:
    first = await store.read(lambda tx: tx.log.epoch())
    await sign_up(store, "ann")
    assert first
    assert await store.write(lambda tx: tx.log.epoch()) == first


async def test_times_up_to_the_largest_are_kept(open_store: OpenStore) -> None:
    store = open_store()
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann, at=MAX_ID)
    assert (await store.read(lambda tx: tx.rooms.load([room.id])))[room.id].last_at == MAX_ID
    await store.close()
