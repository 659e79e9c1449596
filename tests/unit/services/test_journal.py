"""The journal: groups of changes, repeats, failures, and rooms that are kept between transactions."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from hubbub.domain.errors import (
    ClientIdReused,
    Internal,
    Invalid,
    NotFound,
    Unavailable,
)
from hubbub.domain.events import Event, MessagePosted, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.rooms import ChatRoom
from hubbub.services.journal import MAX_BATCH, Answer, Batch, Change, Draft, Founding, Journal, Outcome
from hubbub.services.ports import Tx
from hubbub.stores.memory import MemoryStore
from tests.unit.services.chats import ANN, BOB, CYD, DAN, NO_ROOM, NOBODY, Chats, Failure, open_chats, turns


def posted(answer: Answer) -> MessagePosted:
    """The message that an answer is about."""
    assert isinstance(answer, Outcome)
    (event,) = answer.events
    assert isinstance(event, MessagePosted)
    return event


def seqs(answers: list[Answer]) -> list[int]:
    return [posted(answer).seq for answer in answers]


def texts(events: list[Event]) -> list[str]:
    return [event.message.text for event in events if isinstance(event, MessagePosted)]


def breaking(room_id: RoomId, user_id: UserId = ANN) -> Change:
    """A change that no server should have."""

    def decide(room: ChatRoom, at: Millis) -> tuple[Event, ...]:
        raise ZeroDivisionError

    return Change(room_id, user_id, decide)


# Groups


async def test_what_arrives_in_one_turn_is_committed_together(chats: Chats, room_id: RoomId) -> None:
    chats.store.writes = 0
    answers = chats.submit(ANN, room_id, *(Draft(f"{number}") for number in range(5)))
    answers_of_bob = chats.submit(BOB, room_id, Draft("5"))
    assert answers == []
    await turns()
    assert chats.store.writes == 1
    assert seqs(answers + answers_of_bob) == [4, 5, 6, 7, 8, 9]


async def test_what_arrives_while_the_disk_is_busy_is_the_next_group(chats: Chats, room_id: RoomId) -> None:
    chats.store.writes = 0
    chats.store.hold()
    first = chats.submit(ANN, room_id, Draft("0"))
    await turns()
    rest = chats.submit(ANN, room_id, Draft("1"), Draft("2"))
    await turns()
    assert first == rest == []
    chats.store.release()
    await turns()
    assert chats.store.writes == 2
    assert seqs(first + rest) == [4, 5, 6]


async def test_a_group_has_a_largest_size(chats: Chats, room_id: RoomId) -> None:
    chats.store.writes = 0
    answers = chats.submit(ANN, room_id, *(Draft(f"{number}") for number in range(2 * MAX_BATCH + 1)))
    await turns()
    assert seqs(answers) == list(range(4, 2 * MAX_BATCH + 5))
    assert chats.store.writes == 3


async def test_later_changes_of_a_group_see_what_earlier_ones_did(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    rooms, messages = any_chats.rooms, any_chats.messages
    answers = await asyncio.gather(
        messages.post(ANN, room_id, Draft("one")),  # 4
        messages.post(BOB, room_id, Draft("two", reply_to=Seq(4))),
        rooms.remove_member(ANN, room_id, BOB),
        messages.post(BOB, room_id, Draft("three")),
        messages.delete(ANN, room_id, Seq(4)),
        messages.edit(ANN, room_id, Seq(4), "gone"),
        return_exceptions=True,
    )
    assert [type(answer).__name__ for answer in answers] == [
        *("Posted", "Posted", "NoneType", "NotFound", "NoneType", "Conflict"),
    ]
    assert [event.kind for event in await any_chats.log(room_id)] == [
        *("room.created", "member.joined", "member.joined"),
        *("message.posted", "message.posted", "member.left", "message.deleted"),
    ]


async def test_answers_come_in_order_and_before_the_events_go_out(chats: Chats, room_id: RoomId) -> None:
    chats.fanout.published.clear()
    seen: list[tuple[int, int]] = []

    def done(answer: Answer) -> None:
        seen.append((posted(answer).seq, len(chats.fanout.published)))

    for number in range(3):
        chats.messages.submit_post(ANN, room_id, Draft(f"{number}"), done)
    await turns()
    assert seen == [(4, 0), (5, 0), (6, 0)]
    assert [event.seq for event in chats.fanout.published] == [4, 5, 6]


async def test_what_is_submitted_by_an_answer_is_committed_next(chats: Chats, room_id: RoomId) -> None:
    answers: list[Answer] = []

    def done(answer: Answer) -> None:
        answers.append(answer)
        if len(answers) < 3:
            chats.messages.submit_post(ANN, room_id, Draft("again"), done)

    chats.messages.submit_post(ANN, room_id, Draft("first"), done)
    await turns(20)
    assert seqs(answers) == [4, 5, 6]


async def test_the_events_of_many_rooms_are_published_each_rooms_in_order(any_chats: Chats) -> None:
    rooms = [await any_chats.found(ANN, BOB) for _ in range(3)]
    any_chats.fanout.published.clear()
    await asyncio.gather(
        *(any_chats.say(who, room, "hi") for _ in range(4) for room in rooms for who in (ANN, BOB)),
    )
    for room in rooms:
        mine = [event for event in any_chats.fanout.published if event.room_id == room]
        assert mine == (await any_chats.log(room))[3:]


async def test_a_refusal_costs_the_others_nothing(chats: Chats, room_id: RoomId) -> None:
    chats.store.writes = 0
    mine = chats.submit(ANN, room_id, Draft("one"))
    refused: list[Answer] = []
    chats.messages.submit_post(CYD, room_id, Draft("let me in"), refused.append)
    chats.messages.submit_post(ANN, NO_ROOM, Draft("anyone?"), refused.append)
    chats.messages.submit_post(ANN, room_id, Draft("  "), refused.append)
    more = chats.submit(ANN, room_id, Draft("two"))
    await turns()
    assert seqs(mine + more) == [4, 5]
    assert [type(answer) for answer in refused] == [NotFound, NotFound, Invalid]
    assert chats.store.writes == 1


async def test_a_change_without_effect_takes_no_seq_and_is_not_published(chats: Chats, room_id: RoomId) -> None:
    await chats.say(ANN, room_id, "one")
    chats.fanout.published.clear()
    answers: list[Answer] = []
    chats.messages.submit_edit(ANN, room_id, Seq(4), "one", answers.append)
    await turns()
    assert answers == [Outcome(room_id, ())]
    assert chats.fanout.published == []
    assert len(await chats.log(room_id)) == 4


async def test_a_caller_who_gave_up_changes_nothing_about_the_change(chats: Chats, room_id: RoomId) -> None:
    chats.store.hold()
    impatient = asyncio.ensure_future(chats.say(ANN, room_id, "one"))
    patient = asyncio.ensure_future(chats.say(BOB, room_id, "two"))
    await turns()
    impatient.cancel()
    await turns()
    chats.store.release()
    assert await patient == 5
    assert impatient.cancelled()
    assert await chats.texts(room_id) == ["one", "two"]


async def test_a_receiver_that_fails_costs_the_others_nothing(
    chats: Chats, room_id: RoomId, caplog: pytest.LogCaptureFixture
) -> None:
    def done(answer: Answer) -> None:
        raise ZeroDivisionError

    chats.fanout.published.clear()
    chats.messages.submit_post(ANN, room_id, Draft("one"), done)
    rest = chats.submit(ANN, room_id, Draft("two"))
    await turns()
    assert seqs(rest) == [5]
    assert texts(chats.fanout.published) == ["one", "two"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_a_fanout_that_fails_stops_nothing(
    chats: Chats, room_id: RoomId, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(argument: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(chats.fanout, "publish", fail)
    monkeypatch.setattr(chats.fanout, "resync", fail)
    chats.store.hold()
    first = chats.submit(ANN, room_id, Draft("one"))
    await turns()
    rest = chats.submit(BOB, room_id, Draft("two"))
    chats.store.failures.append(None)
    chats.store.failures.append(Failure.BEFORE)
    chats.store.release()
    await turns()
    assert seqs(first) == [4]
    assert [type(answer) for answer in rest] == [Unavailable]
    assert await chats.say(BOB, room_id, "two") == 5
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


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


# Lanes


async def test_rooms_of_other_lanes_do_not_wait_for_each_other(memory: MemoryStore) -> None:
    async with open_chats(memory, lanes=2) as chats:
        rooms = [await chats.found(ANN, BOB) for _ in range(4)]
        chats.store.hold()
        answers = [chats.submit(ANN, room_id, Draft("one")) for room_id in rooms]
        await turns()
        later = [chats.submit(ANN, room_id, Draft("two")) for room_id in rooms]
        writes = chats.store.writes
        chats.store.release()
        await turns(20)
        assert all(answer for submitted in (*answers, *later) for answer in submitted)
        assert chats.store.writes - writes == 4  # the first of two rooms each, side by side, and then the second


async def test_a_failure_in_one_lane_is_none_in_another(memory: MemoryStore) -> None:
    async with open_chats(memory, lanes=2) as chats:
        rooms = [await chats.found(ANN, BOB) for _ in range(2)]
        chats.store.failures.append(Failure.ROLLED_BACK)
        one, two = (chats.submit(ANN, room_id, Draft("one")) for room_id in rooms)
        await turns()
        assert [type(answer) for answer in (*one, *two)] == [Unavailable, Outcome]
        assert chats.fanout.resynced == [{rooms[0]}]


# Defects


async def test_a_defect_hurts_only_the_change_that_has_it(any_chats: Chats, caplog: pytest.LogCaptureFixture) -> None:
    room_id = await any_chats.found(ANN, BOB)
    any_chats.fanout.published.clear()
    answers = await asyncio.gather(
        *(any_chats.say(ANN, room_id, f"{number}") for number in range(3)),
        any_chats.journal.commit(breaking(room_id, ANN)),
        *(any_chats.say(ANN, room_id, f"{number}") for number in range(3, 7)),
        any_chats.journal.commit(breaking(room_id, BOB)),
        *(any_chats.say(ANN, room_id, f"{number}") for number in range(7, 9)),
        return_exceptions=True,
    )
    assert isinstance(answers[3], Internal)
    assert isinstance(answers[8], Internal)
    assert await any_chats.texts(room_id) == [f"{number}" for number in range(9)]
    assert any_chats.fanout.published == (await any_chats.log(room_id))[3:]
    assert [record.exc_info is not None for record in caplog.records if record.levelno == logging.ERROR] == [True, True]


async def test_a_defect_costs_few_transactions_however_many_are_waiting(chats: Chats, room_id: RoomId) -> None:
    chats.store.writes = 0
    before = chats.submit(ANN, room_id, *(Draft(f"{number}") for number in range(300)))
    poisoned: list[Answer] = []
    chats.journal.submit(breaking(room_id), poisoned.append)
    after = chats.submit(ANN, room_id, *(Draft(f"{number}") for number in range(300, 600)))
    await turns(200)
    assert isinstance(poisoned[0], Internal)
    assert seqs(before + after) == list(range(4, 604))
    assert chats.store.writes < 40


async def test_after_a_defect_the_groups_grow_again(chats: Chats, room_id: RoomId) -> None:
    with pytest.raises(Internal):
        await chats.journal.commit(breaking(room_id))
    for _ in range(12):
        await chats.say(ANN, room_id, "one")
    chats.store.writes = 0
    answers = chats.submit(ANN, room_id, *(Draft(f"{number}") for number in range(500)))
    await turns(20)
    assert len(seqs(answers)) == 500
    assert chats.store.writes == 1


async def test_nothing_overtakes_when_the_store_fails_while_a_defect_is_looked_for(
    chats: Chats, room_id: RoomId
) -> None:
    mine: list[Answer] = []
    chats.messages.submit_post(ANN, room_id, Draft("1", "c1"), mine.append)
    chats.journal.submit(breaking(room_id, BOB), lambda answer: None)
    chats.messages.submit_post(ANN, room_id, Draft("2", "c2"), mine.append)
    chats.messages.submit_post(ANN, room_id, Draft("3", "c3"), mine.append)
    others = chats.submit(BOB, room_id, Draft("b"))
    chats.store.failures += [None, Failure.BEFORE]
    await turns(40)
    assert [type(answer) for answer in mine] == [Unavailable] * 3
    assert len(others) == 1


# Failures of the store


@pytest.mark.parametrize("failure", Failure)
async def test_a_failed_commit_is_unavailable_to_all_of_its_callers_and_safe_to_repeat(
    any_chats: Chats, failure: Failure
) -> None:
    room_id = await any_chats.found(ANN, BOB)
    any_chats.store.failures.append(failure)
    any_chats.fanout.published.clear()
    drafts = [(ANN, Draft("1", "a1")), (BOB, Draft("2", "b1")), (ANN, Draft("3", "a2"))]

    async def send_all() -> list[object]:
        posts = (any_chats.messages.post(who, room_id, draft) for who, draft in drafts)
        return list(await asyncio.gather(*posts, return_exceptions=True))

    assert [type(answer) for answer in await send_all()] == [Unavailable] * 3
    assert any_chats.fanout.published == []
    assert any_chats.fanout.resynced == [{room_id}]
    assert not any(isinstance(answer, Exception) for answer in await send_all())
    assert await any_chats.texts(room_id) == ["1", "2", "3"]
    log = await any_chats.log(room_id)
    assert [event.seq for event in log] == [1, 2, 3, 4, 5, 6]
    assert any_chats.fanout.published == ([] if failure is Failure.COMMITTED else log[3:])


@pytest.mark.parametrize("failure", Failure)
async def test_what_the_author_has_waiting_in_the_room_fails_too_and_the_rest_goes_on(
    chats: Chats, room_id: RoomId, failure: Failure
) -> None:
    other_room = await chats.found(ANN, BOB)
    chats.store.hold()
    chats.store.failures.append(failure)
    mine = chats.submit(ANN, room_id, Draft("1", "c1"))
    await turns()
    later = chats.submit(ANN, room_id, Draft("2", "c2"))
    of_bob = chats.submit(BOB, room_id, Draft("b", "c1"))
    elsewhere = chats.submit(ANN, other_room, Draft("e", "c1"))
    last = chats.submit(ANN, room_id, Draft("3"))
    founded = asyncio.ensure_future(chats.found(ANN))
    chats.store.release()
    await turns(20)
    assert [type(answer) for answer in mine + later + last] == [Unavailable] * 3
    assert len(seqs(of_bob + elsewhere)) == 2
    assert await founded == 3
    for number in (1, 2):
        await chats.say(ANN, room_id, f"{number}", f"c{number}")
    assert [text for text in await chats.texts(room_id) if text != "b"] == ["1", "2"]


async def test_a_repeat_that_is_submitted_by_the_failures_answer_comes_in_order(chats: Chats, room_id: RoomId) -> None:
    def send(number: int) -> None:
        def done(answer: Answer) -> None:
            if isinstance(answer, Unavailable):
                send(number)

        chats.messages.submit_post(ANN, room_id, Draft(f"{number}", f"c{number}"), done)

    chats.store.hold()
    send(0)
    await turns()
    for number in range(1, 6):
        send(number)
    chats.store.failures += [Failure.COMMITTED, Failure.ROLLED_BACK, Failure.BEFORE]
    chats.store.release()
    await turns(30)
    assert await chats.texts(room_id) == [f"{number}" for number in range(6)]


async def test_a_failed_founding_concerns_no_room(chats: Chats) -> None:
    chats.store.failures.append(Failure.ROLLED_BACK)
    with pytest.raises(Unavailable):
        await chats.rooms.open_direct(ANN, BOB)
    assert chats.fanout.resynced == []
    _, made = await chats.rooms.open_direct(ANN, BOB)
    assert made


# Rooms that are kept


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


# The end


async def test_close_waits_for_what_was_submitted_and_refuses_the_rest(chats: Chats, room_id: RoomId) -> None:
    chats.store.hold()
    answers = chats.submit(ANN, room_id, Draft("1"))
    await turns()
    answers_too = chats.submit(ANN, room_id, Draft("2"))
    closing = asyncio.ensure_future(chats.journal.close())
    await turns()
    refused = chats.submit(ANN, room_id, Draft("3"))
    assert [type(answer) for answer in refused] == [Unavailable]
    assert not closing.done()
    chats.store.release()
    await closing
    assert seqs(answers + answers_too) == [4, 5]
    with pytest.raises(Unavailable):
        await chats.say(ANN, room_id, "4")
    assert await chats.texts(room_id) == ["1", "2"]


async def test_closing_an_idle_journal_is_at_once(chats: Chats) -> None:
    await chats.journal.close()
    await chats.journal.close()


async def test_users_who_do_not_exist_are_refused(chats: Chats, room_id: RoomId) -> None:
    with pytest.raises(NotFound, match="there is no user 99"):
        await chats.rooms.put_member(ANN, room_id, NOBODY)
    assert (await chats.fold(room_id)).members.keys() == {ANN, BOB}
