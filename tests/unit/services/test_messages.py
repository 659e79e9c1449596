"""Messages: posted, edited, deleted, read again, searched; and never by those who may not read them."""

import pytest

from hubbub.domain.errors import Conflict, Forbidden, Invalid, NotFound
from hubbub.domain.events import History, RoomKind
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.texts import MAX_TEXT
from hubbub.services.changes import Answer, Draft, Outcome
from hubbub.services.messages import Page
from hubbub.services.pages import PAGE_BYTES
from tests.unit.services.chats import ANN, BOB, CYD, DAN, NO_ROOM, Chats, turns


def seqs(page: Page) -> list[int]:
    return [message.seq for message in page.items]


async def talk(chats: Chats, room_id: RoomId, count: int) -> list[Seq]:
    return [await chats.say(ANN, room_id, f"{number}") for number in range(count)]


@pytest.fixture
async def late(any_chats: Chats) -> RoomId:
    """Ann spoke at 3, 4, 5; Bob was added at 6 and may read from there on; she spoke again at 7, 8, 9."""
    room_id = await any_chats.found(ANN, history=History.SINCE_JOINED)
    await talk(any_chats, room_id, 3)
    await any_chats.rooms.put_member(ANN, room_id, BOB)
    await talk(any_chats, room_id, 3)
    return room_id


