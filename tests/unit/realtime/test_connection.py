"""One socket: what it may send, how long it may stay silent, and with which code it ends."""

import asyncio
import logging

import pytest

from hubbub.domain.ids import RoomId, Seq
from hubbub.realtime.connection import MAX_BAD_FRAMES, PING_HEADS
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from hubbub.wire.limits import Limits
from tests.unit.realtime.sockets import Line, World, world_of

LIMITS = Limits(frame_rate=0, heartbeat=20.0, pong_timeout=5.0, stuck_timeout=30.0, auth_timeout=4.0)


def tick(line: Line, seconds: float) -> float | None:
    """What the timer does this many seconds from now; returns in how many seconds it is due again."""
    now = asyncio.get_running_loop().time()
    due = line.connection.tick(now + seconds)
    return None if due is None else due - now


def codes(frames: list[wire.ServerFrame]) -> list[str]:
    return [frame.code for frame in frames if isinstance(frame, wire.Error)]


# Authentication


@pytest.mark.parametrize("first", ['{"type":"join"}', "{}", "nonsense", '{"type":"auth"}', "[" * 100_000, "x" * 70_000])
async def test_the_first_frame_must_be_auth(world: World, first: str) -> None:
    line = world.dial()
    line.connection.received(first)
    assert line.closed == CloseCode.UNAUTHENTICATED
    assert await line.take() == []


async def test_a_binary_frame_is_no_first_frame(world: World) -> None:
    line = world.dial()
    line.connection.received_binary()
    assert line.closed == CloseCode.UNAUTHENTICATED


async def test_the_first_frame_signs_in_and_what_follows_it_is_carried_out_after_hello(world: World) -> None:
    room_id = await world.found(world.ann)
    line = world.dial(room_id)
    line.put(type="auth", token=(await world.sign_in(world.ann)).access_token)
    line.put(type="send", ref=1, text="early")
    line.connection.received_binary()
    hello, joined, error, ack, event = await line.take()
    assert isinstance(hello, wire.Hello)
    assert isinstance(joined, wire.Joined)
    assert isinstance(error, wire.Error)
    assert error.code == "bad_frame"
    assert isinstance(ack, wire.Ack)
    assert ack.ref == 1
    assert isinstance(event, wire.EventFrame)


async def test_only_so_many_and_so_large_frames_wait_for_hello(world: World) -> None:
    token = (await world.sign_in(world.ann)).access_token
    for early in (["{}"] * 65, ["x" * 60_000] * 3):
        line = world.dial()
        line.put(type="auth", token=token)
        for data in early:
            assert line.closed is None
            line.connection.received(data)
        assert line.closed == CloseCode.RATE_LIMITED
        assert await line.take() == []


async def test_who_does_not_authenticate_in_time_is_sent_away() -> None:
    async with world_of(LIMITS) as world:
        line = world.dial()
        assert tick(line, 1.0) == pytest.approx(2.0, abs=0.1)
        assert tick(line, 3.9) == pytest.approx(4.0, abs=0.1)
        tick(line, 4.1)
        assert line.closed == CloseCode.AUTH_TIMEOUT
        assert tick(line, 5) is None


async def test_a_connection_that_takes_long_to_open_is_neither_pinged_nor_forgotten(world: World) -> None:
    line = world.dial()
    token = (await world.sign_in(world.ann)).access_token
    world.store.hold()
    line.put(type="auth", token=token)
    await world.settle()
    assert tick(line, 50.0) == pytest.approx(51.0, abs=0.1)
    world.store.release()
    assert [type(frame) for frame in await line.take()] == [wire.Hello]


async def test_a_token_that_expires_ends_the_connection_and_a_new_one_prolongs_it(world: World) -> None:
    line = await world.open(world.ann)
    line.connection.ponged(0)
    lifetime = world.chat.accounts._policy.access_ttl
    world.clock.advance(lifetime / 2)
    grant = await world.chat.accounts.refresh((await world.sign_in(world.ann)).refresh_token)
    assert codes(await line.say(type="auth", ref=1, token=grant.access_token)) == ["forbidden"]
    assert codes(await line.say(type="auth", ref=2, token="nonsense")) == ["unauthenticated"]
    assert line.closed is None
    tick(line, lifetime + 1)
    assert line.closed == CloseCode.UNAUTHENTICATED


