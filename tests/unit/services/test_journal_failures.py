"""The journal: defects of a change, and failures of the store."""

import asyncio
import logging
from pathlib import Path

import pytest

from hubbub.domain.errors import Internal, Unavailable
from hubbub.domain.events import Event
from hubbub.domain.ids import Millis, RoomId, UserId
from hubbub.domain.rooms import ChatRoom
from hubbub.services.changes import Answer, Change, Draft
from hubbub.stores.sql import SqlStore
from hubbub.stores.sql.troubles import DAMAGED
from tests.unit.services.chats import ANN, BOB, Chats, Failure, open_chats, seqs, turns


def breaking(room_id: RoomId, user_id: UserId = ANN) -> Change:
    """A change that no server should have."""

    def decide(room: ChatRoom, at: Millis) -> tuple[Event, ...]:
        raise ZeroDivisionError

    return Change(room_id, user_id, decide)


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


def damage(path: Path, url: str) -> None:
    """Overwrite a page on which messages are found."""
    store = SqlStore.open(url)
    with store.database.reader.connect() as connection:
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        page = connection.exec_driver_sql("SELECT rootpage FROM sqlite_master WHERE name = 'messages'").scalar_one()
    store.database.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


async def test_a_damaged_database_fails_all_who_wait_at_once_and_is_no_defect_of_theirs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "chat.db"
    url = f"sqlite:///{path}"
    async with open_chats(SqlStore.open(url)) as whole:
        room_id = await whole.found(ANN, BOB)
    await asyncio.to_thread(damage, path, url)
    chats = Chats(SqlStore.open(url))
    posts = [chats.say(who, room_id, f"{number}", f"c{number}") for who in (ANN, BOB) for number in range(20)]
    answers = await asyncio.gather(*posts, return_exceptions=True)
    assert {type(answer) for answer in answers} == {Internal}
    assert chats.store.writes == 1
    assert chats.fanout.resynced == [{room_id}]
    assert [line.getMessage() for line in caplog.records] == [DAMAGED.sentence]
    await chats.close()


async def test_a_failed_founding_concerns_no_room(chats: Chats) -> None:
    chats.store.failures.append(Failure.ROLLED_BACK)
    with pytest.raises(Unavailable):
        await chats.rooms.open_direct(ANN, BOB)
    assert chats.fanout.resynced == []
    _, made = await chats.rooms.open_direct(ANN, BOB)
    assert made
