"""What joins and syncs are answered, and how much is read for them at once."""

import pytest

from hubbub.domain.errors import Unavailable
from hubbub.domain.events import History
from hubbub.domain.ids import RoomId
from hubbub.realtime.joins import MAX_SYNC, SYNC_ROOMS
from hubbub.realtime.turns import AT_A_TIME
from hubbub.services.logs import Joined
from hubbub.services.messages import Page
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from tests.unit.realtime.sockets import World, errors, kinds, seqs

NO_ROOM = RoomId(999)
LONG = "x" * 16_000


# Joining


async def test_a_resume_of_zero_events_is_joined_and_nothing_else(world: World) -> None:
    room_id = await world.found(world.ann)
    line = await world.open(world.ann)
    (joined,) = await line.say(type="join", ref=1, room_id=room_id, after=2)
    assert isinstance(joined, wire.Joined)
    assert (joined.ref, joined.head, joined.replay) == (1, 2, None)


async def test_a_long_catch_up_comes_in_frames_below_the_limit_until_there_is_no_more(world: World) -> None:
    room_id = await world.found(world.ann)
    await world.post(world.ann, room_id, *[LONG] * 10)
    line = await world.open(world.ann)
    applied: list[int] = []
    more = True
    while more:
        joined, events = await line.say(type="join", ref=1, room_id=room_id, after=len(applied))
        assert isinstance(joined, wire.Joined)
        assert isinstance(events, wire.Events)
        assert joined.replay == (len(applied) + 1, 12)
        applied += seqs([events])
        more = events.more
    assert applied == list(range(1, 13))
    assert max(line.transport.sizes) <= world.gateway.limits.frame_bytes


async def test_a_room_with_more_to_come_is_not_live_yet(world: World) -> None:
    room_id = await world.found(world.ann)
    await world.post(world.ann, room_id, *[LONG] * 5)
    line = await world.open(world.ann)
    await line.say(type="join", room_id=room_id, after=0)
    await world.post(world.ann, room_id, "now")
    assert await line.take() == []
    assert not world.hub.listens(room_id)


@pytest.mark.parametrize(("after", "epoch"), [(3, None), (1, "another")])
async def test_a_position_in_another_log_is_reset_and_gets_the_whole_log(
    world: World, after: int, epoch: str | None
) -> None:
    room_id = await world.found(world.ann)
    line = await world.open(world.ann)
    reset, joined, events = await line.say(type="join", room_id=room_id, after=after, epoch=epoch)
    assert isinstance(reset, wire.Reset)
    assert (reset.reason, reset.head, reset.base) == ("epoch_changed", 2, 0)
    assert isinstance(joined, wire.Joined)
    assert seqs([events]) == [1, 2]


async def test_a_one_room_socket_takes_position_and_epoch_from_its_address(world: World) -> None:
    room_id = await world.found(world.ann)
    epoch = await world.chat.logs.epoch()
    same = await world.enter(world.ann, room_id, after=1, epoch=epoch)
    assert kinds(await same.take()) == ["Hello", "Joined", "Events"]
    other = await world.enter(world.ann, room_id, after=1, epoch="another")
    assert kinds(await other.take()) == ["Hello", "Reset", "Joined", "Events"]


async def test_a_position_before_what_may_be_read_is_reset_to_the_base(world: World) -> None:
    room_id = await world.found(world.ann, history=History.SINCE_JOINED)
    await world.post(world.ann, room_id, "secret")
    await world.put_member(room_id, world.bob)
    line = await world.open(world.bob)
    frames = await line.say(type="join", room_id=room_id, after=0)
    assert kinds(frames) == ["Reset", "Joined", "Events"]
    assert isinstance(frames[0], wire.Reset)
    assert (frames[0].reason, frames[0].base) == ("pruned", 3)
    assert seqs(frames) == [4]


