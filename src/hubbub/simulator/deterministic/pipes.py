"""A socket: bytes from a node to a client, whole messages the other way, and what can happen to them.

The bytes are WebSocket text frames as `wire.framing` makes them. Nothing is lost on a pipe that is whole, and nothing
overtakes; a broken one loses what was on its way, and each side learns of it when it will.
"""

from collections import deque
from contextvars import Context
from random import Random
from typing import Protocol

from hubbub.realtime.connection import Connection
from hubbub.realtime.outbox import Parcel
from hubbub.simulator.deterministic.edges import SocketEdge
from hubbub.simulator.deterministic.loop import SimLoop, Violation
from hubbub.wire.close_codes import CloseCode

HIGH_WATER = 1500  # bytes that nobody has read, above which the node's outbox is paused
LATENCY = 0.03  # seconds; now and then ten times as much


class Reader(Protocol):
    """The client's end."""

    def message(self, payload: bytes) -> None: ...

    def lost(self, code: int) -> None: ...


def latency(random: Random) -> float:
    """How long a message takes."""
    slow = 10 if random.random() < 0.05 else 1
    return LATENCY * slow * random.random()


class Pipe:
    """Implements `realtime.outbox.Transport` for a connection, and is the client's way to it."""

    def __init__(self, loop: SimLoop, random: Random, node: Context, client: Context, reader: Reader) -> None:
        self._loop = loop
        self._random = random
        self._node = node
        self._client = client
        self._reader = reader
        self.connection: Connection | None = None
        self.edge: SocketEdge | None = None
        self._downward: deque[bytes | int] = deque()  # bytes; a number is a close code, and the last
        self._arrived = 0  # of these have reached a reader who takes nothing
        self._unread = 0  # bytes
        self._parser = Parser()
        self._last_down = self._last_up = 0.0
        self._early: list[str] = []  # messages that came before the node has accepted
        self._cut_down: int | None = None  # bytes until it breaks
        self._cut_up: int | None = None
        self._cut_at_ack = False
        self.stalled = False
        self.was_full = False  # so that signals may have been dropped
        self.closed_by_node = False
        self.broken = False  # nothing passes any more
        self.over = False  # the client has been told, or has hung up

    # The node's end

    def attach(self, connection: Connection, edge: SocketEdge) -> None:
        """The node has accepted."""
        self.connection, self.edge = connection, edge
        early, self._early = self._early, []
        for text in early:
            self._receive(text)

    def write(self, parcel: Parcel) -> None:
        assert self.edge is not None
        if self.closed_by_node:
            raise Violation("edge", "frames were written after the close")
        for frame in parcel.frames:
            payload = self._edge_payload(frame)
            if self._cut_at_ack and payload.startswith(b'{"type":"ack"'):
                self.cut()
            if not self.broken:
                self._put(frame)

    def waiting(self) -> int:
        return self._unread

    def close(self, code: int, reason: str) -> None:
        if self.closed_by_node:
            raise Violation("edge", "a socket was closed twice")
        self.closed_by_node = True
        if not self.broken:
            self._downward.append(int(code))
            self._arrive_later()
        self._tell_node(int(code))

    def _edge_payload(self, frame: bytes) -> bytes:
        """The frame is watched whether it arrives or not: what was promised is what the node wrote."""
        assert self.edge is not None
        payloads = Parser().feed(frame)
        if len(payloads) != 1:
            raise Violation("edge", "what was written is not one whole frame")
        self.edge.wrote(payloads[0])
        return payloads[0]

    def _put(self, frame: bytes) -> None:
        if self._cut_down is not None:
            frame = frame[: self._cut_down]
            self._cut_down -= len(frame)
        if frame:
            self._downward.append(frame)
            self._unread += len(frame)
            self._arrive_later()
            if self._unread > HIGH_WATER and self.connection is not None:
                self.was_full = True
                self.connection.outbox.pause(self._loop.time())
        if self._cut_down == 0:
            self.cut()

    def _arrive_later(self) -> None:
        self._last_down = max(self._last_down, self._loop.time() + latency(self._random))
        self._loop.call_at(self._last_down, self._arrive, context=self._client)

    def _tell_node(self, code: int) -> None:
        """The socket is gone, and the node learns of it. A network that is gone may take its time to say so."""
        delay = 2 * self._random.random() if code == CloseCode.ABNORMAL else latency(self._random)
        self._loop.call_later(delay, self._lost_at_node, code, context=self._node)

    def _lost_at_node(self, code: int) -> None:
        self.broken = True
        if self.connection is not None:
            self.connection.lost(code)

    # The client's end

    def send(self, text: str) -> None:
        """A message to the node."""
        if self.broken or self.over:
            return
        if self._cut_up is not None:
            self._cut_up -= len(text)
            if self._cut_up < 0:
                self.cut()
                return
        self._last_up = max(self._last_up, self._loop.time() + latency(self._random))
        self._loop.call_at(self._last_up, self._receive, text, context=self._node)

    def hang_up(self) -> None:
        """The client closes the socket, and hears nothing more."""
        if not self.over:
            self.over = True
            self._tell_node(CloseCode.NORMAL)

    def _receive(self, text: str) -> None:
        if self.broken or self.closed_by_node:
            return
        if self.connection is None or self.edge is None:
            self._early.append(text)
            return
        self.edge.received(text)
        self.connection.received(text)

    def _arrive(self) -> None:
        self._arrived += 1
        if not self.stalled:
            self._read()

    def _read(self) -> None:
        while self._arrived and not self.over:
            self._arrived -= 1
            chunk = self._downward.popleft()
            if isinstance(chunk, int):
                self._end(chunk)
                return
            self._unread -= len(chunk)
            for payload in self._parser.feed(chunk):
                if not self.over:
                    self._reader.message(payload)
        if self._unread <= HIGH_WATER // 2 and not self.broken:
            self._loop.call_soon(self._resume, context=self._node)

    def _resume(self) -> None:
        if self.connection is not None and self.connection.outbox.paused_at is not None:
            self.connection.outbox.resume(self._loop.time())

    def _end(self, code: int) -> None:
        if not self.over:
            self.over = True
            self._reader.lost(code)

    # What goes wrong

    def cut(self) -> None:
        """It breaks now; what has not arrived never will."""
        if self.broken:
            return
        self.broken = True
        self._tell_node(CloseCode.ABNORMAL)
        delay = self._random.random()
        self._loop.call_later(delay, self._end, int(CloseCode.ABNORMAL), context=self._client)

    def cut_after(self, count: int, *, upward: bool) -> None:
        """It breaks once this many bytes have passed."""
        if upward:
            self._cut_up = count
        else:
            self._cut_down = count
            if count == 0:
                self.cut()

    def cut_at_ack(self) -> None:
        """It breaks when the next ack is written."""
        self._cut_at_ack = True

    def stall(self, seconds: float) -> None:
        """The client reads nothing for a while."""
        self.stalled = True
        self._loop.call_later(seconds, self.unstall, context=self._client)

    def unstall(self) -> None:
        if self.stalled:
            self.stalled = False
            self._read()


class Parser:
    """Bytes to the payloads of whole text frames (RFC 6455 5.2), as a client sees them."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        buffer, payloads = self._buffer + chunk, []
        while True:
            header = 2 if len(buffer) < 2 or buffer[1] < 126 else 4 if buffer[1] == 126 else 10
            if len(buffer) < header:
                break
            if buffer[0] != 0x81 or buffer[1] > 127:
                raise Violation("framing", f"not an unmasked text frame: {buffer[:2]!r}")
            size = buffer[1] if header == 2 else int.from_bytes(buffer[2:header], "big")
            if len(buffer) < header + size:
                break
            payloads.append(buffer[header : header + size])
            buffer = buffer[header + size :]
        self._buffer = buffer
        return payloads
