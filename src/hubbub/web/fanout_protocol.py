"""The fast way in and out: sockets that have left ASGI behind.

`FanoutProtocol` is uvicorn's WebSocket protocol with an extension in its ASGI scope. An endpoint that finds it may,
right after accepting, take the socket over: the endpoint returns, its task ends, and a `DetachedSocket` is the
transport's protocol from then on. Frames reach the connection by callback, and what the outbox writes goes straight to
the kernel. No coroutine is parked for the socket, and nothing of the handshake stays in memory.

The transport gets what the kernel does not take. It pauses the outbox as soon as it holds anything, and resumes it when
it holds nothing: whenever the outbox may write, there is nothing that it could overtake.

Whole text frames, pings and pongs are read here; the first frame of any other kind hands the socket over to the stock
parser for good, which knows all of RFC 6455.

Whatever comes in one read, the loop has it back soon: pings, pongs and fragments count in the connection's pace, the
stock parser gets its data in slices, and of a socket that is closing only so much is read. Over plain ASGI
the server answers control frames by itself, and no application can bound that.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeAlias

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from hubbub.realtime.connection import Connection
from hubbub.realtime.outbox import Parcel
from hubbub.wire.close_codes import CloseCode
from hubbub.wire.framing import close_reason

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without its extension
    from websockets.utils import apply_mask

EXTENSION = "hubbub.detach"
CLOSE_TIMEOUT = 5.0  # seconds for the other side's close frame
CONTROLS = 1000  # frames in one read that carry next to nothing, whatever the pace may be
NEXT_TO_NOTHING = 64  # bytes; fewer than that
PONGS = 16  # for one read, of the last pings: one would do (RFC 6455 5.5.3)
LATE_FRAMES = 1000  # read while the other side's close frame is awaited
LATE_BYTES = 4096  # the same, of a socket that was refused
SLICE = 4096  # bytes that the stock parser gets at a time: some 700 frames, or 5 ms

_WHOLE_TEXT = 0x81  # FIN, opcode 1 (RFC 6455 5.2)
_PING, _PONG = 0x89, 0x8A
_MASKED = 0x80
_INVALID_UTF8 = 1007  # RFC 6455 7.4.1

Detach: TypeAlias = Callable[[], "DetachedSocket | None"]
"""The extension: take the socket over; None when it can't be any more, and ASGI has to do."""


