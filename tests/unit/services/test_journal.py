"""The journal: groups of changes, lanes, and its end."""

import asyncio
import logging

import pytest

from hubbub.domain.errors import (
    Invalid,
    NotFound,
    TooLarge,
    Unavailable,
)
from hubbub.domain.ids import RoomId, Seq
from hubbub.domain.texts import MAX_TEXT
from hubbub.services.changes import Answer, Draft, Outcome
from hubbub.services.queues import MAX_BATCH, MAX_BATCH_TEXT
from hubbub.stores.memory import MemoryStore
from tests.unit.services.chats import (
    ANN,
    BOB,
    CYD,
    NO_ROOM,
    NOBODY,
    Chats,
    Failure,
    open_chats,
    posted,
    seqs,
    texts,
    turns,
)

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


@pytest.mark.parametrize("letter", ["x", "ж", "𝄞"])
async def test_a_group_has_a_largest_size_in_bytes_too(chats: Chats, room_id: RoomId, letter: str) -> None:
    chats.store.writes = 0
    longest = letter * (MAX_TEXT // len(letter.encode()))
    answers = chats.submit(ANN, room_id, *(Draft(longest) for _ in range(2 * MAX_BATCH_TEXT // MAX_TEXT + 1)))
    await turns(20)
    assert seqs(answers) == list(range(4, len(answers) + 4))
    assert chats.store.writes == 3


async def test_edits_count_with_what_they_say(chats: Chats, room_id: RoomId) -> None:
    await chats.say(ANN, room_id, "one")
    chats.store.writes = 0
    answers: list[Answer] = []
    for number in range(2 * MAX_BATCH_TEXT // MAX_TEXT):
        chats.messages.submit_edit(ANN, room_id, Seq(4), f"{number % 10}" * MAX_TEXT, answers.append)
    await turns(20)
    assert all(isinstance(answer, Outcome) for answer in answers)
    assert chats.store.writes == 2


async def test_what_is_too_long_or_no_text_at_all_is_refused_on_its_own(chats: Chats, room_id: RoomId) -> None:
    answers = chats.submit(ANN, room_id, Draft("x" * (MAX_BATCH_TEXT + 1)), Draft("\ud800"), Draft("one"))
    await turns()
    assert [type(answer) for answer in answers] == [TooLarge, Invalid, Outcome]


async def test_who_has_little_to_say_waits_for_one_group_however_much_others_say(chats: Chats) -> None:
    flooded, quiet = await chats.found(ANN), await chats.found(BOB, CYD)
    drafts = [Draft("x" * MAX_TEXT) for _ in range(64 * 8)]
    chats.store.hold()
    flood = chats.submit(ANN, flooded, *drafts)
    await turns()
    few = chats.submit(BOB, quiet, Draft("one"), Draft("two"))
    chats.store.writes = 0
    answered: list[int] = []
    chats.messages.submit_post(BOB, quiet, Draft("last"), lambda answer: answered.append(chats.store.writes))
    chats.store.release()
    await turns(60)
    assert answered == [2]  # the group that was being written, and the next
    assert (seqs(few), seqs(flood)) == ([4, 5], list(range(3, len(drafts) + 3)))
    assert await chats.texts(quiet) == ["one", "two", "last"]


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


# The end


@pytest.mark.parametrize("lanes", [1, 2])
async def test_a_close_that_is_given_up_refuses_what_no_transaction_has_begun_for(lanes: int) -> None:
    async with open_chats(lanes=lanes) as chats:
        rooms = [await chats.found(ANN) for _ in range(2)]
        chats.store.hold()
        begun = [chats.submit(ANN, room_id, Draft("begun")) for room_id in rooms]
        await turns()
        waiting = [chats.submit(ANN, room_id, Draft("waiting")) for room_id in rooms]
        closing = asyncio.ensure_future(chats.journal.close())
        await turns()
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert begun == [[], []]
        assert [type(answer) for answers in waiting for answer in answers] == [Unavailable, Unavailable]

        chats.store.release()
        await chats.journal.close()
        assert [len(answers) for answers in begun + waiting] == [1, 1, 1, 1]
        assert [await chats.texts(room_id) for room_id in rooms] == [["begun"], ["begun"]]


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
