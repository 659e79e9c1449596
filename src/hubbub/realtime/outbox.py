"""One socket's bounded way out.

Everything that is due to a socket in one turn of the event loop leaves in one write. While the transport is paused
(its reader is slow) frames wait here, up to a limit: at half of it signals are dropped, and when it is full the room's
events are refused, for the reader to fetch from the log later. Answers to the client's own frames are never dropped:
large ones are held back until the reader takes more (`writable`), and whoever asks for ever more small ones without
reading them is to be closed.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol, TypeVar

from hubbub.domain.ids import RoomId
from hubbub.wire.limits import Limits

# What a frame in the outbox is, where it is no event of a room.
_ANSWER = RoomId(0)
_SIGNAL = RoomId(-1)

log = logging.getLogger(__name__)


class Parcel:
    """Frames in order, and what each of them is: its room, _ANSWER or _SIGNAL.

    It never changes, so that sockets that are due the same frames in a turn share one, and its bytes are joined once.
    """

    __slots__ = ("data", "frames", "rooms", "size")

    def __init__(self, frames: tuple[bytes, ...], rooms: tuple[RoomId, ...], size: int) -> None:
        self.frames = frames
        self.rooms = rooms
        self.size = size  # bytes of all frames
        self.data: bytes | None = None  # what `joined` made the first time; a call for each socket would cost

    def plus(self, frame: bytes, room_id: RoomId) -> "Parcel":
        return Parcel((*self.frames, frame), (*self.rooms, room_id), self.size + len(frame))

    def answers(self) -> "Parcel":
        """What of it must arrive."""
        frames = tuple(frame for frame, room_id in zip(self.frames, self.rooms, strict=True) if room_id == _ANSWER)
        return Parcel(frames, (_ANSWER,) * len(frames), sum(map(len, frames))) if frames else NOTHING

    def joined(self) -> bytes:
        if self.data is None:
            self.data = b"".join(self.frames)
        return self.data


NOTHING = Parcel((), (), 0)


class Transport(Protocol):
    """A socket, as the outbox sees it. It calls `Outbox.pause` when its reader is slow, and then `Outbox.resume`."""

    def write(self, parcel: Parcel) -> None:
        """Send complete WebSocket frames (`wire.framing`). May pause the outbox before it returns."""
        ...

    def waiting(self) -> int:
        """Bytes that were written, and that the reader has not taken yet, as far as that is known here."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Send what was written and then a close frame (reasons have at most 123 bytes); nothing follows it."""
        ...