class FanoutProtocol(WebSocketsSansIOProtocol):
    """A socket from its handshake until it is detached. Without that it is the stock one.

    The head of the handshake was read by `HttpProtocol`, by the limits and rules of any request: `begin` answers it.
    """

    _early = False  # something came before the socket was detached: the stock parser has it
    _late = 0  # bytes that came after our close frame
    _due: asyncio.TimerHandle | None = None

    def begin(self, request: Request, seconds: float) -> None:
        """Have the application answer this request. When it has not in time, refuse."""
        # The stock parser would read the head once more, with limits of its own, and fall silent at what it can't take.
        self.conn = _parser(self.config.ws_max_size)
        self.conn.state = State.CONNECTING
        self._due = self.loop.call_later(seconds, self._unanswered)
        self.handle_connect(request)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, object] = self.scope["extensions"]  # type: ignore[assignment]
            extensions[EXTENSION] = self._detach
            self.close_timeout = CLOSE_TIMEOUT
            self.read_paused = True  # until the endpoint runs: `receive` reads on
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self._early = True
        if self.close_sent:
            self._late += len(data)
            if self._late > LATE_BYTES:
                self.transport.pause_reading()  # its timer is running
                return
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._answered()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """uvicorn stops."""
        if self.handshake_complete or self.close_sent:
            super().shutdown()
        else:
            self._unanswered()

    def _unanswered(self) -> None:
        """Refuse in place of the application, which finds the client gone."""
        self._answered()
        if self.handshake_complete or self.close_sent or self.transport.is_closing():
            return
        self.handshake_complete = self.close_sent = self.disconnected = True
        self.conn.send_response(self.conn.reject(HTTPStatus.SERVICE_UNAVAILABLE, ""))
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def _answered(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _detach(self) -> "DetachedSocket | None":
        if self._early or self.disconnected or self.close_sent or self.transport.is_closing():
            return None
        self._answered()
        self.stop_keepalive()
        socket = DetachedSocket(self.transport, self.connections, self.config.ws_max_size)  # type: ignore[arg-type]
        self.connections.discard(self)
        self.connections.add(socket)  # type: ignore[arg-type]
        self.transport.set_protocol(socket)
        self.transport = _Released()  # what the stock class still does at the end of its task is not for this socket
        return socket


class _Released(asyncio.Transport):
    """A transport that is somebody else's now."""

    def close(self) -> None: ...

    def is_closing(self) -> bool:
        return True


class DetachedSocket(asyncio.Protocol):
    """A socket that speaks to its connection directly: a protocol to the transport, a `Transport` to the outbox."""

    __slots__ = (
        "_close_timer",
        "_closing",
        "_connection",
        "_controls",
        "_descriptor",
        "_is_text",
        "_late",
        "_max_size",
        "_message",
        "_rest",
        "_sockets",
        "_stock",
        "_transport",
    )

    def __init__(self, transport: asyncio.Transport, sockets: "set[DetachedSocket]", max_size: int) -> None:
        self._transport = transport
        self._descriptor: int | None = None  # where frames go; None = by the transport, which encrypts or is closing
        self._sockets = sockets
        self._max_size = max_size  # bytes of a message
        self._connection: Connection | None = None
        self._rest = b""  # the beginning of a frame
        self._stock: ServerProtocol | None = None
        self._message: bytearray | None = None  # what came of a message so far; empty fragments are without number
        self._is_text = True
        self._controls = 0  # frames of this read that are no messages
        self._late = 0  # frames that came after our close frame
        self._closing = False
        self._close_timer: asyncio.TimerHandle | None = None

    def attach(self, connection: Connection) -> None:
        """From now on frames go to this connection."""
        self._connection = connection
        plain = self._transport.get_extra_info("socket")
        if plain is not None and self._transport.get_extra_info("sslcontext") is None:
            self._descriptor = plain.fileno()
            self._transport.set_write_buffer_limits(high=0)  # pauses at once while it has the handshake's answer

    # The outbox's side

    def write(self, parcel: Parcel) -> None:
        data = parcel.data or parcel.joined()
        if self._descriptor is not None:
            try:
                sent = os.write(self._descriptor, data)
            except OSError:  # it takes nothing now, or never again: the transport finds out
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        if not self._closing and not self._transport.is_closing():
            self._transport.write(data)

    def waiting(self) -> int:
        return self._transport.get_write_buffer_size()

    def close(self, code: int, reason: str) -> None:
        if self._closing or self._transport.is_closing():
            return
        self._closing = True
        self._descriptor = None
        stock = self._stock_parser()
        stock.receive_data(self._rest)
        if stock.state is State.OPEN:  # otherwise what came behind is no frame, and the parser closes with its own code
            stock.send_close(code, close_reason(reason))
        self._transport.write(b"".join(stock.data_to_send()))
        self._abort_later()

    # The transport's side

    def data_received(self, data: bytes) -> None:
        self._controls = 0
        if self._stock is not None:
            self._parse_with_stock(data)
            return
        if self._rest:
            data, self._rest = self._rest + data, b""
        rest, unusual = self._parse(data)
        if unusual:
            self._parse_with_stock(rest)
        else:
            self._rest = rest

    def eof_received(self) -> None:
        """The other side will send nothing more: the transport closes itself, once everything is sent."""
        self._descriptor = None
        self._abort_later()

    def pause_writing(self) -> None:
        if self._connection is not None:
            self._connection.outbox.pause(asyncio.get_running_loop().time())

    def resume_writing(self) -> None:
        if self._connection is not None:
            self._connection.outbox.resume(asyncio.get_running_loop().time())

    def connection_lost(self, exc: Exception | None) -> None:
        self._descriptor = None  # its number may be another socket's soon
        self._sockets.discard(self)
        if self._close_timer is not None:
            self._close_timer.cancel()
        self._end(CloseCode.ABNORMAL)

    def shutdown(self) -> None:
        """uvicorn stops. A close that is under way may end: its timer runs.

        To close the transport now would reset the connection of a client that is still sending, and a reset takes the
        goodbye away from it as well.
        """
        if self._connection is not None:
            self._connection.close(CloseCode.RESTART, "the server has stopped")
        elif not self._closing:
            self._transport.close()

    # Frames

    def _parse(self, data: bytes) -> tuple[bytes, bool]:
        """Take whole frames off the front of `data`; return the rest, and whether that is for the stock parser."""
        start, end = 0, len(data)
        pongs: deque[bytes] | None = None
        unusual = False
        while end - start >= 6:  # the shortest masked frame
            first, length = data[start], data[start + 1] - _MASKED
            mask = start + 2
            if length == 126 and first == _WHOLE_TEXT:
                if end - start < 8:
                    break
                length = int.from_bytes(data[start + 2 : start + 4], "big")
                mask = start + 4
            elif first not in (_WHOLE_TEXT, _PING, _PONG) or not 0 <= length <= 125:
                unusual = True
                break
            body = mask + 4
            if body + length > end:
                break
            start = body + length
            if first == _WHOLE_TEXT:
                self._take_text(apply_mask(data[body:start], data[mask:body]))
            else:
                self._count(length)
                if first == _PING:
                    pongs = deque(maxlen=PONGS) if pongs is None else pongs
                    pongs.append(bytes((_PONG, length)) + apply_mask(data[body:start], data[mask:body]))
            if self._closing or self._transport.is_closing():
                unusual = True
                break
        if pongs and not (self._is_paused() or self._closing or self._transport.is_closing()):
            self._transport.write(b"".join(pongs))
        return data[start:], unusual

    def _count(self, length: int) -> None:
        """What has come in is no message."""
        self._controls += length < NEXT_TO_NOTHING
        if self._connection is None:
            return
        if self._controls > CONTROLS:
            self._connection.close(CloseCode.RATE_LIMITED, "too many frames")
        else:
            self._connection.control()

    def _take_text(self, payload: bytes | bytearray) -> None:
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            self._end(_INVALID_UTF8)
            self.close(_INVALID_UTF8, "a text frame must be UTF-8")
            return
        if self._connection is not None:
            self._connection.received(text)

    def _stock_parser(self) -> ServerProtocol:
        if self._stock is None:
            self._stock = _parser(self._max_size)
        return self._stock

    def _parse_with_stock(self, data: bytes) -> None:
        for start in range(0, len(data), SLICE):
            if self._transport.is_closing():
                return
            if self._late > LATE_FRAMES:
                self._transport.pause_reading()  # the timer is running
                return
            self._parse_slice(data[start : start + SLICE])

    def _parse_slice(self, data: bytes) -> None:
        stock = self._stock_parser()
        stock.receive_data(data)
        for frame in stock.events_received():
            if self._closing:
                self._late += 1
            elif isinstance(frame, Frame):
                self._take_frame(frame)
        if not self._transport.is_closing():
            self._send(stock)
        if stock.parser_exc is not None or stock.close_rcvd is not None:
            received = stock.close_rcvd or stock.close_sent
            self._end(CloseCode.ABNORMAL if received is None else received.code)
            self._closing = True
            self._descriptor = None
            self._transport.close()
            self._abort_later()

    def _take_frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._message, self._is_text = bytearray(), frame.opcode is Opcode.TEXT
        elif frame.opcode in (Opcode.PING, Opcode.PONG):
            self._count(len(frame.data))  # the stock parser answers them
            return
        elif frame.opcode is not Opcode.CONT or self._message is None:
            return
        self._message += frame.data
        if not frame.fin:
            self._count(len(frame.data))
            return
        message, self._message = self._message, None
        if self._is_text:
            self._take_text(message)
        elif self._connection is not None:
            self._connection.received_binary()

    def _send(self, stock: ServerProtocol) -> None:
        """Write what the stock parser has to say: its part of a close, and pongs to who reads them."""
        output = b"".join(stock.data_to_send())
        if output and not self._closing and not (stock.state is State.OPEN and self._is_paused()):
            self._transport.write(output)

    def _abort_later(self) -> None:
        """Whoever reads nothing would keep a closing socket for ever."""
        if self._close_timer is None:
            self._close_timer = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self._transport.abort)

    def _is_paused(self) -> bool:
        return self._connection is not None and self._connection.outbox.paused_at is not None

    def _end(self, code: int) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.lost(code)


def _parser(max_size: int) -> ServerProtocol:
    """The stock parser of frames, which would log each of them with its text at the level debug."""
    parser = ServerProtocol(state=State.OPEN, max_size=max_size, logger=logging.getLogger("uvicorn.error"))
    parser.debug = False
    return parser
