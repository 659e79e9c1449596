"""What happens around a request, with the smallest application inside."""

import asyncio
import gzip
import logging
from collections.abc import Callable, Iterable

import pytest
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hubbub.web.middlewares import (
    AccessLog,
    BodyLimit,
    Compression,
    DefaultHeaders,
    Defects,
    HeadAsGet,
    RequestIds,
    Turns,
)


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the whole body, and answer with its length."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"referrer-policy", b"origin")]})
    await send({"type": "http.response.body", "body": b"%d" % length})


async def call(
    app: ASGIApp, *, headers: Iterable[tuple[bytes, bytes]] = (), chunks: Iterable[bytes] = (b"",), method: str = "GET"
) -> list[Message]:
    """What `app` sends for a request."""
    scope = {
        "type": "http",
        "method": method,
        "path": "/somewhere",
        "query_string": b"q=secret",
        "headers": list(headers),
    }
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting[-1]["more_body"] = False
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def header(sent: list[Message], name: bytes) -> bytes | None:
    return dict(sent[0]["headers"]).get(name)


@pytest.mark.parametrize(
    "wrap", [RequestIds, AccessLog, Defects, HeadAsGet, Turns, Compression, lambda app: BodyLimit(app, 1)]
)
async def test_sockets_pass_through_untouched(wrap: Callable[[ASGIApp], ASGIApp]) -> None:
    seen: list[tuple[object, ...]] = []

    async def inner(*arguments: object) -> None:
        seen.append(arguments)

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        pass

    scope: Scope = {"type": "websocket", "path": "/ws"}
    await wrap(inner)(scope, receive, send)
    assert seen == [(scope, receive, send)]
    assert seen[0][0] is scope


async def test_a_request_id_is_known_inside_and_forgotten_afterwards() -> None:
    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        assert structlog.contextvars.get_contextvars() == {"request_id": "abc"}
        assert scope["request_id"] == "abc"
        await answer(scope, receive, send)

    sent = await call(RequestIds(inner), headers=[(b"x-request-id", b"abc")])
    assert header(sent, b"x-request-id") == b"abc"
    assert structlog.contextvars.get_contextvars() == {}


async def test_default_headers_leave_what_is_there() -> None:
    sent = await call(DefaultHeaders(answer, {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}))
    assert header(sent, b"referrer-policy") == b"origin"
    assert header(sent, b"cache-control") == b"no-store"


async def test_a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not() -> None:
    app = BodyLimit(answer, 10)
    assert (await call(app, chunks=[b"12345", b"67890"]))[1]["body"] == b"10"
    with pytest.raises(HTTPException, match="413"):
        await call(app, chunks=[b"12345", b"678901"])


@pytest.mark.parametrize("length", [b"11", b"9" * 5_000])
async def test_an_announced_length_beyond_the_limit_is_refused_unread(length: bytes) -> None:
    sent = await call(BodyLimit(answer, 10), headers=[(b"content-length", length)], chunks=[b""])
    assert sent[0]["status"] == 413


@pytest.mark.parametrize("length", [b"", b"-1", b"ten", b"\xb2"])
async def test_a_length_that_is_none_is_left_to_the_server(length: bytes) -> None:
    sent = await call(BodyLimit(answer, 10), headers=[(b"content-length", length)])
    assert sent[0]["status"] == 200


async def test_a_defect_is_answered_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError("in detail")

    sent = await call(Defects(broken))
    assert sent[0]["status"] == 500
    assert b"in detail" not in sent[1]["body"]
    assert [record.getMessage() for record in caplog.records] == ["GET /somewhere failed"]