async def test_renewal_with_a_token_of_the_same_session_moves_the_end(world: World) -> None:
    grant = await world.sign_in(world.ann)
    line = world.dial()
    line.put(type="auth", token=grant.access_token)
    await line.take()
    lifetime = world.chat.accounts._policy.access_ttl
    world.clock.advance(lifetime / 2)
    renewed = await world.chat.accounts.refresh(grant.refresh_token)
    assert await line.say(type="auth", ref=1, token=renewed.access_token) == [wire.Ack(ref=1)]
    before = line.connection.identity
    assert before is not None
    assert before.expires_at == world.clock.now() + lifetime * 1000


# Frames


async def test_bad_frames_in_a_row_end_the_connection_and_a_good_one_forgives(world: World) -> None:
    line = await world.open(world.ann)
    for _ in range(2):
        for _ in range(MAX_BAD_FRAMES - 1):
            line.connection.received("nonsense")
        assert codes(await line.say(type="pong", n=0)) == ["bad_frame"] * (MAX_BAD_FRAMES - 1)
    for _ in range(MAX_BAD_FRAMES):
        assert line.closed is None
        line.connection.received("nonsense")
    assert line.closed == CloseCode.BAD_FRAME
    assert codes(await line.take()) == ["bad_frame"] * MAX_BAD_FRAMES


@pytest.mark.parametrize(
    ("frame", "code", "ref"),
    [
        ("", "bad_frame", None),
        ("[]", "bad_frame", None),
        ("\0", "bad_frame", None),
        ('{"ref":7}', "bad_frame", 7),
        ('{"type":"nothing","ref":7}', "unknown_type", 7),
        ('{"type":"send","ref":7,"text":5}', "invalid", 7),
        ('{"type":"send","ref":1e400,"text":"x"}', "invalid", None),
        ('{"type":"history","ref":7,"limit":201}', "invalid", 7),
    ],
)
async def test_a_bad_frame_is_answered_with_its_ref_where_it_has_one(
    world: World, frame: str, code: str, ref: int | None
) -> None:
    line = await world.open(world.ann)
    line.connection.received(frame)
    (error,) = await line.take()
    assert isinstance(error, wire.Error)
    assert (error.code, error.ref) == (code, ref)
    assert line.closed is None


async def test_a_frame_that_is_too_large_ends_the_connection(world: World) -> None:
    line = await world.open(world.ann)
    line.connection.received("x" * (world.gateway.limits.frame_bytes + 1))
    assert line.closed == CloseCode.TOO_LARGE


async def test_binary_frames_count_like_all_others() -> None:
    async with world_of(Limits(frame_rate=0.001, frame_burst=3)) as world:
        line = await world.open(world.ann)
        for _ in range(5):
            line.connection.received_binary()
        assert codes(await line.take()) == ["bad_frame"] * 3 + ["rate_limited"] * 2


async def test_too_many_frames_are_refused_and_who_goes_on_is_sent_away() -> None:
    async with world_of(Limits(frame_rate=0.001, frame_burst=5)) as world:
        line = await world.open(world.ann)
        for ref in range(10):
            line.put(type="pong", n=0, ref=ref)
        errors = await line.take()
        assert codes(errors) == ["rate_limited"] * 5
        assert all(isinstance(error, wire.Error) and error.retryable and error.retry_after_ms for error in errors)
        line.put(type="pong", n=0)
        assert line.closed == CloseCode.RATE_LIMITED


async def test_who_keeps_the_pace_now_and_then_is_sent_away_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    second = 0.0
    async with world_of(Limits(frame_rate=1, frame_burst=4)) as world:
        line = await world.open(world.ann)
        monkeypatch.setattr("hubbub.realtime.connection._now", lambda: second)
        while not line.closed and second < 20:
            second += 1
            for _ in range(4):  # one that is in time, and three that are not
                line.put(type="pong", n=0)
    assert line.closed == CloseCode.RATE_LIMITED


