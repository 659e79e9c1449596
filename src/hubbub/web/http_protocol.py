"""HTTP as uvicorn reads it, for strangers too: heads have a size, and requests a time in which they are complete.

A connection that sends nothing, half a head or half a body costs a file each, and would hold up the end of the server.
So does a reader that takes nothing of its answer, which may be a stream without end. Requests that come behind one
without an answer are few, since each costs a hundred times what it takes to send it.

What strangers do wrong is no warning: they could fill a disk with those.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Any

import httptools
from starlette.responses import Response
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.http11 import Request

from hubbub.web.fanout_protocol import FanoutProtocol

HEAD_BYTES = 65_536  # of a request; its trailers are counted alike
HEAD_LINES = 100
PIPELINED = 16  # requests that wait behind one that is not answered yet
SLICE = 16_384  # bytes that are parsed before anything is counted
UNREAD = 16_384  # bytes that may wait for the reader of an answer before it gets more
LINGER = 1.0  # seconds to read why one is refused, and while the server stops to ask, or to take something

log = logging.getLogger(__name__)


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's, with limits. A handshake of a WebSocket is read like any request, and answered by `FanoutProtocol`."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        request_seconds: float,
        stuck_seconds: float,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._request_seconds = request_seconds
        self._due: asyncio.TimerHandle | None = None
        self._stuck_seconds = stuck_seconds
        self._look: asyncio.TimerHandle | None = None  # at a reader that takes less than is written
        self._handshake: Request | None = None
        self._incomplete = True  # a request has begun, or is awaited as the first
        self._unparsed = 0  # bytes since the last piece that had an end
        self._too_large = False
        self._over = False  # it was refused, or is no HTTP any more
        self._last = False  # the server stops: one request is answered, and no other
        self._answering: RequestResponseCycle | None = None  # `cycle` is the newest, which may wait behind this one

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=UNREAD)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        self._forget()
        super().connection_lost(exc)
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def data_received(self, data: bytes) -> None:
        self._incomplete = True
        for start in range(0, len(data), SLICE):
            if self._over or self.transport.is_closing():
                return
            piece = data[start : start + SLICE]
            self._parse(piece)
            self._unparsed += len(piece)
            if self._unparsed > HEAD_BYTES and not self._over:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if not self._incomplete:
            self._unwatch()
        elif self._due is None and not self._over:
            self._watch()

    def on_message_begin(self) -> None:
        self._incomplete, self._unparsed = True, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= HEAD_LINES:
            self._too_large = True
            raise ValueError("too many header lines")  # ends the parser
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= PIPELINED:
            raise ValueError("too many requests at once")
        self._unparsed = 0
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise ValueError("a request names one host")  # RFC 9112 3.2
        if self.parser.should_upgrade() and self._should_upgrade():
            self._handshake = _handshake(self.parser.get_method(), self.url, self.headers)
        super().on_headers_complete()
        if self._last and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._incomplete, self._unparsed = False, 0
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        if self._is_answering():
            self._refuse(HTTPStatus.BAD_REQUEST)  # the answer would end up among frames, and never hear of its end
            return
        assert self._handshake is not None, "its head is complete"
        self._over = True
        self._unwatch()
        self.connections.discard(self)
        socket = FanoutProtocol(self.config, self.server_state, self.app_state)
        socket.connection_made(self.transport)
        self.transport.set_protocol(socket)
        socket.begin(self._handshake, self._request_seconds)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_less(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._forget()
        super().resume_writing()

    def shutdown(self) -> None:
        self._stuck_seconds = min(self._stuck_seconds, LINGER)
        if self._look is not None:
            self._forget()
            self._expect_less(self.transport.get_write_buffer_size())
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None and not self._over:
            self._last = True  # who has just connected may have asked, and would be reset
            self.loop.call_later(LINGER, self._close_silent)
        elif cycle is not None and cycle.more_body:
            self._give_up(HTTPStatus.SERVICE_UNAVAILABLE)  # whoever has not even asked is not waited for
        else:
            super().shutdown()

    def _parse(self, piece: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserError as error:
            cause = error.__context__ or error
            if isinstance(cause, httptools.HttpParserInvalidURLError):
                cause = ValueError("this is no URL")  # the parser shows it, with whatever token is in it
            log.debug("a request is refused: %s", cause)
            too_large = self._too_large
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if too_large else HTTPStatus.BAD_REQUEST)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            else:
                log.debug("an upgrade to what is not spoken here is not taken")

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _close_silent(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None and not self._over:
            self.transport.close()

    def _expect_less(self, waiting: int) -> None:
        self._look = self.loop.call_later(self._stuck_seconds, self._look_again, waiting)

    def _look_again(self, before: int) -> None:
        waiting = self.transport.get_write_buffer_size()
        if waiting < before:
            self._expect_less(waiting)
        else:
            self.transport.abort()  # a close would wait until the rest is taken

    def _forget(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _watch(self) -> None:
        self._due = self.loop.call_later(self._request_seconds, self._late)

    def _unwatch(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _late(self) -> None:
        if self._unparsed:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:  # nothing came that could be answered, or it is being answered
            self.transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        """Read no more, and say why, unless answers are due: then their end is the end."""
        self._over = True
        self._unwatch()
        self._unset_keepalive_if_required()
        if self.transport.is_closing():
            return
        if not self._is_answering():
            self._say(status)
        elif self.cycle.more_body:
            self._give_up(status)
        else:
            self.cycle.keep_alive = False

    def _give_up(self, status: HTTPStatus) -> None:
        """The newest request waits for what will not come: say so when its turn comes, unless its answer has begun."""
        if self.pipeline:
            refusal = Response(status_code=status, headers={"connection": "close"})
            self.pipeline[0] = self.cycle, refusal  # type: ignore[assignment]  # the two libraries have types of their own
        elif self.cycle.response_started or self.cycle.disconnected:
            self.transport.close()
        else:
            self.cycle.disconnected = True  # for the application
            self.cycle.message_event.set()
            self._say(status)

    def _say(self, status: HTTPStatus) -> None:
        """The last answer."""
        self._over = True
        self._unwatch()
        line = f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        self.transport.write(f"{line}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER, self.transport.close)


def _handshake(method: bytes, url: bytes, headers: list[tuple[bytes, bytes]]) -> Request:
    """The request to open a WebSocket with this head. Raise ValueError when it can be none.

    What came behind the head would be taken for frames, so that it has no body (RFC 6455 4.1 asks for GET).
    """
    for name, value in headers:
        if name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0")):
            raise ValueError("a handshake has no body")
    target = httptools.parse_url(url)
    if not target.path.startswith(b"/"):
        raise ValueError("a handshake has a path")
    path = target.path + b"?" + target.query if target.query else target.path
    decoded = Headers((name.decode("ascii"), value.decode("latin-1")) for name, value in headers)
    return Request(path.decode("ascii"), decoded, method.decode("ascii"))