@pytest.mark.parametrize("begun", [False, True])
async def test_what_the_end_of_the_server_cuts_off_is_unavailable_and_no_defect(
    begun: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    answering = asyncio.create_task(call(Defects(endless)))
    await asyncio.sleep(0)
    answering.cancel()
    sent = await answering
    assert [message["status"] for message in sent if "status" in message] == [200 if begun else 503]
    assert all(b'"unavailable"' in message["body"] for message in sent if "body" in message)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_a_defect_in_the_middle_of_an_answer_breaks_it_off() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await call(Defects(broken))


async def test_that_a_client_leaves_before_it_has_said_everything_is_no_defect(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def read_all(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError("nobody is there to be answered")

    caplog.set_level(logging.DEBUG)
    await Defects(read_all)({"type": "http", "method": "POST", "path": "/somewhere", "headers": []}, receive, send)
    assert [record.levelname for record in caplog.records] == ["DEBUG"]


@pytest.mark.parametrize("error", [ConnectionResetError(), RuntimeError("<TCP closed=True>; the handler is closed")])
async def test_that_a_client_leaves_before_it_has_read_everything_is_no_defect(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        raise error

    caplog.set_level(logging.DEBUG)
    await Defects(answer)({"type": "http", "method": "GET", "path": "/somewhere"}, receive, send)
    assert [record.levelname for record in caplog.records] == ["DEBUG"]


async def test_an_answer_that_the_server_refuses_is_a_defect() -> None:
    async def send(message: Message) -> None:
        raise RuntimeError("response already completed")

    async def receive() -> Message:
        return {"type": "http.request"}

    with pytest.raises(RuntimeError):
        await Defects(answer)({"type": "http", "method": "GET", "path": "/somewhere"}, receive, send)


async def test_the_access_log_shows_no_query(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await call(AccessLog(answer))
    (record,) = caplog.records
    fields = vars(record)
    assert (fields["method"], fields["path"], fields["status"]) == ("GET", "/somewhere", 200)
    assert "secret" not in str(fields)


async def test_head_is_a_get_inside() -> None:
    methods: list[str] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        methods.append(scope["method"])

    for method in ("HEAD", "PUT"):
        await call(HeadAsGet(inner), method=method)
    assert methods == ["GET", "PUT"]


@pytest.mark.parametrize(("method", "pieces"), [("HEAD", 1), ("GET", 3)])
async def test_the_answer_to_head_ends_where_its_body_would_begin(method: str, pieces: int) -> None:
    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"more", "more_body": True})

    start, *bodies = await call(HeadAsGet(endless), method=method)
    assert start["type"] == "http.response.start"
    assert [body["more_body"] for body in bodies] == [method == "GET"] * pieces


async def test_a_turn_ends_before_the_client_takes_the_answer() -> None:
    log: list[str] = []

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        scope["turns"].append(lambda: log.append("given back"))
        await answer(scope, receive, send)

    async def client(scope: Scope, receive: Receive, send: Send) -> None:
        async def take(message: Message) -> None:
            log.append(message["type"])

        await Turns(reading)(scope, receive, take)

    await call(client)
    assert log == ["given back", "http.response.start", "http.response.body"]


async def test_a_turn_ends_with_a_failure() -> None:
    log: list[str] = []

    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        scope["turns"].append(lambda: log.append("given back"))
        raise LookupError

    with pytest.raises(LookupError):
        await call(Turns(failing))
    assert log == ["given back"]


def answering(body: bytes, content_type: bytes, *others: tuple[bytes, bytes]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *others]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


JSON = b"application/json"
LONG = b'{"items": [' + b'"a message", ' * 200 + b'""]}'
LONGER = b'{"items": [' + b'"a message", ' * (Compression.MOST_AT_ONCE // 13) + b'""]}'
GZIP = [(b"accept-encoding", b"deflate, gzip;q=0.5")]


@pytest.mark.parametrize("body", [LONG, LONGER])
async def test_long_json_is_compressed_for_who_accepts_it(body: bytes) -> None:
    sent = await call(Compression(answering(body, JSON)), headers=GZIP)
    assert gzip.decompress(sent[1]["body"]) == body
    assert header(sent, b"content-encoding") == b"gzip"
    assert header(sent, b"content-length") == b"%d" % len(sent[1]["body"])
    assert header(sent, b"vary") == b"Accept-Encoding"


async def test_the_loop_goes_on_while_an_answer_of_many_bytes_is_compressed() -> None:
    sending = asyncio.ensure_future(call(Compression(answering(LONGER, JSON)), headers=GZIP))
    await asyncio.sleep(0)
    assert not sending.done()
    assert await call(Compression(answering(LONG, JSON)), headers=GZIP)
    assert header(await sending, b"content-encoding") == b"gzip"


@pytest.mark.parametrize(
    ("app", "method", "headers"),
    [
        (answering(LONG, JSON), "GET", []),
        (answering(LONG, JSON), "GET", [(b"accept-encoding", b"gzip;q=0, br")]),
        (answering(LONG, JSON), "POST", GZIP),  # holds a token, perhaps
        (answering(LONG[:1000], JSON), "GET", GZIP),
        (answering(LONG, b"text/event-stream"), "GET", GZIP),
        (answering(LONG, JSON, (b"content-encoding", b"br")), "GET", GZIP),
    ],
)
async def test_everything_else_is_sent_as_it_is(
    app: ASGIApp, method: str, headers: Iterable[tuple[bytes, bytes]]
) -> None:
    assert await call(Compression(app), method=method, headers=headers) == await call(app, method=method)
