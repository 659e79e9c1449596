"""What frames ask for, and what is answered, over the real services and a recording socket."""

import asyncio
import gc
import logging

import pytest

from hubbub.domain.errors import Unavailable
from hubbub.domain.events import History
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.realtime.joins import MAX_SYNC, SYNC_ROOMS
from hubbub.realtime.watch import Watch
from hubbub.services.looks import Looks
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from hubbub.wire.limits import Limits
from tests.unit.realtime.sockets import World, world_of

NO_ROOM = RoomId(999)
LONG = "x" * 16_000


def kinds(frames: list[wire.ServerFrame]) -> list[str]:
    return [type(frame).__name__ for frame in frames]


def seqs(frames: list[wire.ServerFrame]) -> list[int]:
    """The seqs of all events, replayed or live, in the order in which they came."""
    found: list[int] = []
    for frame in frames:
        if isinstance(frame, wire.Events):
            found += [event.seq for event in frame.events]
        elif isinstance(frame, wire.EventFrame):
            found.append(frame.seq)
    return found


def errors(frames: list[wire.ServerFrame]) -> list[tuple[str, int | None]]:
    return [(frame.code, frame.ref) for frame in frames if isinstance(frame, wire.Error)]


# Opening


async def test_a_signal_that_comes_while_a_connection_is_opened_follows_hello(world: World) -> None:
    room_id = await world.found(world.ann)
    grant = await world.sign_in(world.bob)
    line = world.dial()
    world.gateway.admit(line.connection, world.chat.accounts.authenticate(grant.access_token))
    while not world.hub.of_user(world.bob):
        await world.settle(1)
    world.store.hold()
    adding = asyncio.create_task(world.put_member(room_id, world.bob))
    assert await line.take() == []

    world.store.release()
    await adding
    assert kinds(await line.take()) == ["Hello", "Signal"]


async def test_a_connection_that_is_lost_while_it_opens_leaves_nothing_behind(world: World) -> None:
    room_id = await world.found(world.ann)
    grant = await world.sign_in(world.ann)
    for turns in range(12):
        line = world.dial(room_id)
        world.gateway.admit(line.connection, world.chat.accounts.authenticate(grant.access_token))
        await world.settle(turns)
        line.connection.lost(CloseCode.ABNORMAL)
        await world.settle()
        assert not world.hub.listens(room_id)
        assert world.hub.everybody() == []
        assert len(world.gateway) == 0


async def test_a_session_that_ends_while_a_connection_is_opened_closes_it(world: World) -> None:
    room_id = await world.found(world.ann)
    for turns in range(8):
        grant = await world.sign_in(world.ann)
        line = world.dial(room_id)
        world.gateway.admit(line.connection, world.chat.accounts.authenticate(grant.access_token))
        await world.settle(turns)
        await world.chat.accounts.end_session(world.ann, grant.session_id)
        await line.take()
        assert line.closed == CloseCode.UNAUTHENTICATED


async def test_a_user_has_so_many_sockets_and_no_more_until_one_is_closed() -> None:
    async with world_of(Limits(user_sockets=2)) as world:
        first, second = await world.open(world.ann), await world.open(world.ann)
        refused = await world.enter(world.ann)
        assert refused.closed == CloseCode.RATE_LIMITED
        assert (await world.enter(world.bob)).closed is None
        assert first.closed is None

        second.connection.lost(CloseCode.NORMAL)
        assert (await world.enter(world.ann)).closed is None


async def test_a_defect_while_a_connection_is_opened_is_logged_and_closes_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    grant = await world.sign_in(world.ann)
    world.store.defect = ZeroDivisionError("a secret")
    line = world.dial()
    world.gateway.admit(line.connection, world.chat.accounts.authenticate(grant.access_token))
    assert await line.take() == []
    assert line.transport.closed == (CloseCode.INTERNAL, "something went wrong in the server")
    assert "a connection can't be opened" in caplog.text


async def test_a_restored_store_is_noticed_by_who_has_only_heard_hello(world: World) -> None:
    line = await world.open(world.ann)
    watch = Watch(world.hub, Looks(world.store))
    await watch.look()
    assert line.closed is None, "nothing has changed since hello"
    world.memory._tables.epoch = "restored"
    await watch.look()
    assert line.closed == CloseCode.STATE_MOVED


async def test_hello_is_no_larger_than_a_frame_and_says_where_the_other_rooms_begin(world: World) -> None:
    for number in range(6):
        await world.post(world.ann, await world.found(world.ann, name=f"room {number}"), LONG)
        world.clock.advance(1)
    line = await world.enter(world.ann)
    (hello,) = await line.take()
    assert isinstance(hello, wire.Hello)
    assert hello.rooms is not None
    assert line.transport.sizes[0] <= world.gateway.limits.frame_bytes
    assert [room.name for room in hello.rooms] == ["room 5", "room 4", "room 3"]

    rest, cursor = await world.chat.rooms.page(world.ann, cursor=hello.rooms_cursor, limit=10)
    assert [room.name for room in rest] == ["room 2", "room 1", "room 0"]
    assert cursor is None


