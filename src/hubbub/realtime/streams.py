"""A room's log as an endless stream for one reader, who may be as slow as they like.

The reader pulls. First come the events after its position, in pages out of the log, then the live ones, which all
streams of the room share. What a slow reader leaves lying is bounded: beyond that it goes on from the log again, so
that nothing is lost and nothing piles up.
"""

import asyncio
from dataclasses import dataclass

from hubbub.domain.errors import ChatError, Forbidden, NotFound, RateLimited, Unavailable
from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.domain.users import Identity
from hubbub.realtime.frames import reset_frame
from hubbub.realtime.hub import Hub
from hubbub.realtime.slices import Slices
from hubbub.realtime.turns import UserTurns
from hubbub.services.chat import Chat
from hubbub.services.logs import Joined
from hubbub.wire import frames as wire
from hubbub.wire.codec import encode
from hubbub.wire.events import encode_event
from hubbub.wire.framing import payload_of
from hubbub.wire.limits import Limits
from hubbub.wire.position import format_place

PORTION = 16_384  # bytes that a reader is given at a time: what is on its way is each reader's own
PAGE = 32_768  # bytes of text that are read from the log at a time


@dataclass(frozen=True, slots=True)
class Item:
    """An `event` or `reset` frame as JSON, and where a reader is that has it: `epoch:seq`."""

    place: str
    json: bytes
    kind: str = "event"


class Shared:
    """What the streams of one node share: the event that was delivered last, and the turns of all reads.

    The streams of a room are told of an event one after the other, and keep one and the same item of it.
    """

    def __init__(self, turns: UserTurns) -> None:
        self.turns = turns
        self.slices = Slices()
        self._frame = b""
        self._item = Item("", b"")

    def item(self, place: str, frame: bytes) -> Item:
        if frame is not self._frame or place != self._item.place:
            self._frame, self._item = frame, Item(place, payload_of(frame))
        return self._item


