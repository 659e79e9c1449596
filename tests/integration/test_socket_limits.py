"""What a socket may not do, and what becomes of slow and silent ones; heartbeats are short here."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from hubbub.domain.ids import RoomId, Seq
from hubbub.settings import Settings
from hubbub.web import fanout_protocol
from hubbub.web.sockets import AsgiTransport
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from hubbub.wire.codec import decode_server
from tests.integration.conftest import MakeUser
from tests.integration.servers import PLAIN, TRANSPORTS, LiveServer, Person, register, serving, settings_in
from tests.integration.sockets import Socket, Sockets, dial, event_seqs
from tests.truth import check_store

pytestmark = pytest.mark.parametrize("transport", TRANSPORTS)

LONG = "x" * 16_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(
        tmp_path, frame_rate=0, outbox_frames=16, outbox_bytes=65_536, heartbeat_seconds=0.2, pong_seconds=1.0
    )


async def found(founder: Person, *others: Person) -> int:
    answer = await founder.client.post(
        "/rooms", json={"kind": "group", "name": "room", "member_ids": [person.id for person in others]}
    )
    room_id: int = answer.json()["id"]
    return room_id


@pytest.fixture
def ends() -> Iterator["asyncio.Queue[int]"]:
    """The close codes of connections, as the server logs them, when it does."""
    codes: asyncio.Queue[int] = asyncio.Queue()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == "connection closed":
                codes.put_nowait(record.__dict__["code"])

    logger, listener = logging.getLogger("hubbub.realtime.connection"), Listener()
    level = logger.level
    logger.addHandler(listener)
    logger.setLevel(logging.DEBUG)
    yield codes
    logger.removeHandler(listener)
    logger.setLevel(level)


async def test_a_ping_tells_changed_heads_and_wants_its_number_back(sockets: Sockets, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room_id = await found(ann)
    silent, wrong = [await sockets.open(ann, room_id) for _ in range(2)]
    pings: list[wire.Ping] = []

    async def fall_silent() -> int | None:
        """Answer until there is news."""
        with suppress(ConnectionClosed):
            while True:
                frame = decode_server(str(await silent.websocket.recv()))
                if isinstance(frame, wire.Ping):
                    pings.append(frame)
                    if not frame.heads:
                        await silent.put(type="pong", n=frame.n)
        return silent.websocket.close_code

    async def say_something_else() -> int | None:
        with suppress(ConnectionClosed):
            while True:
                await wrong.websocket.recv()
                await wrong.put(type="pong", n=99)
        return wrong.websocket.close_code

    ending = [asyncio.create_task(fall_silent()), asyncio.create_task(say_something_else())]
    answering = await sockets.open(ann, room_id)
    await answering.ask(type="send", ref=1, text="hi")
    answered = asyncio.create_task(answering.end())
    assert await asyncio.gather(*ending) == [CloseCode.HEARTBEAT] * 2
    assert not answered.done()
    await answering.websocket.close()
    assert await answered == 1000
    *others, last = pings
    assert last == wire.Ping(n=len(pings), heads={RoomId(room_id): Seq(3)})
    assert not any(ping.heads for ping in others)


async def test_hello_tells_the_limits(sockets: Sockets, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    hello = await (await sockets.dial("/ws", token=ann.access_token)).next(wire.Hello)
    assert hello.heartbeat_ms == 200
    assert (hello.limits.frame, hello.limits.inflight, hello.limits.frame_rate) == (65_536, 64, 0)


async def test_frames_that_are_none_are_answered_and_then_end_the_socket(sockets: Sockets, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    socket = await sockets.open(ann)
    for number in range(10):
        await socket.websocket.send(b"\xff" if number % 2 else "nonsense")
        assert (await socket.next(wire.Error)).code == "bad_frame"
    assert await socket.end() == CloseCode.BAD_FRAME


async def test_a_frame_that_is_too_large_is_refused_with_our_code_as_far_as_that_is_read(
    sockets: Sockets, make_user: MakeUser
) -> None:
    ann = await make_user("ann")
    for size, code in ((65_537, 4413), (131_072, 4413), (131_073, 1009)):
        socket = await sockets.open(ann)
        await socket.put_too_much("x" * size)
        assert await socket.end() == code
    socket = await sockets.open(ann)
    await socket.websocket.send('{"type":"pong","n":0}'.ljust(65_536))
    assert isinstance(await socket.ask(type="leave", ref=1, room_id=1), wire.Ack)


async def test_fragments_control_frames_and_broken_text_are_what_rfc_6455_says(
    sockets: Sockets, make_user: MakeUser
) -> None:
    ann = await make_user("ann")
    room_id = await found(ann)
    socket = await sockets.open(ann, room_id)
    await socket.websocket.send(['{"type":"send",', '"ref":1,', '"text":"in parts"}'])
    assert (await socket.next(wire.Ack)).ref == 1
    await socket.next(wire.EventFrame)
    await (await socket.websocket.ping(b"are you there?"))
    await socket.websocket.pong(b"nobody asked")
    assert isinstance(await socket.ask(type="send", ref=2, text="whole"), wire.Ack)
    socket.websocket.transport.write(Frame(Opcode.TEXT, b"\xc3\x28").serialize(mask=True))
    assert await socket.end() == 1007


async def test_too_many_frames_end_the_socket_and_no_other(tmp_path: Path, transport: str) -> None:
    async with serving(settings_in(tmp_path, frame_rate=1, frame_burst=5), transport=transport) as live:
        ann = await register(live, "ann")
        await ann.client.aclose()
        async with (
            dial(live, "/ws", token=ann.access_token) as flooding,
            dial(live, "/ws", token=ann.access_token) as other,
        ):
            for number in range(12):
                await flooding.put(type="pong", n=number)
            assert await flooding.end() == CloseCode.RATE_LIMITED
            assert sum('"code":"rate_limited"' in text for text in flooding.received) == 5
            await other.next(wire.Hello)
            assert isinstance(await other.ask(type="leave", ref=1, room_id=1), wire.Ack)


async def test_who_opens_sockets_too_fast_is_told_when_to_come_again_and_the_others_are_not(
    tmp_path: Path, transport: str
) -> None:
    settings = settings_in(tmp_path, request_rate=0.001, request_burst=3)
    async with serving(settings, transport=transport) as live, AsyncExitStack() as stack:
        ann, ben = await register(live, "ann"), await register(live, "ben")
        sockets = Sockets(live, stack)
        for person in (ann, ben):
            stack.push_async_callback(person.client.aclose)
        for _ in range(2):
            await sockets.open(ann)
        assert (await ann.client.get("/users/me")).status_code == 200
        refused = [await sockets.dial("/ws", token=ann.access_token), await sockets.dial("/ws")]
        await refused[1].put(type="auth", token=ann.access_token)
        for socket in refused:
            bye = await socket.next(wire.Bye)
            assert (bye.code, bye.reconnect) == (CloseCode.DRAINING, True)
            assert bye.after_ms[1] > bye.after_ms[0] > 900_000
            assert await socket.end() == CloseCode.DRAINING
        await sockets.open(ben)


async def test_more_than_64_unanswered_frames_are_refused_at_once(
    live: LiveServer, sockets: Sockets, make_user: MakeUser
) -> None:
    ann = await make_user("ann")
    room_id = await found(ann)
    socket = await sockets.open(ann, room_id)
    frames = [f'{{"type":"send","ref":{ref},"text":"hi","client_id":"{ref}"}}' for ref in range(300)]
    socket.websocket.transport.write(
        b"".join(Frame(Opcode.TEXT, frame.encode()).serialize(mask=True) for frame in frames)
    )
    answers: dict[int | None, wire.ServerFrame] = {}
    while len(answers) < 300:
        frame = await socket.take()
        if isinstance(frame, wire.Ack | wire.Error):
            assert frame.ref not in answers
            answers[frame.ref] = frame
    refused = {ref for ref, answer in answers.items() if isinstance(answer, wire.Error)}
    assert all(isinstance(answers[ref], wire.Ack) for ref in range(64))
    (log,) = (await check_store(live.server.store)).values()
    assert len(log) == 2 + 300 - len(refused)


async def drink(socket: Socket, last: int) -> int:
    """Take the events after the first two up to `last`, joining again where told to; return how often it was behind."""
    applied, behind = 2, 0
    while applied < last:
        frame = await socket.take()
        for seq in event_seqs(frame):
            assert seq <= applied + 1
            applied = max(applied, seq)
        if isinstance(frame, wire.Behind):
            behind += 1
        if isinstance(frame, wire.Behind) or (isinstance(frame, wire.Events) and frame.more):
            await socket.put(type="join", after=applied)
    return behind


@pytest.fixture
async def calm(tmp_path: Path, transport: str) -> AsyncIterator[LiveServer]:
    """A server without heartbeats in the way, whose slow readers have to hurry."""
    settings = settings_in(
        tmp_path, frame_rate=0, outbox_frames=16, outbox_bytes=65_536, stuck_seconds=0.5, heartbeat_seconds=60
    )
    async with serving(settings, transport=transport) as live:
        yield live


async def test_a_slow_reader_falls_behind_costs_the_others_nothing_and_catches_up(
    tmp_path: Path, transport: str
) -> None:
    settings = settings_in(tmp_path, frame_rate=0, outbox_frames=16, outbox_bytes=65_536)
    async with serving(settings, transport=transport) as live:
        ann = await register(live, "ann")
        room_id = await found(ann)
        await ann.client.aclose()
        path = f"/ws/chat/{room_id}"
        async with (
            dial(live, path, token=ann.access_token, narrow=True) as slow,
            dial(live, path, token=ann.access_token) as fast,
        ):
            await slow.next(wire.Hello)
            await slow.next(wire.Joined)
            for ref in range(60):
                assert isinstance(await fast.ask(type="send", ref=ref, text=LONG), wire.Ack)
            assert await drink(slow, 62) >= 1
            await fast.upto(62)
            assert isinstance(await slow.ask(type="send", ref=1, text="I am back"), wire.Ack)


async def test_who_asks_for_pages_and_reads_none_gets_them_later_and_fills_no_memory(
    tmp_path: Path, transport: str
) -> None:
    settings = settings_in(tmp_path, frame_rate=0, outbox_frames=16, outbox_bytes=65_536)
    async with serving(settings, transport=transport) as live:
        ann = await register(live, "ann")
        room_id = await found(ann)
        await ann.client.aclose()
        path = f"/ws/chat/{room_id}"
        async with dial(live, path, token=ann.access_token, narrow=True) as greedy:
            for ref in range(5):
                await greedy.ask(type="send", ref=ref, text=LONG)
            for ref in range(100, 160):
                await greedy.put(type="history", ref=ref)
            async with dial(live, path, token=ann.access_token) as other:
                assert isinstance(await other.ask(type="history", ref=1), wire.Page)
            (connection,) = live.server.gateway._connections.values()
            assert connection.outbox.due.size < 3 * 65_536
            for ref in range(100, 160):
                page = await greedy.until(lambda frame: isinstance(frame, wire.Page))
                assert page[-1].ref == ref  # type: ignore[union-attr]


async def test_who_reads_nothing_for_too_long_is_closed_as_slow(calm: LiveServer, ends: "asyncio.Queue[int]") -> None:
    ann = await register(calm, "ann")
    room_id = await found(ann)
    path = f"/ws/chat/{room_id}"
    async with (
        dial(calm, path, token=ann.access_token, narrow=True) as stuck,
        dial(calm, path, token=ann.access_token) as fast,
    ):
        await stuck.next(wire.Hello)
        for ref in range(40):
            await fast.ask(type="send", ref=ref, text=LONG)
        assert await ends.get() == CloseCode.SLOW
        assert await stuck.end() == CloseCode.SLOW
        assert isinstance(await fast.ask(type="send", ref=99, text="goodbye"), wire.Ack)
    await ann.client.aclose()


async def test_who_does_not_even_take_the_close_frame_is_dropped(
    transport: str, calm: LiveServer, ends: "asyncio.Queue[int]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AsgiTransport, "CLOSE_TIMEOUT", 0.1)
    monkeypatch.setattr(fanout_protocol, "CLOSE_TIMEOUT", 0.1)
    ann = await register(calm, "ann")
    room_id = await found(ann)
    path = f"/ws/chat/{room_id}"
    async with dial(calm, path, token=ann.access_token) as fast:
        await fast.next(wire.Hello)
        before = asyncio.all_tasks()
        async with dial(calm, path, token=ann.access_token, narrow=True) as dead:
            await dead.next(wire.Hello)
            writers = [task for task in asyncio.all_tasks() - before if "AsgiTransport" in repr(task)]
            assert len(writers) == (transport == PLAIN)
            for ref in range(40):
                await fast.ask(type="send", ref=ref, text=LONG)
            assert await ends.get() == CloseCode.SLOW
            if writers:
                await asyncio.wait(writers)
                assert writers[0].cancelled()
            dead.websocket.transport.abort()
        assert isinstance(await fast.ask(type="send", ref=99, text="still here"), wire.Ack)
    await ann.client.aclose()
