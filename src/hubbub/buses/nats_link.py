"""One connection to a NATS server: the client's side of its protocol, as far as a bus needs it.

https://docs.nats.io/reference/reference-protocols/nats-protocol. A link is opened, used and lost; it never comes back.
"""

import asyncio
import json
import logging
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from hubbub.buses.nats_address import NatsAddress

CONNECT = 5.0  # seconds for everything until messages flow
PING = 3.0  # seconds between pings
SILENCE = 3  # pings in a row after which nothing was heard: the server is stuck, or the way to it is gone
BUFFER = 4 * 1024 * 1024  # bytes on their way out; what does not fit is dropped
LINE = 64 * 1024  # bytes of a line from the server; INFO may name many servers

log = logging.getLogger(__name__)


class LinkError(Exception):
    """The server can't be used. The message holds no secret."""


class NatsLink(asyncio.Protocol):
    """Calls `receive(sid, payload)` with each message. `lost` is done, with the reason, when the link is."""

    def __init__(self, receive: Callable[[int, bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str] = loop.create_future()
        self.dropped = 0  # messages that did not fit
        self.resumed: Callable[[], None] = _ignore  # called when there is room again, after messages were dropped
        self.complaint: str | None = None  # what the server said last
        self._loop = loop
        self._receive = receive
        self._transport: asyncio.Transport | None = None
        self._greeting: asyncio.Future[dict[str, Any]] = loop.create_future()
        self._begun = False  # before we do, a server only introduces itself
        self._rest = b""  # of what came, the beginning of a line or message
        self._most = 1024 * 1024  # bytes in a message, unless the server says something else
        self._out: list[bytes] = []  # leaves at the end of the loop's turn
        self._size = 0
        self._flushing = False
        self._paused = False
        self._lossy = False  # were messages dropped since the pause?
        self._pongs: deque[asyncio.Future[None]] = deque()
        self._settling: asyncio.Future[None] | None = None  # its ping has not left yet
        self._quiet = 0  # pings since something was heard
        self._beat: asyncio.TimerHandle | None = None

    # Opening and closing

    async def open(self, address: NatsAddress, context: ssl.SSLContext | None, name: str) -> None:
        """Connect and sign in. Raise LinkError, OSError or asyncio.TimeoutError."""
        try:
            await asyncio.wait_for(self._open(address, context, name), CONNECT)
        except BaseException:
            self.abort("it was not opened")
            raise

    async def _open(self, address: NatsAddress, context: ssl.SSLContext | None, name: str) -> None:
        await self._loop.create_connection(lambda: self, address.host, address.port)
        info = await self._greeting
        self._require_open()
        if address.tls or info.get("tls_required"):
            await self._secure(address, context, info)
        options = {
            "verbose": False,
            "pedantic": False,
            "echo": False,
            "headers": False,
            "lang": "python-hubbub",
            "version": "1",
            "protocol": 1,
            "name": name,
        }
        given = {"user": address.user, "pass": address.password, "auth_token": address.token}
        options |= {key: value for key, value in given.items() if value is not None}
        self._begun = True
        self._send(b"CONNECT " + json.dumps(options).encode() + b"\r\n")
        await self.settled()
        self._require_open()
        self._beat = self._loop.call_later(PING, self._tick)

    async def _secure(self, address: NatsAddress, context: ssl.SSLContext | None, info: dict[str, Any]) -> None:
        if not (info.get("tls_required") or info.get("tls_available")):
            raise LinkError("it offers no TLS, which the URL asks for")
        if context is None:
            raise LinkError("it wants TLS: say tls:// in the URL of the bus")
        assert self._transport is not None
        secured = await self._loop.start_tls(self._transport, self, context, server_hostname=address.host)
        if secured is None:  # the connection was lost meanwhile
            raise LinkError("it closed the connection")
        self._transport = secured
        secured.set_write_buffer_limits(high=BUFFER // 16)

    def _require_open(self) -> None:
        if self.lost.done():
            raise LinkError(self.lost.result())

    def abort(self, reason: str) -> None:
        """End the link at once, whatever is on its way."""
        if self._transport is not None:
            self._transport.abort()
        self._lose(reason)

    async def close(self) -> None:
        """Let what is on its way leave, unless the server takes nothing; then end."""
        if not self.lost.done() and not self._paused:
            await asyncio.wait([self.settled()], timeout=1)
        self.abort("it was closed")

    def _lose(self, reason: str) -> None:
        if self.lost.done():
            return
        self.lost.set_result(self.complaint or reason)
        if self._beat is not None:
            self._beat.cancel()
        if not self._greeting.done():
            self._greeting.set_exception(LinkError(reason))
            self._greeting.exception()  # nobody may be waiting
        for pong in (*self._pongs, self._settling):
            if pong is not None and not pong.done():
                pong.set_result(None)
        self._out.clear()

    def _tick(self) -> None:
        self._beat = self._loop.call_later(PING, self._tick)
        self._quiet += 1
        if self._quiet > SILENCE:
            self.abort(f"it has been silent for {SILENCE * PING:.0f} seconds")
        elif not self._paused:
            self.settled()

    # Out

    def publish(self, subject: str, payload: bytes) -> None:
        """Tell the others, or drop it when it does not fit."""
        if len(payload) > self._most or self._size + len(payload) > BUFFER:
            self.dropped += 1
            self._lossy = True
            self._schedule()
        else:
            self._send(b"PUB %b %d\r\n%b\r\n" % (subject.encode(), len(payload), payload))

    def subscribe(self, subject: str, sid: int) -> None:
        self._send(b"SUB %b %d\r\n" % (subject.encode(), sid))

    def unsubscribe(self, sid: int) -> None:
        self._send(b"UNSUB %d\r\n" % sid)

    def settled(self) -> asyncio.Future[None]:
        """Done when the server has got all that was sent so far, or the link is lost."""
        if self._settling is None:
            self._settling = self._loop.create_future()
            if self.lost.done():
                self._settling.set_result(None)
            self._schedule()
        return self._settling

    def _send(self, piece: bytes) -> None:
        if self.lost.done():
            return
        self._out.append(piece)
        self._size += len(piece)
        self._schedule()

    def _schedule(self) -> None:
        if not self._flushing and not self._paused:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Write what has gathered in this turn at once."""
        self._flushing = False
        if self._paused or self.lost.done() or self._transport is None:
            return
        if self._settling is not None:
            self._pongs.append(self._settling)
            self._settling = None
            self._out.append(b"PING\r\n")
        pieces, self._out, self._size = self._out, [], 0
        self._transport.write(b"".join(pieces))
        if self._lossy and not self._paused:
            self._lossy = False
            self.resumed()

    # In

    def data_received(self, data: bytes) -> None:
        self._quiet = 0
        data = self._rest + data if self._rest else data
        try:
            self._rest = data[self._take(data) :]
        except (ValueError, TypeError):
            self.abort("it speaks another protocol")
        if len(self._rest) > LINE and b"\r\n" not in self._rest[:LINE]:
            self.abort("it speaks another protocol")

    def _take(self, data: bytes) -> int:
        """Act on each whole line and message; return where the rest begins."""
        position = 0
        while True:
            end = data.find(b"\r\n", position)
            if end < 0:
                return position
            line = data[position:end]
            if not line.startswith(b"MSG "):
                position = end + 2
                self._obey(line)
                continue
            if not self._begun:
                raise ValueError
            _, _, sid, *_, size = line.split(b" ")
            start = end + 2
            stop = start + int(size)
            if len(data) < stop + 2:
                return position
            position = stop + 2
            self._receive(int(sid), data[start:stop])

    def _obey(self, line: bytes) -> None:
        word, _, rest = line.partition(b" ")
        if word == b"PING":
            self._send(b"PONG\r\n")
        elif word == b"PONG":
            if self._pongs:
                pong = self._pongs.popleft()
                if not pong.done():
                    pong.set_result(None)
        elif word == b"INFO":
            info = json.loads(rest)  # later ones tell of other servers: the URL names all that are to be used
            if not isinstance(info, dict):
                raise ValueError
            self._most = int(info.get("max_payload", self._most))
            if not self._greeting.done():
                self._greeting.set_result(info)
        elif word == b"-ERR":
            self.complaint = rest.decode(errors="replace").strip("'")
            if self._beat is not None:  # while it is opened the complaint is the reason why it can't be
                log.warning("NATS complains: %s", self.complaint)
        elif word != b"+OK":
            raise ValueError
        if not self._begun and word not in (b"INFO", b"-ERR"):
            raise ValueError

    # The transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._transport.set_write_buffer_limits(high=BUFFER // 16)
        if self.lost.done():
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._lose("it closed the connection" if error is None else str(error))

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._schedule()


def _ignore() -> None:
    """Nobody wants to know."""