class Stream:
    """One reader of one room. Close it when it is not needed any more."""

    def __init__(
        self,
        chat: Chat,
        hub: Hub,
        identity: Identity,
        room_id: RoomId,
        after: Seq,
        epoch: str | None,
        limits: Limits,
        shared: Shared,
    ) -> None:
        self._chat = chat
        self._hub = hub
        self._identity = identity
        self._room_id = room_id
        self._position = after  # of what was read, or waits to be
        self._epoch = epoch  # of the log that this is a position in; None = of any
        self._shared = shared
        self._most_items = limits.outbox_frames
        self._most_bytes = limits.outbox_bytes // 4  # what a reader has missed is in the log, unlike a socket's answers
        self._waiting: list[Item] = []
        self._bytes = 0  # of what waits
        self._live = False
        self._ended = False
        self._wake = asyncio.Event()

    async def begin(self) -> None:
        """Read the first events. Raise NotFound and Forbidden, and what else the log raises."""
        await self._catch_up()

    async def read(self, quiet: float) -> list[Item] | None:
        """What comes next, oldest first: about a portion. Empty when nothing has come for `quiet` seconds.

        None when it is over: the session or the membership has ended, the log can't be read, or the server stops.
        """
        while not (self._waiting or self._ended):
            if not self._live:
                await self._go_on()
                continue
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), quiet)
            except asyncio.TimeoutError:
                return []
        await self._shared.slices.turn()
        return self._take() or None

    def end(self) -> None:
        """There will be nothing more than what waits already."""
        self._ended = True
        self._hub.leave(self, self._room_id)
        self._wake.set()

    def _take(self) -> list[Item]:
        """The oldest of what waits: a portion, or one that is larger."""
        size = count = 0
        for item in self._waiting:
            if count and size + len(item.json) > PORTION:
                break
            size += len(item.json)
            count += 1
        items, self._waiting = self._waiting[:count], self._waiting[count:]
        self._bytes -= size
        return items

    def _put(self, item: Item) -> None:
        self._waiting.append(item)
        self._bytes += len(item.json)
        self._wake.set()

    async def _go_on(self) -> None:
        """Catch up, or end: the answer has begun, and an error has no place in it."""
        try:
            await self._catch_up()
        except (Forbidden, NotFound):
            self._forbid(None)
        except ChatError:  # the reader comes back, and is told then
            self.end()

    async def _catch_up(self) -> None:
        async with self._shared.turns.of(self.user_id):
            await self._shared.slices.turn()
            if self._ended:
                return
            view = self._hub.begin_join(self, self._room_id)
            joined = await self._chat.logs.join(
                self.user_id, self._room_id, after=self._position, epoch=self._epoch, max_bytes=PAGE
            )
            if not self._hub.is_current(view):  # it ended meanwhile
                return
            self._begin_with(joined)
            if joined.more:
                self._hub.leave(self, self._room_id)
            else:
                self._live = True
                await self._hub.complete_join(view, joined)

    def _begin_with(self, joined: Joined) -> None:
        self._epoch = joined.epoch
        reset = reset_frame(joined)
        if reset is not None:
            self._position = joined.base
            self._put(Item(self._place(), reset, "reset"))
        for event in joined.events:
            self._position = event.seq
            self._put(Item(self._place(), encode_event(event)))

    def _forbid(self, seq: Seq | None) -> None:
        """The user is no longer a member, since the event at `seq` if that is known."""
        frame = encode(wire.Reset(room_id=self._room_id, reason="forbidden", seq=seq))
        self._position = self._position if seq is None else seq
        self._put(Item(self._place(), frame, "reset"))
        self.end()

    def _place(self) -> str:
        assert self._epoch is not None  # known since the first join
        return format_place(self._epoch, self._position)

    # What the hub asks and tells

    outbox = None

    @property
    def user_id(self) -> UserId:
        return self._identity.user_id

    @property
    def session_id(self) -> SessionId:
        return self._identity.session_id

    def deliver(self, frame: bytes, room_id: RoomId) -> bool:
        if len(self._waiting) >= self._most_items or self._bytes + len(frame) > self._most_bytes:
            return False
        self._position = Seq(self._position + 1)  # a feed has no hole
        self._put(self._shared.item(self._place(), frame))
        return True

    def signal(self, frame: bytes, room_id: RoomId | None = None) -> None:
        """A stream is the log, and nothing else."""

    def fall_behind(self, room_id: RoomId) -> None:
        self._live = False
        self._hub.leave(self, room_id)

    def removed(self, room_id: RoomId, seq: Seq) -> None:
        self._forbid(seq)

    def signal_room(self, room_id: RoomId, seq: Seq, *, added: bool) -> None:
        """Of no interest to the reader of one room."""

    def session_ended(self) -> None:
        self.end()

    def store_restored(self) -> None:
        self.end()


class Streams:
    """The streams of one node."""

    def __init__(self, chat: Chat, hub: Hub, limits: Limits, turns: UserTurns) -> None:
        self._chat = chat
        self._hub = hub
        self._limits = limits
        self._shared = Shared(turns)
        self._open: dict[Stream, RoomId] = {}
        self._ended = False

    async def open(self, identity: Identity, room_id: RoomId, after: Seq, epoch: str | None) -> Stream:
        """A stream of what comes after `after`.

        Where that is no position in the log of this epoch (None = of any), the first one is a `reset`.

        Raise NotFound, Forbidden and Unauthenticated, RateLimited when this user has too many sockets and streams, and
        Unavailable once the server stops: a stream would hold up its end.
        """
        if self._ended:
            raise Unavailable("the server is stopping")
        if len(self._hub.of_user(identity.user_id)) >= self._limits.user_sockets:
            raise RateLimited(f"at most {self._limits.user_sockets} sockets of a user may be open", retry_after=1.0)
        stream = Stream(self._chat, self._hub, identity, room_id, after, epoch, self._limits, self._shared)
        self._hub.attach(stream)
        self._open[stream] = room_id
        try:
            await stream.begin()
        except BaseException:
            self.close(stream)
            raise
        return stream

    def close(self, stream: Stream) -> None:
        """Its reader has gone."""
        self._hub.detach(stream, [self._open.pop(stream)])

    def end_all(self) -> None:
        """The server stops: what is open ends, and nothing more is opened."""
        self._ended = True
        for stream in self._open:
            stream.end()
