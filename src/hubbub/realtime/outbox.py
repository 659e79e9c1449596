"""One socket's bounded way out.

Everything that is due to a socket in one turn of the event loop leaves in one write. While the transport is paused
(its reader is slow) frames wait here, up to a limit: at half of it signals are dropped, and when it is full the room's
events are refused, for the reader to fetch from the log later. Answers to the client's own frames are never dropped:
large ones are held back until the reader takes more (`writable`), and whoever asks for ever more small ones without
reading them is to be closed.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from hubbub.domain.ids import RoomId
from hubbub.wire.limits import Limits

# What a frame in the outbox is, where it is no event of a room.
_ANSWER = RoomId(0)
_SIGNAL = RoomId(-1)

log = logging.getLogger(__name__)


class Transport(Protocol):
    """A socket, as the outbox sees it. It calls `Outbox.pause` when its reader is slow, and then `Outbox.resume`."""

    def write(self, frames: Sequence[bytes]) -> None:
        """Send complete WebSocket frames (`wire.framing`), in order. May pause the outbox before it returns."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Send what was written and then a close frame (reasons have at most 123 bytes); nothing follows it."""
        ...


class Flusher:
    """Flushes outboxes at the end of the turn in which they got something, in slices that never hold the loop long."""

    SLICE = 256  # outboxes flushed in one turn; a write costs some 6 µs

    def __init__(self) -> None:
        self._dirty: list[Outbox] = []
        self._scheduled = False

    def mark(self, outbox: "Outbox") -> None:
        self._dirty.append(outbox)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        due, self._dirty = self._dirty[: self.SLICE], self._dirty[self.SLICE :]
        self._scheduled = bool(self._dirty)
        if self._scheduled:
            asyncio.get_running_loop().call_soon(self._flush)
        for outbox in due:
            try:
                outbox.flush()
            except Exception:
                log.exception("a socket can't be written to")
                outbox.discard()  # the others must get theirs; the heartbeat ends this one


class Outbox:
    """The frames that wait for one socket, in the order in which they were put in."""

    __slots__ = (
        "_bytes",
        "_closed",
        "_flusher",
        "_frames",
        "_limits",
        "_marked",
        "_rooms",
        "_transport",
        "_waiter",
        "paused_at",
    )

    def __init__(self, transport: Transport, flusher: Flusher, limits: Limits) -> None:
        self._transport = transport
        self._flusher = flusher
        self._limits = limits
        self._frames: list[bytes] = []
        self._rooms: list[RoomId] = []  # for each frame: its room, _ANSWER or _SIGNAL
        self._bytes = 0
        self._marked = False
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None
        self.paused_at: float | None = None  # loop time since when the reader has taken nothing

    def answer(self, frame: bytes) -> bool:
        """An answer, or anything else that must arrive as long as the socket lives.

        False when more wait than a client can have asked for that waits for its answers, and nothing was put in.
        """
        if self.paused_at is not None and len(self._frames) >= self._limits.outbox_frames + 2 * self._limits.inflight:
            return False
        self._put(frame, _ANSWER)
        return True

    async def writable(self) -> None:
        """Wait until the reader takes more, or the socket is gone. One waits at a time."""
        while self.paused_at is not None and not self._closed:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def event(self, frame: bytes, room_id: RoomId) -> bool:
        """An event of a room; False when the outbox is full, and nothing was put in."""
        if self.paused_at is not None and self._level() >= 1:
            return False
        self._put(frame, room_id)
        return True

    def signal(self, frame: bytes) -> None:
        """Something that is only true now: the first to be dropped."""
        if self.paused_at is None or self._level() < 0.5:
            self._put(frame, _SIGNAL)

    def collapse(self) -> list[RoomId]:
        """Drop all events and signals that wait; return the rooms whose events were among them, the first one first."""
        dropped = dict.fromkeys(room_id for room_id in self._rooms if room_id > 0)
        self._frames = [frame for frame, room in zip(self._frames, self._rooms, strict=True) if room == _ANSWER]
        self._rooms = [_ANSWER] * len(self._frames)
        self._bytes = sum(map(len, self._frames))
        return list(dropped)

    def flush(self) -> None:
        """Write everything, unless the transport is paused."""
        self._marked = False
        if self.paused_at is not None or not self._frames or self._closed:
            return
        frames, self._frames, self._rooms, self._bytes = self._frames, [], [], 0
        self._transport.write(frames)

    def pause(self, now: float) -> None:
        """The transport's buffer is full. `now` is the loop's time."""
        if self.paused_at is None:
            self.paused_at = now

    def resume(self) -> None:
        """The transport takes more."""
        self.paused_at = None
        self._mark()
        self._wake()

    def close(self, code: int, reason: str) -> None:
        """Write what waits, as far as the reader takes it, and close the socket."""
        self.flush()
        self._closed = True
        self._frames, self._rooms = [], []
        self._transport.close(code, reason)
        self._wake()

    def discard(self) -> None:
        """The socket is gone."""
        self._closed = True
        self._frames, self._rooms = [], []
        self._wake()

    def _put(self, frame: bytes, room_id: RoomId) -> None:
        if self._closed:
            return
        self._frames.append(frame)
        self._rooms.append(room_id)
        self._bytes += len(frame)
        self._mark()

    def _mark(self) -> None:
        if not self._marked:
            self._marked = True
            self._flusher.mark(self)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _level(self) -> float:
        """How full it is: 1.0 = at one of its limits."""
        return max(len(self._frames) / self._limits.outbox_frames, self._bytes / self._limits.outbox_bytes)