async def test_frames_about_a_room_take_effect_in_the_order_in_which_they_came(world: World) -> None:
    room_id = await world.found(world.ann)
    line = await world.open(world.ann)
    line.put(type="join", ref=1, room_id=room_id)
    frames = await line.say(type="leave", ref=2, room_id=room_id)
    assert kinds(frames) == ["Joined", "Ack"]
    assert not world.hub.listens(room_id)

    line.put(type="leave", ref=3, room_id=room_id)
    frames = await line.say(type="join", ref=4, room_id=room_id)
    assert kinds(frames) == ["Ack", "Joined"]
    assert world.hub.listens(room_id)


async def test_of_two_joins_both_are_answered_and_no_event_is_missing_after_the_last(world: World) -> None:
    room_id = await world.found(world.ann)
    line = await world.open(world.ann)
    world.store.hold()
    line.put(type="join", ref=1, room_id=room_id, after=0)
    line.put(type="join", ref=2, room_id=room_id, after=1)
    await world.settle()
    world.store.release()
    frames = await line.take()
    assert [frame.ref for frame in frames if isinstance(frame, wire.Joined)] == [1, 2]
    assert seqs(frames) == [1, 2, 2]

    await world.post(world.ann, room_id, "once")
    assert seqs(await line.take()) == [3]


async def test_a_join_that_was_asked_for_before_the_end_leaves_nothing_behind(world: World) -> None:
    room_id = await world.found(world.ann)
    for held in (False, True):
        line = await world.open(world.ann)
        if held:
            world.store.hold()
        line.put(type="join", ref=1, room_id=room_id, after=0)
        line.put(type="history", ref=2, room_id=room_id)
        if held:
            await world.settle()
        line.connection.lost(CloseCode.GOING_AWAY)
        world.store.release()
        assert await line.take() == []
        assert not world.hub.listens(room_id)


async def test_a_join_that_breaks_is_abandoned(world: World, caplog: pytest.LogCaptureFixture) -> None:
    room_id = await world.found(world.ann)
    line = await world.open(world.ann)
    for defect, code in ((ZeroDivisionError("a secret"), "internal"), (Unavailable("busy"), "unavailable")):
        world.store.defect = defect
        frames = await line.say(type="join", ref=1, room_id=room_id, after=0)
        assert errors(frames) == [(code, 1)]
        assert "a secret" not in repr(frames)
        assert not world.hub.listens(room_id)
        world.store.defect = None
    assert "a frame can't be answered" in caplog.text
    assert kinds(await line.say(type="join", ref=2, room_id=room_id)) == ["Joined"]


# Syncing


async def test_sync_joins_what_it_may_and_names_the_rooms_that_it_may_not(world: World) -> None:
    mine, foreign = await world.found(world.ann), await world.found(world.bob)
    line = await world.open(world.ann)
    frames = await line.say(type="sync", ref=5, rooms={mine: 1, foreign: 0, NO_ROOM: 0})
    assert [(error.room_id, error.code) for error in frames if isinstance(error, wire.Error)] == [
        (foreign, "not_found"),
        (NO_ROOM, "not_found"),
    ]
    assert seqs(frames) == [2]
    assert frames[-1] == wire.Ack(ref=5)
    assert not world.hub.listens(foreign)


async def test_a_sync_whose_connection_ends_on_the_way_joins_no_more(world: World) -> None:
    rooms = [await world.found(world.ann, name=f"room {number}") for number in range(SYNC_ROOMS * 2)]
    line = await world.open(world.ann)
    world.store.hold()
    line.put(type="sync", rooms=dict.fromkeys(rooms, 0))
    await world.settle()
    line.connection.lost(CloseCode.GOING_AWAY)
    world.store.release()
    await world.settle()
    assert not any(world.hub.listens(room_id) for room_id in rooms)