async def test_a_page_of_long_texts_is_shorter_and_the_next_one_goes_on_from_it(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN)
    fitting = PAGE_BYTES // MAX_TEXT
    for _ in range(2 * fitting):
        await any_chats.say(ANN, room_id, "é" * (MAX_TEXT // 2))
    pages, last = any_chats.messages, 2 + 2 * fitting

    newest = await pages.page(ANN, room_id, limit=200)
    assert seqs(newest) == [*range(last, last - fitting, -1)]
    older = await pages.page(ANN, room_id, before=newest.items[-1].seq, limit=200)
    assert seqs(older) == [*range(last - fitting, 2, -1)]
    assert seqs(await pages.page(ANN, room_id, before=older.items[-1].seq, limit=200)) == []

    assert seqs(await pages.page(ANN, room_id, after=Seq(10), limit=200)) == [*range(10 + fitting, 10, -1)]
    around = seqs(await pages.page(ANN, room_id, around=Seq(30), limit=200))
    assert around == [*range(30 + fitting // 2, 30 - fitting // 2, -1)]

    found, cursor = await pages.search(ANN, "é", limit=200)
    rest, end = await pages.search(ANN, "é", cursor=cursor, limit=200)
    assert [message.seq for message in found + rest] == [*range(last, 2, -1)]
    assert (len(found), end) == (fitting, None)


async def test_a_page_for_a_frame_brings_no_more_than_its_texts(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN)
    for text in ("x" * 500, "y", "x" * 40, "x" * 60):
        await any_chats.say(ANN, room_id, text)
    pages = any_chats.messages
    assert seqs(await pages.page(ANN, room_id, max_bytes=100)) == [6, 5]
    assert seqs(await pages.page(ANN, room_id, before=Seq(6), max_bytes=100)) == [5, 4]
    assert seqs(await pages.page(ANN, room_id, before=Seq(4), max_bytes=100)) == [3]
    assert seqs(await pages.page(ANN, room_id, after=Seq(3), max_bytes=100)) == [5, 4]
    assert seqs(await pages.page(ANN, room_id, around=Seq(5), max_bytes=100)) == [6, 5, 4]


# What is said


async def test_what_is_posted_is_read(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    first = await any_chats.messages.post(ANN, room_id, Draft("one", "c1"))
    second = await any_chats.messages.post(BOB, room_id, Draft("two", reply_to=Seq(4)))
    assert (first.message.seq, first.message.at, first.duplicate) == (4, any_chats.clock.now(), False)
    assert await any_chats.messages.get(BOB, room_id, Seq(4)) == first.message
    assert await any_chats.messages.get(ANN, room_id, Seq(5)) == second.message
    assert second.message.reply_to == 4


async def test_the_author_edits_and_deletes(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    await any_chats.say(ANN, room_id, "one")
    any_chats.clock.advance(1)
    edited = await any_chats.messages.edit(ANN, room_id, Seq(4), "ONE")
    assert (edited.text, edited.version, edited.edited_at) == ("ONE", 5, any_chats.clock.now())
    assert await any_chats.messages.edit(ANN, room_id, Seq(4), "ONE") == edited
    await any_chats.messages.delete(ANN, room_id, Seq(4))
    await any_chats.messages.delete(ANN, room_id, Seq(4))
    deleted = await any_chats.messages.get(BOB, room_id, Seq(4))
    assert (deleted.text, deleted.version, deleted.deleted) == ("", 6, True)
    with pytest.raises(Conflict):
        await any_chats.messages.edit(ANN, room_id, Seq(4), "back")
    assert len(await any_chats.log(room_id)) == 6


async def test_nobody_edits_what_another_said_and_admins_delete_it(chats: Chats) -> None:
    room_id = await chats.found(ANN, BOB, CYD)
    await chats.rooms.put_member(ANN, room_id, BOB, Role.ADMIN)
    target = await chats.say(ANN, room_id, "one")
    for who in (BOB, CYD):
        with pytest.raises(Forbidden):
            await chats.messages.edit(who, room_id, target, "mine")
    with pytest.raises(Forbidden):
        await chats.messages.delete(CYD, room_id, target)
    await chats.messages.delete(BOB, room_id, target)
    assert await chats.texts(room_id) == [""]


async def test_submitted_changes_are_answered_by_callback(chats: Chats, room_id: RoomId) -> None:
    answers: list[Answer] = []
    chats.messages.submit_post(ANN, room_id, Draft("one"), answers.append)
    chats.messages.submit_edit(ANN, room_id, Seq(4), "ONE", answers.append)
    chats.messages.submit_delete(ANN, room_id, Seq(4), answers.append)
    await turns()
    assert [answer.events[0].seq for answer in answers if isinstance(answer, Outcome)] == [4, 5, 6]


@pytest.mark.parametrize("target", [0, 3, 99])
async def test_only_a_message_can_be_answered_edited_deleted_or_read(any_chats: Chats, target: int) -> None:
    room_id = await any_chats.found(ANN, BOB)
    with pytest.raises(Invalid) as refusal:
        await any_chats.messages.post(ANN, room_id, Draft("one", reply_to=Seq(target)))
    assert refusal.value.field == "reply_to"
    for attempt in (
        any_chats.messages.edit(ANN, room_id, Seq(target), "text"),
        any_chats.messages.delete(ANN, room_id, Seq(target)),
        any_chats.messages.get(ANN, room_id, Seq(target)),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_what_was_said_elsewhere_is_no_message_here(any_chats: Chats) -> None:
    here, there = await any_chats.found(ANN, BOB), await any_chats.found(ANN)
    target = await any_chats.say(ANN, here, "one")
    with pytest.raises(Invalid):
        await any_chats.messages.post(ANN, there, Draft("two", reply_to=target))
    with pytest.raises(NotFound):
        await any_chats.messages.edit(ANN, there, target, "two")


@pytest.mark.parametrize("kind", [RoomKind.GROUP, RoomKind.CHANNEL])
@pytest.mark.parametrize("who", [CYD, DAN])  # one who never was there, one who was removed
async def test_outsiders_neither_write_nor_read(any_chats: Chats, kind: RoomKind, who: UserId) -> None:
    room_id = await any_chats.found(ANN, BOB, DAN, kind=kind)
    target = await any_chats.say(DAN, room_id, "tomato")
    await any_chats.rooms.remove_member(ANN, room_id, DAN)
    for attempt in (
        any_chats.messages.post(who, room_id, Draft("one")),
        any_chats.messages.edit(who, room_id, target, "two"),
        any_chats.messages.delete(who, room_id, target),
        any_chats.messages.get(who, room_id, target),
        any_chats.messages.page(who, room_id),
        any_chats.messages.search(who, "tomato", room_id=room_id),
    ):
        with pytest.raises(Forbidden if kind is RoomKind.CHANNEL else NotFound):
            await attempt
    assert await any_chats.messages.search(who, "tomato") == ([], None)
    with pytest.raises(NotFound):
        await any_chats.messages.page(who, NO_ROOM)


# Pages


async def test_a_page_is_newest_first_and_its_bounds_are_exclusive(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)  # 3 events
    await talk(any_chats, room_id, 4)  # 4, 5, 6, 7
    await any_chats.rooms.change(ANN, room_id, topic="tomatoes")  # 8
    await talk(any_chats, room_id, 3)  # 9, 10, 11
    page = any_chats.messages.page
    assert seqs(await page(BOB, room_id)) == [11, 10, 9, 7, 6, 5, 4]
    assert (await page(BOB, room_id, limit=1)).head == 11
    assert seqs(await page(BOB, room_id, limit=2)) == [11, 10]
    assert seqs(await page(BOB, room_id, before=Seq(9), limit=2)) == [7, 6]
    assert seqs(await page(BOB, room_id, before=Seq(8), limit=2)) == [7, 6]
    assert seqs(await page(BOB, room_id, before=Seq(99), limit=2)) == [11, 10]
    assert seqs(await page(BOB, room_id, before=Seq(4))) == []
    assert seqs(await page(BOB, room_id, before=Seq(0))) == []
    assert seqs(await page(BOB, room_id, after=Seq(6), limit=2)) == [9, 7]
    assert seqs(await page(BOB, room_id, after=Seq(0), limit=2)) == [5, 4]
    assert seqs(await page(BOB, room_id, after=Seq(11))) == []
    assert seqs(await page(BOB, room_id, after=Seq(99))) == []


async def test_a_page_around_a_seq_has_it_in_the_middle(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN)  # 2 events
    await talk(any_chats, room_id, 7)  # 3 … 9
    page = any_chats.messages.page
    assert seqs(await page(ANN, room_id, around=Seq(6), limit=1)) == [6]
    assert seqs(await page(ANN, room_id, around=Seq(6), limit=2)) == [7, 6]
    assert seqs(await page(ANN, room_id, around=Seq(6), limit=3)) == [7, 6, 5]
    assert seqs(await page(ANN, room_id, around=Seq(6), limit=4)) == [8, 7, 6, 5]
    assert seqs(await page(ANN, room_id, around=Seq(9), limit=4)) == [9, 8]
    assert seqs(await page(ANN, room_id, around=Seq(1), limit=4)) == [4, 3]
    assert seqs(await page(ANN, room_id, around=Seq(99), limit=4)) == [9, 8]


@pytest.mark.parametrize(
    "bounds",
    [{"before": Seq(1), "after": Seq(1)}, {"after": Seq(0), "around": Seq(0)}, {"before": Seq(1), "around": Seq(1)}],
)
async def test_a_page_has_one_bound(chats: Chats, room_id: RoomId, bounds: dict[str, Seq]) -> None:
    with pytest.raises(Invalid):
        await chats.messages.page(ANN, room_id, **bounds)


async def test_a_deleted_message_keeps_its_place_in_a_page(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN)
    await talk(any_chats, room_id, 3)
    await any_chats.messages.delete(ANN, room_id, Seq(4))
    page = await any_chats.messages.page(ANN, room_id)
    assert [(message.seq, message.text) for message in page.items] == [(5, "2"), (4, ""), (3, "0")]
    assert page.head == 6


# From when on


async def test_a_late_member_sees_no_page_of_the_time_before(any_chats: Chats, late: RoomId) -> None:
    page = any_chats.messages.page
    assert seqs(await page(BOB, late)) == [9, 8, 7]
    assert seqs(await page(BOB, late, before=Seq(8))) == [7]
    assert seqs(await page(BOB, late, before=Seq(6))) == []
    assert seqs(await page(BOB, late, after=Seq(0), limit=2)) == [8, 7]
    assert seqs(await page(BOB, late, around=Seq(3), limit=4)) == [8, 7]
    assert seqs(await page(BOB, late, around=Seq(7), limit=4)) == [9, 8, 7]
    assert seqs(await page(ANN, late)) == [9, 8, 7, 5, 4, 3]


async def test_a_late_member_neither_reads_nor_answers_nor_finds_what_was_before(
    any_chats: Chats, late: RoomId
) -> None:
    await any_chats.rooms.put_member(ANN, late, BOB, Role.ADMIN)
    for target in (Seq(3), Seq(5)):
        with pytest.raises(NotFound):
            await any_chats.messages.get(BOB, late, target)
        with pytest.raises(NotFound):
            await any_chats.messages.delete(BOB, late, target)
        with pytest.raises(Invalid):
            await any_chats.messages.post(BOB, late, Draft("what?", reply_to=target))
    assert (await any_chats.messages.get(BOB, late, Seq(7))).text == "0"
    for room_id in (None, late):
        found, _ = await any_chats.messages.search(BOB, "0", room_id=room_id)
        assert [message.seq for message in found] == [7]


async def test_who_comes_back_has_lost_what_they_said_before(any_chats: Chats, late: RoomId) -> None:
    target = await any_chats.say(BOB, late, "mine")
    await any_chats.rooms.remove_member(BOB, late, BOB)
    await any_chats.rooms.put_member(ANN, late, BOB)
    with pytest.raises(NotFound):
        await any_chats.messages.edit(BOB, late, target, "still mine")
    with pytest.raises(NotFound):
        await any_chats.messages.get(BOB, late, target)
    assert seqs(await any_chats.messages.page(BOB, late)) == []


async def test_where_all_is_open_a_late_member_reads_everything(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN)
    await talk(any_chats, room_id, 2)
    await any_chats.rooms.put_member(ANN, room_id, BOB)
    assert seqs(await any_chats.messages.page(BOB, room_id)) == [4, 3]
    assert (await any_chats.messages.post(BOB, room_id, Draft("yes", reply_to=Seq(3)))).message.reply_to == 3


# Search


async def test_a_search_finds_the_newest_first_page_by_page(any_chats: Chats) -> None:
    rooms = [await any_chats.found(ANN), await any_chats.found(ANN)]
    for text in ("Tomato", "bean", "my tomatoes", "TOMATO!"):
        for room_id in rooms:
            await any_chats.say(ANN, room_id, text)
    await any_chats.messages.delete(ANN, rooms[0], Seq(6))
    seen: list[tuple[int, str]] = []
    cursor: str | None = None
    pages = 0
    while not pages or cursor:
        found, cursor = await any_chats.messages.search(ANN, "tomato", cursor=cursor, limit=2)
        seen += [(message.room_id, message.text) for message in found]
        pages += 1
    assert seen == [(2, "TOMATO!"), (2, "my tomatoes"), (2, "Tomato"), (1, "my tomatoes"), (1, "Tomato")]
    found, _ = await any_chats.messages.search(ANN, "tomato", room_id=rooms[0])
    assert [message.room_id for message in found] == [1, 1]


@pytest.mark.parametrize("query", ["", "x" * 201, "\ud800", "a\x00b"])
async def test_a_query_that_no_message_can_contain_is_refused(any_chats: Chats, query: str) -> None:
    with pytest.raises(Invalid) as refusal:
        await any_chats.messages.search(ANN, query)
    assert refusal.value.field == "q"