async def test_what_comes_after_the_end_is_ignored(world: World) -> None:
    line = await world.open(world.ann)
    line.connection.close(CloseCode.NORMAL, "done")
    line.connection.received("nonsense")
    line.connection.received_binary()
    line.connection.close(CloseCode.INTERNAL, "again")
    line.connection.lost(CloseCode.ABNORMAL)
    assert line.transport.closed == (CloseCode.NORMAL, "done")
    assert await line.take() == []


# The heartbeat


async def test_a_ping_names_the_rooms_whose_head_changed_since_the_last_one() -> None:
    async with world_of(LIMITS) as world:
        room_id, quiet = await world.found(world.ann), await world.found(world.ann)
        line = await world.open(world.ann)
        await line.say(type="sync", rooms={room_id: 2, quiet: 2})
        await world.post(world.ann, room_id, "hi")
        await line.take()
        tick(line, 21)
        assert await line.take() == [wire.Ping(n=1, heads={room_id: Seq(3)})]
        await line.say(type="pong", n=1)
        tick(line, 42)
        assert await line.take() == [wire.Ping(n=2, heads={})]


@pytest.mark.parametrize("answer", [None, 0, 2])
async def test_who_does_not_answer_a_ping_with_its_number_is_sent_away(answer: int | None) -> None:
    async with world_of(LIMITS) as world:
        line = await world.open(world.ann)
        tick(line, 21)
        if answer is not None:
            await line.say(type="pong", n=answer)
        tick(line, 25)
        assert line.closed is None
        tick(line, 27)
        assert line.closed == CloseCode.HEARTBEAT


async def test_heads_of_more_rooms_than_a_frame_holds_come_in_several_pings_of_one_number() -> None:
    async with world_of(LIMITS) as world:
        room_id = await world.found(world.ann)
        line = await world.open(world.ann, room_id)
        feed = world.hub._feeds[room_id]
        for number in range(2, PING_HEADS + 12):
            world.hub._feeds[RoomId(number)] = feed
            line.connection.rooms[RoomId(number)] = Seq(0)
        tick(line, 21)
        pings = await line.take()
        for number in range(2, PING_HEADS + 12):
            del world.hub._feeds[RoomId(number)]
            del line.connection.rooms[RoomId(number)]
        assert [(ping.n, len(ping.heads)) for ping in pings if isinstance(ping, wire.Ping)] == [(1, 1000), (1, 10)]


# Slow readers


async def test_a_slow_reader_falls_behind_is_told_the_head_and_catches_up() -> None:
    async with world_of(Limits(frame_rate=0, outbox_frames=16)) as world:
        room_id = await world.found(world.ann, world.bob)
        slow, fast = await world.open(world.ann, room_id), await world.open(world.bob, room_id)
        slow.connection.outbox.pause(0.0)
        await world.post(world.bob, room_id, *["hi"] * 40)
        assert len(await fast.take()) == 40
        assert slow.transport.frames == []

        slow.connection.outbox.resume(0.0)
        assert await slow.take() == [wire.Behind(room_id=room_id, head=Seq(20))]
        frames = await slow.say(type="join", after=3)
        assert isinstance(frames[1], wire.Events)
        assert [event.seq for event in frames[1].events] == list(range(4, 44))


async def test_a_slow_reader_is_still_told_of_every_room_they_were_added_to() -> None:
    async with world_of(Limits(frame_rate=0, outbox_frames=8)) as world:
        room_id = await world.found(world.ann, world.bob)
        line = await world.open(world.ann)
        await line.say(type="join", room_id=room_id)
        line.connection.outbox.pause(0.0)
        await world.post(world.bob, room_id, *["hi"] * 6)
        added = await world.found(world.bob, world.ann, name="pond")
        await world.post(world.bob, room_id, *["hi"] * 6)

        line.connection.outbox.resume(0.0)
        signals = [frame for frame in await line.take() if isinstance(frame, wire.Signal)]
        assert signals == [wire.Signal(kind="room", room_id=added, seq=Seq(3), on=True)]