async def test_sync_of_many_busy_rooms_reads_little_at_once_and_misses_nothing(world: World) -> None:
    rooms = [await world.found(world.ann, name=f"room {number}") for number in range(SYNC_ROOMS + 3)]
    for room_id in rooms:
        await world.post(world.ann, room_id, *["hi"] * 60)
    line = await world.open(world.ann)
    applied = dict.fromkeys(rooms, 0)
    waiting = set(rooms)
    while waiting:
        frames = await line.say(type="sync", rooms={room_id: applied[room_id] for room_id in waiting})
        for batch in frames:
            if isinstance(batch, wire.Events):
                for event in batch.events:
                    assert event.seq == applied[batch.room_id] + 1
                    applied[batch.room_id] = event.seq
                if not batch.more:
                    waiting.discard(batch.room_id)
        assert sum(len(batch.events) for batch in frames if isinstance(batch, wire.Events)) < 500
    assert set(applied.values()) == {62}


async def test_sync_of_too_many_rooms_is_refused(world: World) -> None:
    line = await world.open(world.ann)
    rooms = {str(room_id): 0 for room_id in range(1, MAX_SYNC + 2)}
    assert errors(await line.say(type="sync", ref=1, rooms=rooms)) == [("invalid", 1)]


async def test_sync_on_a_one_room_socket_is_for_that_room(world: World) -> None:
    room_id, other = await world.found(world.ann), await world.found(world.ann)
    line = await world.open(world.ann, room_id)
    assert errors(await line.say(type="sync", ref=1, rooms={other: 0})) == [("invalid", 1)]
    assert kinds(await line.say(type="sync", ref=2, rooms={room_id: 2})) == ["Joined", "Ack"]


# Limits


async def test_a_flood_of_pages_and_joins_has_one_reader_of_the_store(world: World) -> None:
    room_id = await world.found(world.ann)
    line = await world.open(world.ann)
    world.store.most_reads = 0
    for ref in range(64):
        line.put(type="history" if ref % 2 else "join", ref=ref, room_id=room_id)
    frames = [*await line.take(), *await line.take(), *await line.take(), *await line.take()]
    assert [frame.ref for frame in frames if isinstance(frame, wire.Page | wire.Joined)] == list(range(64))
    assert world.store.most_reads == 1


async def test_the_sockets_of_a_user_have_few_readers_together_and_another_user_has_their_own(world: World) -> None:
    rooms = [await world.found(world.ann, world.bob, name=f"room {number}") for number in range(3)]
    lines = [await world.open(world.ann) for _ in range(4)]
    bob = await world.open(world.bob)
    world.store.most_reads = 0
    for line in lines:
        line.put(type="history", ref=1, room_id=rooms[0])
        line.put(type="join", ref=2, room_id=rooms[1])
        line.put(type="sync", ref=3, rooms=dict.fromkeys(rooms, 0))
        line.put(type="presence", ref=4, watch=[world.bob])
    answers = [await line.take() for line in lines]
    assert [kinds(frames).count("Page") for frames in answers] == [1] * 4
    assert [frames[-1] for frames in answers] == [wire.Ack(ref=4)] * 4
    assert world.store.most_reads == AT_A_TIME

    world.store.hold()
    for line in (*lines, bob):
        line.put(type="history", ref=5, room_id=rooms[0])
    await world.settle()
    assert world.store.reads == AT_A_TIME + 1
    world.store.release()
    assert [kinds(await line.take()) for line in (*lines, bob)] == [["Page"]] * 5


@pytest.mark.parametrize("ask", ["history", "join", "sync"])
async def test_a_device_that_takes_nothing_keeps_no_other_device_of_its_user_waiting(world: World, ask: str) -> None:
    rooms = [await world.found(world.ann, name=f"room {number}") for number in range(SYNC_ROOMS + 1)]
    stuck, other = await world.open(world.ann), await world.open(world.ann)
    world.store.hold()
    frame = {"rooms": dict.fromkeys(rooms, 0)} if ask == "sync" else {"room_id": rooms[0]}
    for ref in range(3):
        stuck.put(type=ask, ref=ref, **frame)
    await world.settle()
    stuck.connection.outbox.pause(0.0)  # while the first of them is read
    world.store.release()
    await world.settle()
    assert kinds(await other.say(type="history", ref=1, room_id=rooms[0])) == ["Page"]


