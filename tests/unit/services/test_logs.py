"""The log of a room for those who follow it: pages of events, and the snapshots that live views start from."""

import pytest

from hubbub.domain.errors import Conflict, Forbidden, NotFound
from hubbub.domain.events import Event, History, MessageEdited, RoomKind
from hubbub.domain.ids import RoomId, Seq
from hubbub.domain.members import Role
from hubbub.domain.texts import MAX_TEXT
from hubbub.services.logs import MAX_EVENTS, Joined, ResetReason
from hubbub.services.pages import PAGE_BYTES
from tests.unit.services.chats import ANN, BOB, CYD, NO_ROOM, Chats


def seqs(events: list[Event]) -> list[int]:
    return [event.seq for event in events]


@pytest.fixture
async def late(any_chats: Chats) -> RoomId:
    """Ann spoke at 3 and 4; Bob was added at 5 and may read from there on; she spoke again at 6."""
    room_id = await any_chats.found(ANN, history=History.SINCE_JOINED)
    for text in ("1", "2"):
        await any_chats.say(ANN, room_id, text)
    await any_chats.rooms.put_member(ANN, room_id, BOB)
    await any_chats.say(ANN, room_id, "3")
    return room_id


async def test_events_come_oldest_first_after_a_seq(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    await any_chats.say(ANN, room_id, "one")
    page = await any_chats.logs.events(BOB, room_id, after=Seq(1), limit=2)
    assert (seqs(page.items), page.head) == ([2, 3], 4)
    assert seqs((await any_chats.logs.events(BOB, room_id, after=Seq(0))).items) == [1, 2, 3, 4]
    assert seqs((await any_chats.logs.events(BOB, room_id, after=Seq(4))).items) == []
    assert seqs((await any_chats.logs.events(BOB, room_id, after=Seq(99))).items) == []


async def test_a_position_in_another_log_is_refused_and_one_in_this_log_is_not(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN)
    page = await any_chats.logs.events(ANN, room_id, after=Seq(0))
    assert page.epoch == await any_chats.logs.epoch()
    assert seqs((await any_chats.logs.events(ANN, room_id, after=Seq(1), epoch=page.epoch)).items) == [2]
    with pytest.raises(Conflict):
        await any_chats.logs.events(ANN, room_id, after=Seq(1), epoch="another")
    with pytest.raises(NotFound):
        await any_chats.logs.events(BOB, room_id, after=Seq(1), epoch="another")


async def test_a_late_member_reads_events_from_their_own_coming_on(any_chats: Chats, late: RoomId) -> None:
    assert seqs((await any_chats.logs.events(BOB, late, after=Seq(0))).items) == [5, 6]
    assert seqs((await any_chats.logs.events(BOB, late, after=Seq(5))).items) == [6]
    assert seqs((await any_chats.logs.events(ANN, late, after=Seq(0), limit=1)).items) == [2]


async def test_a_late_member_does_not_read_what_an_older_message_was_changed_to(any_chats: Chats, late: RoomId) -> None:
    await any_chats.messages.edit(ANN, late, Seq(4), "a secret")
    await any_chats.messages.edit(ANN, late, Seq(6), "no secret")

    def texts(events: list[Event]) -> list[str]:
        return [event.text for event in events if isinstance(event, MessageEdited)]

    for user_id, expected in ((BOB, ["", "no secret"]), (ANN, ["a secret", "no secret"])):
        assert texts((await any_chats.logs.events(user_id, late, after=Seq(0))).items) == expected
        assert texts((await any_chats.logs.join(user_id, late, after=Seq(0))).events) == expected
        (joined,) = (await any_chats.logs.join_many(user_id, {late: Seq(5)})).values()
        assert isinstance(joined, Joined)
        assert texts(joined.events) == expected


async def test_events_with_long_texts_come_in_shorter_pages(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN)
    fitting = PAGE_BYTES // MAX_TEXT
    for _ in range(fitting + 1):
        await any_chats.say(ANN, room_id, "x" * MAX_TEXT)
    page = await any_chats.logs.events(ANN, room_id, after=Seq(2))
    joined = await any_chats.logs.join(ANN, room_id, after=Seq(2))
    assert page.items == joined.events
    assert (len(page.items), joined.more) == (fitting, True)
    assert await any_chats.logs.range(room_id, Seq(2), Seq(999)) == page.items
    rest = await any_chats.logs.join(ANN, room_id, after=page.items[-1].seq)
    assert (seqs(rest.events), rest.more) == ([page.head], False)


async def test_a_join_for_a_frame_brings_no_more_than_its_texts(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN)
    for text in ("x" * 60, "x" * 40, "y", "z" * 500):
        await any_chats.say(ANN, room_id, text)
    logs = any_chats.logs
    for after, expected in ((2, [3, 4]), (4, [5]), (5, [6])):
        joined = await logs.join(ANN, room_id, after=Seq(after), max_bytes=100)
        assert (seqs(joined.events), joined.more) == (expected, after < 5)
        assert await logs.join_many(ANN, {room_id: Seq(after)}, max_bytes=100) == {room_id: joined}


async def test_a_view_of_the_tail_alone_gets_no_events(any_chats: Chats, late: RoomId) -> None:
    joined = await any_chats.logs.join(BOB, late, epoch="of another server")
    assert joined == Joined(
        room_id=late,
        epoch=await any_chats.logs.epoch(),
        head=Seq(6),
        base=Seq(4),
        read_seq=Seq(5),
        role=Role.MEMBER,
        joined_seq=Seq(5),
        events=[],
        more=False,
        reset=None,
    )


async def test_a_view_goes_on_from_its_position(any_chats: Chats, late: RoomId) -> None:
    epoch = await any_chats.logs.epoch()
    for known in (None, epoch):
        for after, expected in ((4, [5, 6]), (5, [6]), (6, [])):
            joined = await any_chats.logs.join(BOB, late, after=Seq(after), epoch=known)
            assert (seqs(joined.events), joined.more, joined.reset) == (expected, False, None)


@pytest.mark.parametrize("after", [0, 2, 3])
async def test_a_view_that_knows_what_it_may_not_read_starts_anew(any_chats: Chats, late: RoomId, after: int) -> None:
    joined = await any_chats.logs.join(BOB, late, after=Seq(after))
    assert (joined.reset, joined.base, seqs(joined.events)) == (ResetReason.PRUNED, 4, [5, 6])


@pytest.mark.parametrize(("after", "epoch"), [(7, None), (99, None), (6, "other"), (0, "other")])
async def test_a_view_of_a_log_that_is_no_more_starts_anew(
    any_chats: Chats, late: RoomId, after: int, epoch: str | None
) -> None:
    joined = await any_chats.logs.join(BOB, late, after=Seq(after), epoch=epoch)
    assert (joined.reset, joined.base, seqs(joined.events)) == (ResetReason.EPOCH_CHANGED, 4, [5, 6])


async def test_who_comes_back_starts_anew(any_chats: Chats, late: RoomId) -> None:
    await any_chats.rooms.remove_member(ANN, late, BOB)
    await any_chats.rooms.put_member(ANN, late, BOB)
    joined = await any_chats.logs.join(BOB, late, after=Seq(6))
    assert (joined.reset, joined.base, joined.joined_seq, seqs(joined.events)) == (ResetReason.PRUNED, 7, 8, [8])


async def test_a_long_catch_up_comes_in_parts(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN)
    for number in range(MAX_EVENTS):
        await any_chats.say(ANN, room_id, f"{number}")
    first = await any_chats.logs.join(ANN, room_id, after=Seq(0))
    assert (len(first.events), first.more, first.head) == (MAX_EVENTS, True, MAX_EVENTS + 2)
    exact = await any_chats.logs.join(ANN, room_id, after=Seq(2))
    assert (len(exact.events), exact.more) == (MAX_EVENTS, False)
    rest = await any_chats.logs.join(ANN, room_id, after=first.events[-1].seq)
    assert (seqs(rest.events), rest.more) == ([MAX_EVENTS + 1, MAX_EVENTS + 2], False)


async def test_many_joins_are_each_answered_as_if_alone(any_chats: Chats, late: RoomId) -> None:
    mine, channel, gone = (
        await any_chats.found(ANN, BOB),
        await any_chats.found(ANN, kind=RoomKind.CHANNEL),
        await any_chats.found(ANN, BOB),
    )
    await any_chats.rooms.delete(ANN, gone)
    await any_chats.reads.mark(BOB, mine, Seq(3))
    positions = {NO_ROOM: Seq(0), late: Seq(5), channel: None, mine: None, gone: Seq(1)}
    answers = await any_chats.logs.join_many(BOB, positions)
    assert list(answers) == list(positions)
    assert answers[late] == await any_chats.logs.join(BOB, late, after=Seq(5))
    assert answers[mine] == await any_chats.logs.join(BOB, mine)
    assert [type(answers[room_id]) for room_id in (NO_ROOM, channel, gone)] == [NotFound, Forbidden, NotFound]
    assert await any_chats.logs.join_many(BOB, {}) == {}


async def test_many_joins_share_the_events_of_one_snapshot_and_each_gets_at_least_one(any_chats: Chats) -> None:
    rooms = [await any_chats.found(ANN) for _ in range(3)]
    for room_id in rooms[:2]:
        for number in range(MAX_EVENTS // 2):
            await any_chats.say(ANN, room_id, f"{number}")
    answers = await any_chats.logs.join_many(ANN, dict.fromkeys(rooms, Seq(0)))
    joined = [answer for answer in answers.values() if isinstance(answer, Joined)]
    assert [len(answer.events) for answer in joined] == [MAX_EVENTS // 2 + 2, MAX_EVENTS // 2 - 2, 1]
    assert [answer.more for answer in joined] == [False, True, True]


async def test_outsiders_follow_nothing(any_chats: Chats) -> None:
    group, channel = await any_chats.found(ANN, CYD), await any_chats.found(ANN, CYD, kind=RoomKind.CHANNEL)
    for room_id in (group, channel):
        await any_chats.rooms.remove_member(ANN, room_id, CYD)
    for who in (BOB, CYD):
        for room_id, error in ((group, NotFound), (channel, Forbidden), (NO_ROOM, NotFound)):
            with pytest.raises(error):
                await any_chats.logs.events(who, room_id, after=Seq(0))
            with pytest.raises(error):
                await any_chats.logs.join(who, room_id)


async def test_a_hole_is_read_from_one_end_to_the_other(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    for number in range(MAX_EVENTS):
        await any_chats.say(ANN, room_id, f"{number}")
    assert seqs(await any_chats.logs.range(room_id, Seq(1), Seq(3))) == [2, 3]
    assert len(await any_chats.logs.range(room_id, Seq(0), Seq(999))) == MAX_EVENTS
    assert await any_chats.logs.range(NO_ROOM, Seq(0), Seq(9)) == []


async def test_heads_are_those_of_rooms_that_exist(any_chats: Chats) -> None:
    rooms = [await any_chats.found(ANN), await any_chats.found(ANN, BOB)]
    assert await any_chats.logs.heads([*rooms, NO_ROOM]) == {rooms[0]: 2, rooms[1]: 3}