class _Gone:
    """Implements `Transport` where there is none any more."""

    def write(self, parcel: Parcel) -> None: ...

    def waiting(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None: ...


_GONE = _Gone()

T = TypeVar("T", bound="Receiver")


class Receiver(Protocol):
    """Somebody who is sent the events of a room."""

    @property
    def outbox(self) -> "Outbox | None":
        """Where its events may be put without asking it; None = only it knows what to do with them."""
        ...

    def deliver(self, frame: bytes, room_id: RoomId) -> bool:
        """Take an event; False when it can't take more."""
        ...


class Flusher:
    """Flushes outboxes at the end of the turn in which they got something, in slices that never hold the loop long."""

    SLICE = 256  # outboxes flushed in one turn; a write costs some 6 µs

    def __init__(self) -> None:
        self._dirty: list[Outbox] = []
        self._scheduled = False

    def mark(self, outbox: "Outbox") -> None:
        self._dirty.append(outbox)
        self._schedule()

    def deliver(self, receivers: Iterable[T], frame: bytes, room_id: RoomId) -> list[T]:
        """Put an event of a room into many outboxes; return those who can't take more.

        The one loop that runs for each delivery: it looks at nothing but the outbox, and makes nothing for it. Those
        who were due the same until now, nearly always nothing, are due the same parcel from now on.
        """
        refused = []
        mark = self._dirty.append
        before, after = NOTHING, NOTHING.plus(frame, room_id)
        for receiver in receivers:
            outbox = receiver.outbox
            if outbox is None or outbox.paused_at is not None:
                if not receiver.deliver(frame, room_id):
                    refused.append(receiver)
                continue
            due = outbox.due
            if due is not before:
                before, after = due, due.plus(frame, room_id)
            outbox.due = after
            if due is NOTHING:
                mark(outbox)
        self._schedule()
        return refused

    def _schedule(self) -> None:
        if not self._scheduled and self._dirty:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        due, self._dirty = self._dirty[: self.SLICE], self._dirty[self.SLICE :]
        self._scheduled = False
        self._schedule()
        for outbox in due:
            try:
                outbox.flush()
            except Exception:
                log.exception("a socket can't be written to")
                outbox.discard()  # the others must get theirs; the heartbeat ends this one


class Outbox:
    """The frames that wait for one socket, in the order in which they were put in."""

    __slots__ = (
        "_closed",
        "_flusher",
        "_limits",
        "_transport",
        "_waiter",
        "_waiting",
        "due",
        "paused_at",
        "resumed_at",
    )

    def __init__(self, transport: Transport, flusher: Flusher, limits: Limits) -> None:
        self._transport = transport
        self._flusher = flusher
        self._limits = limits
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None
        self._waiting = 0  # bytes in the transport at the last look, while paused
        self.due = NOTHING  # to be written at the end of the turn, or when the reader takes more
        self.paused_at: float | None = None  # loop time since when the reader was not seen to take anything
        self.resumed_at = 0.0  # loop time at which the transport was free again, the last time

    def answer(self, frame: bytes) -> bool:
        """An answer, or anything else that must arrive as long as the socket lives.

        False when more wait than a client can have asked for that waits for its answers, and nothing was put in.
        """
        most = self._limits.outbox_frames + 2 * self._limits.inflight
        if self.paused_at is not None and len(self.due.frames) >= most:
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

    def signal(self, frame: bytes) -> bool:
        """Something that is only true now: the first to be dropped. False when it was."""
        if self.paused_at is not None and self._level() >= 0.5:
            return False
        self._put(frame, _SIGNAL)
        return True

    def collapse(self) -> list[RoomId]:
        """Drop all events and signals that wait; return the rooms whose events were among them, the first one first."""
        dropped = dict.fromkeys(room_id for room_id in self.due.rooms if room_id > 0)
        self.due = self.due.answers()
        return list(dropped)

    def flush(self) -> None:
        """Write everything, unless the transport is paused."""
        due = self.due
        if due is not NOTHING and self.paused_at is None and not self._closed:
            self.due = NOTHING
            self._transport.write(due)

    def pause(self, now: float) -> None:
        """The transport's buffer is full. `now` is the loop's time."""
        if self.paused_at is None:
            self.paused_at = now
            self._waiting = self._transport.waiting()

    def look(self, now: float) -> None:
        """See whether a slow reader has taken anything since the last look: then it is slow, but not stuck."""
        if self.paused_at is None:
            return
        waiting = self._transport.waiting()
        if waiting < self._waiting:
            self.paused_at = now
        self._waiting = waiting

    def resume(self, now: float) -> None:
        """The transport takes more."""
        self.paused_at = None
        self.resumed_at = now
        if self.due is not NOTHING:
            self._flusher.mark(self)
        self._wake()

    def close(self, code: int, reason: str) -> None:
        """Write what waits, as far as the reader takes it, and close the socket."""
        self.flush()
        self.discard()
        self._transport.close(code, reason)

    def discard(self) -> None:
        """Write nothing more."""
        self._closed = True
        self.due = NOTHING
        self._wake()

    def lost(self) -> None:
        """The socket is gone: let go of it, with all that it holds of what came in."""
        self.discard()
        self._transport = _GONE

    def _put(self, frame: bytes, room_id: RoomId) -> None:
        if self._closed:
            return
        if self.due is NOTHING:
            self._flusher.mark(self)
        self.due = self.due.plus(frame, room_id)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _level(self) -> float:
        """How full it is: 1.0 = at one of its limits."""
        return max(len(self.due.frames) / self._limits.outbox_frames, self.due.size / self._limits.outbox_bytes)
