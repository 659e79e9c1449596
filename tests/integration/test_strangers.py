"""What a stranger with nothing but a TCP connection can do to a server: not much."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.frames import Frame, Opcode

from hubbub.web import fanout_protocol
from hubbub.web.http_protocol import HEAD_BYTES, HEAD_LINES, PIPELINED
from hubbub.wire import frames as wire
from tests.integration.conftest import MakeUser
from tests.integration.servers import LiveServer, serving, settings_in
from tests.integration.sockets import Sockets

PING = Frame(Opcode.PING, b"").serialize(mask=True)
PINGS = PING * 20_000
PONG = b"\x8a\x00"


def handshake(path: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """Everything until the server closes the connection, however it does."""
    received = b""
    try:
        while data := await reader.read(65_536):
            received += data
    except ConnectionError:
        return received
    return received


def statuses(received: bytes) -> list[bytes]:
    return [answer[:3] for answer in received.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize(("path", "most"), [("/ws", 16), ("/nowhere", fanout_protocol.LATE_BYTES // 6)])
async def test_a_flood_of_pings_is_hardly_answered_and_ends(
    live: LiveServer, path: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout_protocol, "CLOSE_TIMEOUT", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    writer.write(handshake(path))
    received = await reader.readuntil(b"\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 101 ")
    writer.write(PINGS)
    received = await read_to_end(reader)
    assert received.count(PONG) <= most
    writer.close()


@asynccontextmanager
async def connected(
    live: LiveServer, first: bytes = b""
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection; `first` is there before the server takes it, and its time begins."""
    sock = socket.create_connection(("127.0.0.1", live.port))
    sock.sendall(first)
    reader, writer = await asyncio.open_connection(sock=sock)
    try:
        yield reader, writer
    finally:
        writer.close()


ASK = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n"


@pytest.mark.parametrize(
    "head",
    [
        ASK + b"X-A: " + b"a" * 2 * HEAD_BYTES,
        ASK + b"X-A: " + b"a" * 2 * HEAD_BYTES + b"\r\n\r\n",
        ASK + b"X: y\r\n" * (HEAD_LINES + 1),
        ASK + b"\r\n" + ASK + b"X: y\r\n" * (HEAD_LINES + 1),
        handshake("/ws")[:-2] + b"X: y\r\n" * (HEAD_LINES + 1),
        b"GET /" + b"a" * 2 * HEAD_BYTES,
    ],
    ids=["endless line", "long line", "many lines", "the second of two", "handshake", "path"],
)
async def test_a_head_has_a_size_and_a_number_of_lines(live: LiveServer, head: bytes) -> None:
    async with connected(live) as (reader, writer):
        if head.startswith(ASK + b"\r\n"):
            writer.write(head[: len(ASK) + 2])
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
            head = head[len(ASK) + 2 :]
        writer.write(head)
        assert (await read_to_end(reader)).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("path", ["/ws", "/ws?x=" + "y" * (HEAD_BYTES - 1000)], ids=["header", "path"])
async def test_a_handshake_may_be_as_long_as_any_head(
    live: LiveServer, make_user: MakeUser, sockets: Sockets, path: str
) -> None:
    ann = await make_user("ann")
    cookies = "a=" + "b" * (HEAD_BYTES - 1000 - len(path))
    socket = await sockets.dial(path, token=ann.access_token, cookies=cookies)
    await socket.next(wire.Hello)
    assert (await ann.client.get(path, headers={"Cookie": cookies})).status_code == 404


@pytest.mark.parametrize("framing", [b"Content-Length: 1", b"Transfer-Encoding: chunked", b"Transfer-Encoding: x"])
@pytest.mark.parametrize("body", [b"", b"x", b"0\r\n\r\n"])
async def test_a_handshake_with_a_body_is_refused(live: LiveServer, framing: bytes, body: bytes) -> None:
    async with connected(live) as (reader, writer):
        writer.write(handshake("/ws")[:-2] + framing + b"\r\n\r\n" + body)
        assert (await read_to_end(reader)).startswith(b"HTTP/1.1 400 ")


