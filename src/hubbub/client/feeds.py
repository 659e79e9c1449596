"""The events of a room for a loop over it, however slow the loop is.

The live connection does not wait for loops, nor does it keep what they do not take: the log does.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from hubbub.client.backoff import Backoff
from hubbub.client.errors import Unreachable
from hubbub.client.ports import Reader
from hubbub.domain.errors import Conflict, Internal
from hubbub.domain.events import Event
from hubbub.domain.ids import RoomId, Seq
from hubbub.wire.position import Position, Step

FEED_EVENTS = 1000  # events that wait for a loop over a room; the rest is read from the log when it is their turn


@dataclass(frozen=True, slots=True)
class RoomReset:
    """What was known of the room no longer counts: its events go on after `base`.

    `epoch_changed`: the server was restored from a backup. `pruned`: what came before may not be read any more.
    """

    room_id: RoomId
    reason: str
    base: Seq


RoomEvent: TypeAlias = Event | RoomReset


class Followed(Protocol):
    """A room, as a loop over it sees it."""

    @property
    def id(self) -> RoomId: ...

    @property
    def position(self) -> Seq | None: ...

    @property
    def epoch(self) -> str | None: ...

    @property
    def ended(self) -> bool: ...

    def raise_error(self) -> None: ...


class Feed(AsyncIterator[RoomEvent]):
    """The events of a room for one loop, in order and without a hole, however slow the loop is.

    At most `limit` events wait in memory. When the loop has taken them and has fallen behind, the next ones are read
    from the log.
    """

    def __init__(self, room: Followed, reader: Reader, backoff: Backoff, limit: int) -> None:
        self._room = room
        self._reader = reader
        self._backoff = backoff
        self._limit = limit
        self._queue: deque[RoomEvent] = deque()
        self._position: Position | None = None
        self._wake = asyncio.Event()

    def begin(self, position: Seq) -> None:
        """The room's events come from this position on, from now."""
        if self._position is None:
            self._position = Position(position)

    def put(self, seq: Seq, event: Event | None) -> None:
        """The room has applied an event; one that does not fit in is left to be read from the log."""
        if self._position is None or len(self._queue) >= self._limit:
            return
        if self._position.take(seq) is Step.APPLY and event is not None:
            self._queue.append(event)
            self._wake.set()

    def reset(self, notice: RoomReset) -> None:
        """Nothing that waits counts any more."""
        self._position = Position(notice.base)
        self._queue.clear()
        self._queue.append(notice)
        self._wake.set()

    def wake(self) -> None:
        """Something has changed that is worth a look."""
        self._wake.set()

    def __aiter__(self) -> "Feed":
        return self

    async def __anext__(self) -> RoomEvent:
        while not self._queue:
            if self._lags():
                await self._read()
            elif self._room.ended:
                self._room.raise_error()
                raise StopAsyncIteration
            else:
                self._wake.clear()
                await self._wake.wait()
        return self._queue.popleft()

    def _lags(self) -> bool:
        position = self._room.position
        return self._position is not None and position is not None and self._position.applied < position

    async def _read(self) -> None:
        position = self._position
        assert position is not None
        try:
            page = await self._reader.events(self._room.id, after=position.applied, epoch=self._room.epoch)
        except (Unreachable, Conflict) as error:
            if isinstance(error, Conflict) and self._room.ended:  # else the live connection says it too, by a reset
                raise
            await asyncio.sleep(self._backoff.next())
            return
        if position is not self._position:
            return  # the room was reset meanwhile
        if page.upto <= position.applied:
            raise Internal(f"the log of room {self._room.id} ends before its own events")
        self._backoff.reset()
        self._queue.extend(event for event in page.items if event.seq > position.applied)
        self._position = Position(page.upto)
