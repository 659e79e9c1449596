"""What frames ask for, and what is answered, over the real services and a recording socket."""

import asyncio
import gc
import logging

import pytest

from hubbub.domain.ids import Seq, UserId
from hubbub.realtime.presence import Tempo
from hubbub.realtime.watch import Watch
from hubbub.services.looks import Looks
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from hubbub.wire.limits import Limits
from tests.unit.realtime.sockets import World, errors, kinds, seqs, world_of

LONG = "x" * 16_000


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


async def test_a_mark_with_a_ref_is_acknowledged_once_it_is_stored_or_refused(world: World) -> None:
    room_id, other = await world.found(world.ann), await world.found(world.bob)
    line = await world.open(world.ann)
    await world.post(world.bob, other, "hi")
    await world.post(world.ann, room_id, "hi")
    assert (await line.say(type="read", ref=1, room_id=room_id, seq=3))[-1] == wire.Ack(ref=1, room_id=room_id)
    assert (await world.chat.rooms.get(world.ann, room_id)).read_seq == 3
    assert await line.say(type="read", ref=2, room_id=room_id, seq=1) == [wire.Ack(ref=2, room_id=room_id)]
    assert errors(await line.say(type="read", ref=3, room_id=other, seq=1)) == [("not_found", 3)]


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
        ann.connection.outbox.resume(0.0)
        assert kinds(await ann.take()) == ["EventFrame", "EventFrame"]


@pytest.mark.parametrize("posts", [3, 6], ids=["dropped", "collapsed"])
async def test_who_was_too_slow_for_a_presence_is_told_once_they_read_again(posts: int) -> None:
    async with world_of(Limits(frame_rate=0, outbox_frames=6), Tempo(beat=0.01)) as world:
        room_id = await world.found(world.ann, world.bob)
        ann, bob = await world.open(world.ann, room_id), await world.open(world.bob, room_id)
        await ann.say(type="presence", watch=[world.bob])
        ann.connection.outbox.pause(0.0)
        if posts == 3:
            await world.post(world.ann, room_id, *"abc")
        await bob.say(type="presence", status="away")
        while world.gateway.signals.presence._changed:
            await world.settle()
        if posts == 6:
            await world.post(world.ann, room_id, *"abcdef")
        away = wire.Signal(kind="presence", user_id=world.bob, status="away")
        assert away not in await ann.take()
        ann.connection.outbox.resume(0.0)
        while away not in await ann.take():
            pass
        assert away not in await ann.take()


async def test_who_goes_while_others_are_told_again_takes_nothing_from_the_next() -> None:
    async with world_of(Limits(frame_rate=0, outbox_frames=6), Tempo(beat=0.01)) as world:
        room_id = await world.found(world.ann, world.bob)
        first, second, third = lines = [await world.open(world.ann, room_id) for _ in range(3)]
        bob = await world.open(world.bob, room_id)
        for line in lines:
            await line.say(type="presence", watch=[world.bob])
            line.connection.outbox.pause(0.0)
        await world.post(world.ann, room_id, *"abc")
        await bob.say(type="presence", status="away")
        while world.gateway.signals.presence._changed:
            await world.settle()
        world.store.hold()
        for line in lines:
            line.connection.outbox.resume(0.0)
        while not world.store.reads:  # until the first is about to be told
            await world.settle()
        second.connection.lost(1006)
        world.store.release()
        away = wire.Signal(kind="presence", user_id=world.bob, status="away")
        for line in (first, third):
            while away not in await line.take():
                pass


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


# The end


async def test_everybody_is_sent_away_after_what_they_asked_for_was_answered(world: World) -> None:
    room_id = await world.found(world.ann)
    line, late = await world.open(world.ann, room_id), world.dial()
    line.put(type="send", ref=1, text="hi")

    async def finish() -> None:
        await world.chat.close()
        line.put(type="send", ref=2, text="too late")

    await world.gateway.drain(finish=finish, hurry=asyncio.Event())
    frames = await line.take()
    assert kinds(frames) == ["Ack", "EventFrame", "Error", "Bye"]
    assert errors(frames) == [("unavailable", 2)]
    assert line.closed == late.closed == CloseCode.DRAINING
    assert world.dial().closed == CloseCode.DRAINING


async def test_everybody_is_sent_away_once_there_is_no_time_left(world: World) -> None:
    line = await world.open(world.ann)
    hurry, cancelled = asyncio.Event(), asyncio.Event()

    async def finish() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    draining = asyncio.create_task(world.gateway.drain(finish=finish, hurry=hurry))
    assert await line.take() == []
    hurry.set()
    await draining
    assert kinds(await line.take()) == ["Bye"]
    assert line.closed == CloseCode.DRAINING
    assert cancelled.is_set()


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
