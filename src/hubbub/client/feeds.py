"""The events of a room for a loop over it, however slow the loop is.

The live connection does not wait for loops, nor does it keep what they do not take: the log does.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from hubbub.client.backoff import Backoff
from hubbub.client.errors import ClientError, Closed, Missed, fresh, is_final
from hubbub.client.ports import PAGE, Reader
from hubbub.domain.errors import ChatError, Conflict, Forbidden, Internal, NotFound
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

    @property
    def error(self) -> Exception | None: ...

    @property
    def closed(self) -> Exception | None: ...


class Feed(AsyncIterator[RoomEvent]):
    """The events of a room for one loop, in order and without a hole, however slow the loop is.

    At most `limit` events wait in memory. When the loop has taken them and has fallen behind, the next ones are read
    from the log. Where they may not be read any more, since the user was removed meanwhile or the room was deleted,
    that raises Missed.
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
            lags = self._lags()
            error = self._room.closed if self._room.error is None and lags else self._room.error
            if error is not None:
                raise fresh(error)
            if lags:
                await self._read()
            elif self._room.ended:
                raise StopAsyncIteration
            else:
                self._wake.clear()
                await self._wake.wait()
        return self._queue.popleft()

    def _lags(self) -> bool:
        position = self._room.position
        return self._position is not None and position is not None and self._position.applied < position

    async def _read(self) -> None:
        """Read on in the log, up to where the view is, or wait a while where that can't be done just now."""
        position, limit = self._position, min(PAGE, self._limit)
        assert position is not None
        self._wake.clear()
        try:
            page = await self._reader.events(self._room.id, after=position.applied, limit=limit, epoch=self._room.epoch)
            if page.after > position.applied:
                raise Forbidden(f"what came before event {page.after + 1} may not be read any more")
        except (ChatError, ClientError) as error:
            if position is self._position:
                await self._failed(error)
            return
        if position is not self._position:
            return  # the room was reset meanwhile
        if page.upto <= position.applied:
            raise Internal(f"the log of room {self._room.id} ends before its own events")
        self._backoff.reset()
        end = self._room.position
        assert end is not None
        self._queue.extend(event for event in page.items if event.seq <= end)
        self._position = Position(min(page.upto, end))

    async def _failed(self, error: ChatError | ClientError) -> None:
        """Wait a while, or raise what will be the same then."""
        if isinstance(error, Forbidden | NotFound | Conflict):
            # The live connection will say so too, and why; unless this room has ended, so that it says no more.
            if self._room.ended and self._room.error is None:
                assert self._position is not None
                span = f"events {self._position.applied + 1} to {self._room.position} of room {self._room.id}"
                raise Missed(f"{span} were not taken in time, and may not be read any more") from error
        elif is_final(error) or isinstance(error, Closed):
            raise error
        timer = asyncio.get_running_loop().call_later(self._backoff.next(), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()