async def test_a_handshake_may_say_that_it_has_no_body(live: LiveServer) -> None:
    async with connected(live) as (reader, writer):
        writer.write(handshake("/ws")[:-2] + b"Content-Length: 0\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("target", ["*", "x:1", "http://x:y/ws", "/\xff", "http://"])
async def test_a_handshake_without_a_path_is_refused(live: LiveServer, target: str) -> None:
    async with connected(live) as (reader, writer):
        writer.write(handshake(target))
        assert (await read_to_end(reader)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("path", ["", "/ws"])
@pytest.mark.parametrize(("version", "hosts"), [("1.1", 0), ("1.1", 2), ("1.0", 2)])
async def test_a_request_names_one_host(live: LiveServer, path: str, version: str, hosts: int) -> None:
    head = handshake(path) if path else ASK + b"\r\n"
    head = head.replace(b"Host: x\r\n", b"Host: x\r\n" * hosts).replace(b"HTTP/1.1", b"HTTP/" + version.encode())
    async with connected(live) as (reader, writer):
        writer.write(head)
        assert statuses(await read_to_end(reader)) == [b"400"]


async def test_a_request_of_the_time_before_hosts_names_none(live: LiveServer) -> None:
    async with connected(live) as (reader, writer):
        writer.write(b"GET /health/live HTTP/1.0\r\n\r\n")
        assert statuses(await read_to_end(reader)) == [b"200"]


@pytest.mark.parametrize(
    "broken",
    [
        b"Transfer-Encoding: identity\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nx",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}",
        b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n",
    ],
)
async def test_a_body_whose_end_nobody_knows_is_refused(live: LiveServer, broken: bytes) -> None:
    async with connected(live) as (reader, writer):
        writer.write(POST + broken)
        assert statuses(await read_to_end(reader)) == [b"400"]


async def test_a_handshake_may_name_its_host_in_its_first_line(live: LiveServer) -> None:
    async with connected(live) as (reader, writer):
        writer.write(handshake("http://x/nowhere"))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert b"sockets are at /ws" in await read_to_end(reader)


async def test_what_follows_a_body_has_a_size_too(live: LiveServer) -> None:
    async with connected(live) as (reader, writer):
        writer.write(CHUNKED + b"X-A: " + b"a" * 2 * HEAD_BYTES)
        assert not (await read_to_end(reader)).startswith(b"HTTP/1.1 2")


async def test_a_head_below_the_limits_is_good_and_each_request_counts_anew(live: LiveServer) -> None:
    many = ASK + b"X: y\r\n" * (HEAD_LINES - 1) + b"\r\n"
    long = ASK + b"X: " + b"y" * (HEAD_BYTES // 2) + b"\r\n\r\n"
    async with connected(live) as (reader, writer):
        writer.write((many + long) * 4 + ASK + b"Connection: close\r\n\r\n")
        assert (await read_to_end(reader)).count(b"HTTP/1.1 200 ") == 9


async def test_only_so_many_requests_wait_behind_one_and_the_others_are_not_taken(live: LiveServer) -> None:
    async with connected(live) as (reader, writer):
        writer.write((ASK + b"\r\n") * 2000)
        answers = (await read_to_end(reader)).split(b"HTTP/1.1 ")[1:]
    assert len(answers) == 1 + PIPELINED
    assert all(answer.startswith(b"200 ") and answer.endswith(b"}") for answer in answers)
    assert [b"connection: close" in answer for answer in answers] == [False] * PIPELINED + [True]


NO_HTTP = b"\x00\r\n\r\n"


@pytest.mark.parametrize(
    "behind",
    [NO_HTTP, ASK + b"X: y\r\n" * (HEAD_LINES + 1), handshake("/ws")],
    ids=["no HTTP", "many lines", "handshake"],
)
async def test_what_is_refused_ends_up_in_no_other_answer(live: LiveServer, behind: bytes) -> None:
    async with connected(live) as (reader, writer):
        writer.write(ASK + b"\r\n" + behind)
        received = await read_to_end(reader)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b"}")
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("broken", "status"),
    [(POST + b"Transfer-Encoding: chunked\r\n\r\nx", b"400"), (CHUNKED + b"X: y\r\n" * (HEAD_LINES + 1), b"431")],
    ids=["no chunk", "many trailers"],
)
async def test_a_body_that_is_refused_costs_those_before_it_no_answer(
    live: LiveServer, broken: bytes, status: bytes
) -> None:
    async with connected(live) as (reader, writer):
        writer.write((ASK + b"\r\n") * 3 + broken)
        assert statuses(await read_to_end(reader)) == [b"200"] * 3 + [status]


