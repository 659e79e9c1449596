"""What happens around every HTTP request, in plain ASGI. Sockets pass through untouched."""

import asyncio
import gzip
import itertools
import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping
from functools import partial

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hubbub.web import problems
from hubbub.web.assets import accepts_gzip
from hubbub.web.dependencies import client_address

log = logging.getLogger(__name__)

_CLOSED = "the handler is closed"  # how uvloop says that a transport can't be written to any more
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


class RequestIds:
    """Give each request an id: the caller's own, when it is a sane one. It is echoed, and stands in every log line."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._process = secrets.token_hex(4)
        self._count = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = _header(scope, b"x-request-id")
        request_id = asked if _REQUEST_ID.fullmatch(asked) else f"{self._process}-{next(self._count):x}"
        scope["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self.app(scope, receive, send_with_id)


class AccessLog:
    """One line for each request that has been answered: from where and from whom, if that was found out.

    Its query is left out, which may hold what people search for.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0  # no answer was begun
        found = scope.setdefault("state", {})  # one for all that is made of this scope

        async def send_and_look(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_look)
        finally:
            millis = round((time.perf_counter() - started) * 1000, 1)
            fields = {"method": scope["method"], "path": scope["path"], "status": status, "millis": millis}
            caller = {"address": client_address(Request(scope)), "user_id": found.get("user_id")}
            log.info("request", extra=fields | caller)


class DefaultHeaders:
    """Add headers to every answer that does not have them already."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self.app = app
        self.headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in self.headers if pair[0] not in given)]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class Defects:
    """Answer an exception that nobody meant to raise with fixed words, and log it once, with the request's id.

    That a client has gone is none: there is nobody to answer. Nor is a cancellation, for which there is one cause: the
    server stops, and can't wait any longer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_and_look(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            try:
                await send(message)
            except (OSError, RuntimeError) as error:
                if isinstance(error, OSError) or _CLOSED in str(error):
                    raise ClientDisconnect from error
                raise

        try:
            await self.app(scope, receive, send_and_look)
        except ClientDisconnect:
            log.debug("%s %s: the client has gone", scope["method"], scope["path"])
        except asyncio.CancelledError:
            log.warning("%s %s is cut off by the end of the server", scope["method"], scope["path"])
            if not started:
                await problems.cut_off(Request(scope))(scope, receive, send)
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            if started:
                raise  # the answer is broken off, and its reader sees that
            await problems.defect(Request(scope))(scope, receive, send)


class HeadAsGet:
    """Answer HEAD as GET is answered (RFC 9110 9.3.2). uvicorn goes by the scope that it made, and omits the body.

    The answer ends where its body begins, which may have no end, and the application hears that nobody listens.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        ended = False

        async def send_head(message: Message) -> None:
            nonlocal ended
            if ended:
                return
            if message["type"] == "http.response.body":
                ended, message = True, {**message, "more_body": False}
            await send(message)

        await self.app({**scope, "method": "GET"}, receive, send_head)


class Turns:
    """Let a request that reads have its user's turn until there is an answer to send: encoded, and compressed.

    How long the sending takes is for the client to say. `scope["turns"]` holds what gives a turn back, if there is one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        scope["turns"] = turns = list[Callable[[], None]]()

        async def send_later(message: Message) -> None:
            while turns:
                turns.pop()()
            await send(message)

        try:
            await self.app(scope, receive, send_later)
        finally:
            while turns:
                turns.pop()()


class Compression:
    """Send JSON with gzip to those who accept it, when it is long and whole: history, above all.

    Only what GET answers: compressed beside what a caller chose, a token could be guessed from the length (BREACH).
    """

    LEAST = 1024  # bytes; less fits into one packet anyhow
    MOST_AT_ONCE = 64 * 1024  # bytes; level 1 takes about 10 µs for 1 KiB, and another thread 0.1 ms to begin and end

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not _takes_gzip(scope):
            await self.app(scope, receive, send)
            return
        start: Message | None = None

        async def send_compressed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and self._is_long_json(MutableHeaders(scope=message)):
                start = message
                return
            if start is not None:
                body = await self._compress(message["body"])
                headers = MutableHeaders(scope=start)
                headers["Content-Encoding"] = "gzip"
                headers["Content-Length"] = str(len(body))
                headers.add_vary_header("Accept-Encoding")
                await send(start)
                start, message = None, {**message, "body": body}
            await send(message)

        await self.app(scope, receive, send_compressed)

    async def _compress(self, body: bytes) -> bytes:
        compress = partial(gzip.compress, body, compresslevel=1, mtime=0)
        # zlib lets go of the interpreter: what would hold up everybody else for 5 ms and more does so no longer.
        return await asyncio.to_thread(compress) if len(body) > self.MOST_AT_ONCE else compress()

    def _is_long_json(self, headers: MutableHeaders) -> bool:
        """Only what is whole has a length."""
        announced = int(headers.get("content-length", "0"))
        is_json = headers.get("content-type", "").startswith("application/json")
        return is_json and announced >= self.LEAST and "content-encoding" not in headers


def _takes_gzip(scope: Scope) -> bool:
    return any(name == b"accept-encoding" and accepts_gzip(value.decode("latin-1")) for name, value in scope["headers"])


class BodyLimit:
    """Refuse a body of more than `most` bytes: by its announced length at once, otherwise as soon as it is too long.

    uvicorn reads and drops the rest, so that the refusal reaches also who sends everything before they listen.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app = app
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = _header(scope, b"content-length")
        if announced.isdecimal() and (len(announced) > 18 or int(announced) > self.most):
            await problems.too_large(Request(scope), self.most)(scope, receive, send)
            return
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.most:
                raise problems.BodyTooLarge(self.most)
            return message

        await self.app(scope, receive_some, send)


def _header(scope: Scope, name: bytes) -> str:
    """What a request says in this header, empty when it has none. `Headers` would decode them all."""
    return next((value.decode("latin-1") for header, value in scope["headers"] if header == name), "")