async def test_little_more_is_read_for_a_frame_than_fits_into_it(world: World) -> None:
    room_id = await world.found(world.ann)
    await world.post(world.ann, room_id, *["x" * 2_600] * 60)
    line = await world.open(world.ann)
    (page,) = await line.say(type="history", room_id=room_id, limit=200)
    assert isinstance(page, wire.Page)
    read = world.store.answer
    assert isinstance(read, Page)
    assert len(page.items) == 24
    assert len(read.items) == 25

    for frame in ({"type": "join", "room_id": room_id, "after": 0}, {"type": "sync", "rooms": {room_id: 0}}):
        events = seqs(await line.say(**frame))
        joined = world.store.answer[room_id] if isinstance(world.store.answer, dict) else world.store.answer
        assert isinstance(joined, Joined)
        assert events == [*range(1, 26)]
        assert len(joined.events) == 27

    alone = await world.enter(world.ann, room_id, after=0)
    assert seqs(await alone.take()) == [*range(1, 26)]
    assert isinstance(world.store.answer, Joined)
    assert len(world.store.answer.events) == 27


async def test_who_goes_while_another_device_reads_has_nothing_read_for_them(world: World) -> None:
    room_id = await world.found(world.ann)
    line, gone = await world.open(world.ann), await world.open(world.ann)
    world.store.hold()
    line.put(type="history", ref=1, room_id=room_id)
    await world.settle()
    for ref, ask in enumerate(("history", "join"), start=2):
        gone.put(type=ask, ref=ref, room_id=room_id)
    await world.settle()
    gone.connection.lost(CloseCode.ABNORMAL)
    passed = world.store.passed
    world.store.release()
    assert kinds(await line.take()) == ["Page"]
    assert world.store.passed == passed
    assert not world.hub.listens(room_id)


async def test_who_does_not_read_gets_no_more_pages_until_they_do(world: World) -> None:
    room_id = await world.found(world.ann)
    await world.post(world.ann, room_id, *[LONG] * 4)
    line = await world.open(world.ann)
    line.connection.outbox.pause(0.0)
    for ref in range(60):
        line.put(type="history", ref=ref, room_id=room_id)
    world.store.most_reads = 0
    assert await line.take() == []
    assert world.store.most_reads == 0

    line.connection.outbox.resume(0.0)
    refs: list[int | None] = []
    while len(refs) < 60:
        refs += [frame.ref for frame in await line.take() if isinstance(frame, wire.Page)]
    assert refs == list(range(60))
    assert line.closed is None


async def test_who_waits_for_pages_and_goes_leaves_nothing_behind(world: World) -> None:
    room_id = await world.found(world.ann)
    line = await world.open(world.ann)
    line.connection.outbox.pause(0.0)
    for ref in range(60):
        line.put(type="join", ref=ref, room_id=room_id)
    await world.settle()
    line.connection.lost(CloseCode.ABNORMAL)
    await world.settle()
    assert not world.hub.listens(room_id)
    assert line.connection.turn.locked() is False


async def test_more_than_64_unanswered_frames_are_refused_and_the_others_are_answered(world: World) -> None:
    room_id = await world.found(world.ann)
    line = await world.open(world.ann, room_id)
    for ref in range(70):
        line.put(type="send", ref=ref, text="hi")
    frames = await line.take()
    assert errors(frames) == [("rate_limited", ref) for ref in range(64, 70)]
    assert [frame.ref for frame in frames if isinstance(frame, wire.Ack)] == list(range(64))
    assert kinds(await line.say(type="send", ref=70, text="again")) == ["Ack", "EventFrame"]