@pytest.mark.parametrize(
    ("sent", "status"),
    [(NO_HTTP, b"400"), (ASK + b"Connection: Upgrade, close\r\nUpgrade: tea\r\n\r\n", b"200")],
    ids=["no HTTP", "unknown upgrade"],
)
async def test_strangers_write_no_warnings(
    live: LiveServer, sent: bytes, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with connected(live) as (reader, writer):
        writer.write(sent)
        assert (await read_to_end(reader)).startswith(b"HTTP/1.1 " + status)
    lines = [record for record in caplog.records if record.name.startswith(("hubbub.web.http", "uvicorn"))]
    assert [record.levelno for record in lines] == [logging.DEBUG]


HALVES = pytest.mark.parametrize(
    ("half", "answers", "at_the_end"),
    [
        (b"", [], []),
        (ASK, [b"408"], []),
        (POST + b"Content-Length: 9\r\n\r\n{", [b"408"], [b"503"]),
        (CHUNKED, [b"408"], [b"503"]),
        (ASK + b"\r\n" + ASK, [b"200", b"408"], [b"200"]),
    ],
    ids=["nothing", "half a head", "half a body", "no end of a body", "one and a half"],
)


@HALVES
async def test_a_request_that_is_not_complete_in_time_ends_its_connection(
    tmp_path: Path, half: bytes, answers: list[bytes], at_the_end: list[bytes]
) -> None:
    async with serving(settings_in(tmp_path, request_seconds=0.2)) as live, connected(live, half) as (reader, _):
        assert statuses(await read_to_end(reader)) == answers


async def test_an_empty_line_does_not_keep_an_idle_connection(tmp_path: Path) -> None:
    whole = ASK + b"\r\n"
    async with serving(settings_in(tmp_path, request_seconds=0.2)) as live, connected(live, whole) as (reader, writer):
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
        writer.write(b"\r\n")
        assert (await read_to_end(reader)).startswith(b"HTTP/1.1 408 ")


async def test_a_request_that_is_complete_may_take_its_time_to_be_answered(tmp_path: Path) -> None:
    whole = ASK + b"\r\n"
    async with serving(settings_in(tmp_path, request_seconds=1.0)) as live, connected(live, whole) as (reader, writer):
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
        writer.write(whole)
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
        writer.write(handshake("/ws"))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        async with connected(live, ASK) as (late, _):
            await read_to_end(late)  # by then the time of the handshake is up as well
        writer.write(PING)
        assert await reader.readexactly(len(PONG)) == PONG


@HALVES
async def test_a_server_that_stops_does_not_wait_for_the_rest_of_a_request(
    tmp_path: Path, half: bytes, answers: list[bytes], at_the_end: list[bytes]
) -> None:
    async with serving(settings_in(tmp_path, drain_seconds=600)) as live:
        reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
        writer.write(half)
        async with connected(live) as (probe, asking):
            asking.write(ASK + b"\r\n")
            await probe.readuntil(b"}")  # what was written before has been read
    assert statuses(await read_to_end(reader)) == at_the_end
    writer.close()