async def test_hello_without_a_cursor_has_all_rooms(world: World) -> None:
    await world.found(world.ann)
    line = await world.enter(world.ann)
    (hello,) = await line.take()
    assert isinstance(hello, wire.Hello)
    assert hello.rooms is not None
    assert (len(hello.rooms), hello.rooms_cursor) == (1, None)


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


# Saying


async def test_the_ack_comes_before_the_event_and_a_repeat_gets_the_first_answer(world: World) -> None:
    room_id = await world.found(world.ann)
    line = await world.open(world.ann, room_id)
    ack, event = await line.say(type="send", ref=1, text="hi", client_id="a")
    assert isinstance(ack, wire.Ack)
    assert isinstance(event, wire.EventFrame)
    assert (ack.ref, ack.client_id, ack.seq, ack.duplicate) == (1, "a", 3, False)
    assert (event.seq, event.client_id, event.at) == (3, "a", ack.at)

    (repeat,) = await line.say(type="send", ref=2, text="hi", client_id="a")
    assert isinstance(repeat, wire.Ack)
    assert (repeat.ref, repeat.seq, repeat.at, repeat.duplicate) == (2, 3, ack.at, True)
    assert errors(await line.say(type="send", ref=3, text="ho", client_id="a")) == [("client_id_reused", 3)]


async def test_edits_and_deletions_are_acknowledged_with_their_own_seq(world: World) -> None:
    room_id = await world.found(world.ann, world.bob)
    line = await world.open(world.ann, room_id)
    await line.say(type="send", text="hi")
    for number, frame in enumerate(({"type": "edit", "text": "ho"}, {"type": "delete"}), start=5):
        ack, event = await line.say(ref=number, target=4, **frame)
        assert isinstance(ack, wire.Ack)
        assert (ack.ref, ack.seq) == (number, number)
        assert isinstance(event, wire.EventFrame)
        assert event.target == 4
    (nothing,) = await line.say(type="delete", ref=9, target=4)
    assert nothing == wire.Ack(ref=9, room_id=room_id)
    assert errors(await line.say(type="edit", ref=10, target=4, text="?")) == [("conflict", 10)]


@pytest.mark.parametrize("frame", [{"type": "send", "text": "x"}, {"type": "join"}, {"type": "leave"}])
async def test_the_room_of_a_frame_must_be_clear(world: World, frame: dict[str, object]) -> None:
    room_id = await world.found(world.ann)
    everywhere = await world.open(world.ann)
    assert errors(await everywhere.say(ref=1, **frame)) == [("invalid", 1)]
    there = await world.open(world.ann, room_id)
    assert errors(await there.say(ref=2, room_id=room_id + 1, **frame)) == [("invalid", 2)]
    assert errors(await there.say(ref=3, room_id=room_id, **frame)) == []


async def test_typing_is_told_to_the_others_and_ends_with_the_view(world: World) -> None:
    room_id = await world.found(world.ann, world.bob)
    ann, bob = await world.open(world.ann, room_id), await world.open(world.bob)
    assert errors(await bob.say(type="typing", room_id=room_id, on=True)) == [("conflict", None)]
    assert await ann.take() == []

    typed = wire.Signal(kind="typing", room_id=room_id, user_id=world.bob, on=True)
    stopped = wire.Signal(kind="typing", room_id=room_id, user_id=world.bob, on=False)
    for end in (
        {"type": "typing", "room_id": room_id, "on": False},
        {"type": "leave", "room_id": room_id},
        None,
    ):
        await bob.say(type="join", room_id=room_id)
        assert await bob.say(type="typing", room_id=room_id, on=True) == []
        assert await ann.take() == [typed]
        if end is None:
            bob.connection.lost(CloseCode.ABNORMAL)
        else:
            bob.put(**end)
        assert await ann.take() == [stopped]


async def test_a_message_is_followed_by_the_end_of_its_author_s_typing(world: World) -> None:
    room_id = await world.found(world.ann, world.bob)
    ann, bob = await world.open(world.ann, room_id), await world.open(world.bob, room_id)
    await bob.say(type="typing", on=True)
    await ann.take()
    await bob.say(type="send", text="hi")
    assert kinds(await ann.take()) == ["EventFrame", "Signal"]


async def test_a_mark_that_has_moved_is_told_to_the_connections_that_it_is_about(world: World) -> None:
    room_id, other = await world.found(world.ann, world.bob), await world.found(world.bob)
    phone, laptop = await world.open(world.bob), await world.open(world.bob, room_id)
    ann, elsewhere = await world.open(world.ann, room_id), await world.open(world.bob, other)
    await world.post(world.ann, room_id, "hi")
    for line in (laptop, ann):
        await line.take()
    told = wire.Signal(kind="read", room_id=room_id, user_id=world.bob, seq=Seq(4))
    assert await phone.say(type="read", room_id=room_id, seq=99) == [told]
    assert await laptop.take() == await ann.take() == [told]
    assert await elsewhere.take() == []
    assert await phone.say(type="read", room_id=room_id, seq=4) == []