async def test_when_the_store_was_restored_everybody_is_sent_away_to_come_back_at_different_times(world: World) -> None:
    line = await world.open(world.ann)
    line.connection.store_restored()
    assert await line.take() == [wire.Bye(code=CloseCode.STATE_MOVED, reconnect=True, after_ms=(0, 1000))]
    assert line.closed == CloseCode.STATE_MOVED


async def test_who_reads_nothing_for_too_long_is_sent_away() -> None:
    async with world_of(LIMITS) as world:
        line = await world.open(world.ann)
        line.connection.outbox.pause(asyncio.get_running_loop().time())
        assert tick(line, 1) == pytest.approx(20, abs=0.1)
        tick(line, 21)
        await line.say(type="pong", n=1)
        assert tick(line, 26) == pytest.approx(30, abs=0.1)
        tick(line, 31)
        assert line.closed == CloseCode.SLOW


async def test_who_takes_a_little_now_and_then_is_neither_stuck_nor_dead() -> None:
    async with world_of(LIMITS) as world:
        line = await world.open(world.ann)
        line.transport.unread = 1000
        line.connection.outbox.pause(asyncio.get_running_loop().time())
        seconds = 0.0
        for _ in range(40):
            due = tick(line, seconds)
            assert due is not None
            seconds = due
            line.transport.unread -= 1
        assert seconds > 5 * LIMITS.stuck_timeout
        assert line.closed is None
        assert tick(line, seconds) == pytest.approx(seconds + LIMITS.pong_timeout)  # for the ping waits here too
        tick(line, seconds + LIMITS.stuck_timeout + 1)
        assert line.closed == CloseCode.SLOW


async def test_the_time_for_a_pong_runs_once_nothing_is_in_the_way_of_the_ping() -> None:
    async with world_of(LIMITS) as world:
        line = await world.open(world.ann)
        now = asyncio.get_running_loop().time()
        line.connection.outbox.pause(now + 15)
        tick(line, 21)
        line.connection.outbox.resume(now + 40)
        assert tick(line, 41) == pytest.approx(45, abs=0.1)
        assert tick(line, 44) == pytest.approx(45, abs=0.1)
        assert line.closed is None
        tick(line, 46)
        assert line.closed == CloseCode.HEARTBEAT


async def test_a_reader_that_becomes_slow_is_looked_at_in_time_however_rare_the_heartbeat() -> None:
    async with world_of(Limits(heartbeat=3600, stuck_timeout=30)) as world:
        line = await world.open(world.ann)
        assert tick(line, 1) == pytest.approx(31, abs=0.1)


async def test_who_asks_on_and_on_and_reads_nothing_is_sent_away() -> None:
    async with world_of(Limits(frame_rate=0, outbox_frames=16, inflight=4)) as world:
        line = await world.open(world.ann)
        line.connection.outbox.pause(asyncio.get_running_loop().time())
        for _ in range(16 + 2 * 4):
            await line.say(type="send", text="to no room")
        assert line.closed is None
        line.put(type="send", text="to no room")
        assert line.closed == CloseCode.SLOW


# Logs


async def test_a_connection_is_two_lines_in_the_log_and_neither_holds_what_was_said(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    room_id = await world.found(world.ann)
    caplog.set_level(logging.DEBUG, "hubbub")
    line = await world.open(world.ann, room_id)
    await line.say(type="send", text="a secret")
    line.connection.lost(CloseCode.GOING_AWAY)
    opened, closed = caplog.records
    assert opened.getMessage() == "connection opened"
    assert opened.__dict__["room_id"] == room_id
    assert closed.getMessage() == "connection closed"
    assert (closed.__dict__["code"], closed.__dict__["frames"], closed.__dict__["user_id"]) == (1001, 1, world.ann)
    assert "a secret" not in repr([record.__dict__ for record in caplog.records])
    assert (opened.levelno, closed.levelno) == (logging.INFO, logging.INFO)


async def test_the_end_of_a_socket_that_never_authenticated_is_for_who_debugs(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "hubbub")
    line = world.dial()
    line.connection.lost(CloseCode.GOING_AWAY)
    assert [record.levelno for record in caplog.records] == [logging.DEBUG]