async def test_who_watches_is_answered_and_the_rest_of_the_world_is_offline(world: World) -> None:
    await world.found(world.ann, world.bob)
    ann, bob, _ = [await world.open(user_id) for user_id in (world.ann, world.bob, world.cyd)]
    assert await bob.say(type="presence", status="away") == []
    assert await bob.say(type="presence", ref=1) == [wire.Ack(ref=1)]
    assert await ann.say(type="presence", watch=[2, 3, 99]) == [
        wire.Signal(kind="presence", user_id=world.bob, status="away"),
        wire.Signal(kind="presence", user_id=world.cyd, status="offline"),
        wire.Signal(kind="presence", user_id=UserId(99), status="offline"),
        wire.Ack(),
    ]
    assert errors(await ann.say(type="presence", ref=2, watch=list(range(201)))) == [("invalid", 2)]
    assert errors(await ann.say(type="presence", ref=3, status="asleep")) == [("invalid", 3)]


async def test_a_slow_reader_is_told_of_no_signals_and_of_all_events() -> None:
    async with world_of(Limits(frame_rate=0, outbox_frames=4)) as world:
        room_id = await world.found(world.ann, world.bob)
        ann, bob = await world.open(world.ann, room_id), await world.open(world.bob, room_id)
        ann.connection.outbox.pause(0.0)
        await world.post(world.ann, room_id, "one", "two")
        for on in (True, False, True):
            await bob.say(type="typing", on=on)
        ann.connection.outbox.resume()
        assert kinds(await ann.take()) == ["EventFrame", "EventFrame"]


async def test_a_read_mark_that_was_sent_before_the_end_is_kept(world: World) -> None:
    room_id = await world.found(world.ann)
    line = await world.open(world.ann, room_id)
    await world.post(world.ann, room_id, "hi")
    line.put(type="read", seq=3)
    line.connection.lost(CloseCode.GOING_AWAY)
    await world.settle()
    assert (await world.chat.rooms.get(world.ann, room_id)).read_seq == 3


# Membership


async def test_a_removed_member_gets_the_removal_and_nothing_after_it(world: World) -> None:
    room_id = await world.found(world.ann, world.bob)
    everywhere, there = await world.open(world.bob), await world.open(world.bob, room_id)
    await everywhere.say(type="join", room_id=room_id)
    await world.chat.rooms.remove_member(world.ann, room_id, world.bob)
    await world.post(world.ann, room_id, "secret")

    reset = wire.Reset(room_id=room_id, reason="forbidden", seq=Seq(4))
    frames = await there.take()
    assert seqs(frames) == [4]
    assert frames[-1] == reset
    assert there.closed == CloseCode.FORBIDDEN
    frames = await everywhere.take()
    assert seqs(frames) == [4]
    assert reset in frames
    assert [(s.kind, s.on, s.seq) for s in frames if isinstance(s, wire.Signal)] == [("room", False, 4)]
    assert errors(await everywhere.say(type="join", ref=1, room_id=room_id, after=3)) == [("not_found", 1)]

    await world.put_member(room_id, world.bob)
    (added,) = await everywhere.take()
    assert isinstance(added, wire.Signal)
    assert (added.on, added.seq) == (True, 6)
    assert seqs(await everywhere.say(type="join", room_id=room_id, after=4)) == [5, 6]


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

    line.connection.outbox.resume()
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


# The end


async def test_everybody_is_sent_away_after_what_they_asked_for_was_answered(world: World) -> None:
    room_id = await world.found(world.ann)
    line, late = await world.open(world.ann, room_id), world.dial()
    line.put(type="send", ref=1, text="hi")

    async def finish() -> None:
        await world.chat.close()
        line.put(type="send", ref=2, text="too late")

    await world.gateway.drain(finish=finish)
    frames = await line.take()
    assert kinds(frames) == ["Ack", "EventFrame", "Error", "Bye"]
    assert errors(frames) == [("unavailable", 2)]
    assert line.closed == late.closed == CloseCode.DRAINING
    assert world.dial().closed == CloseCode.DRAINING


async def test_closing_before_anything_has_begun_leaves_no_coroutine_unawaited(world: World) -> None:
    room_id = await world.found(world.ann)
    line = await world.open(world.ann)
    grant = await world.sign_in(world.ann)
    world.gateway.admit(world.dial().connection, world.chat.accounts.authenticate(grant.access_token))
    line.put(type="join", ref=1, room_id=room_id)
    line.put(type="read", room_id=room_id, seq=1)
    line.put(type="auth", token=grant.access_token)
    await world.gateway.close()
    gc.collect()  # an unawaited coroutine warns here, and warnings are errors


async def test_an_unknown_outcome_closes_the_connection(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    room_id = await world.found(world.ann)
    line = await world.open(world.ann, room_id)
    await world.memory.close()
    frames = await line.say(type="send", ref=1, text="hi")
    assert errors(frames) == [("unavailable", 1)]
    assert line.closed == CloseCode.STATE_MOVED
