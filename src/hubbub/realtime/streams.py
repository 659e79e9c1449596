"""A room's log as an endless stream for one reader, who may be as slow as they like.

The reader pulls. First come the events after its position, in pages out of the log, then the live ones. What a slow
reader leaves lying is bounded: beyond that it goes on from the log again, so that nothing is lost and nothing piles up.
"""

import asyncio
from dataclasses import dataclass

from hubbub.domain.errors import ChatError, Forbidden, NotFound, RateLimited, Unavailable
from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.domain.users import Identity
from hubbub.realtime.frames import reset_frame
from hubbub.realtime.hub import Hub
from hubbub.services.chat import Chat
from hubbub.wire import frames as wire
from hubbub.wire.codec import encode
from hubbub.wire.events import encode_event
from hubbub.wire.framing import payload_of
from hubbub.wire.limits import Limits
from hubbub.wire.position import format_place


@dataclass(frozen=True, slots=True)
class Item:
    """An `event` or `reset` frame as JSON, and where a reader is that has it: `epoch:seq`."""

    place: str
    json: bytes
    kind: str = "event"


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
    ) -> None:
        self._chat = chat
        self._hub = hub
        self._identity = identity
        self._room_id = room_id
        self._position = after  # of what was read, or waits to be
        self._epoch = epoch  # of the log that this is a position in; None = of any
        self._limits = limits
        self._waiting: list[Item] = []
        self._bytes = 0  # of the live events that wait
        self._live = False
        self._ended = False
        self._wake = asyncio.Event()

    async def begin(self) -> list[Item]:
        """The first items, none when there are none yet. Raise NotFound and Forbidden, and what else the log raises."""
        await self._catch_up()
        return self._take()

    async def read(self, quiet: float) -> list[Item] | None:
        """What comes next, oldest first; empty when nothing has come for `quiet` seconds, None when it is over.

        It is over when the session or the membership ends, when the log can't be read, and when the server stops.
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
        return self._take() or None

    def end(self) -> None:
        """There will be nothing more than what waits already."""
        self._ended = True
        self._hub.leave(self, self._room_id)
        self._wake.set()

    def _take(self) -> list[Item]:
        items, self._waiting, self._bytes = self._waiting, [], 0
        return items

    async def _go_on(self) -> None:
        """Catch up, or end: the answer has begun, and an error has no place in it."""
        try:
            await self._catch_up()
        except (Forbidden, NotFound):
            self._forbid(None)
        except ChatError:  # the reader comes back, and is told then
            self.end()

    async def _catch_up(self) -> None:
        view = self._hub.begin_join(self, self._room_id)
        joined = await self._chat.logs.join(self.user_id, self._room_id, after=self._position, epoch=self._epoch)
        self._epoch = joined.epoch
        reset = reset_frame(joined)
        if reset is not None:
            self._position = joined.base
            self._waiting.append(self._item(joined.base, reset, "reset"))
        self._waiting += [self._item(event.seq, encode_event(event)) for event in joined.events]
        self._position = joined.events[-1].seq if joined.events else self._position
        if joined.more:
            self._hub.leave(self, self._room_id)
        else:
            self._live = True
            await self._hub.complete_join(view, joined)

    def _forbid(self, seq: Seq | None) -> None:
        """The user is no longer a member, since the event at `seq` if that is known."""
        frame = encode(wire.Reset(room_id=self._room_id, reason="forbidden", seq=seq))
        self._waiting.append(self._item(self._position if seq is None else seq, frame, "reset"))
        self.end()

    def _item(self, seq: Seq, json: bytes, kind: str = "event") -> Item:
        assert self._epoch is not None  # known since the first join
        return Item(format_place(self._epoch, seq), json, kind)

    # What the hub asks and tells

    outbox = None

    @property
    def user_id(self) -> UserId:
        return self._identity.user_id

    @property
    def session_id(self) -> SessionId:
        return self._identity.session_id

    def deliver(self, frame: bytes, room_id: RoomId) -> bool:
        if len(self._waiting) >= self._limits.outbox_frames or self._bytes + len(frame) > self._limits.outbox_bytes:
            return False
        self._bytes += len(frame)
        self._position = Seq(self._position + 1)  # a feed has no hole
        self._waiting.append(self._item(self._position, payload_of(frame)))
        self._wake.set()
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

    def __init__(self, chat: Chat, hub: Hub, limits: Limits) -> None:
        self._chat = chat
        self._hub = hub
        self._limits = limits
        self._open: dict[Stream, RoomId] = {}
        self._ended = False

    async def open(
        self, identity: Identity, room_id: RoomId, after: Seq, epoch: str | None
    ) -> tuple[Stream, list[Item]]:
        """A stream of what comes after `after`, and its first items (none when there are none yet).

        Where that is no position in the log of this epoch (None = of any), the first one is a `reset`.

        Raise NotFound, Forbidden and Unauthenticated, RateLimited when this user has too many sockets and streams, and
        Unavailable once the server stops: a stream would hold up its end.
        """
        if self._ended:
            raise Unavailable("the server is stopping")
        if len(self._hub.of_user(identity.user_id)) >= self._limits.user_sockets:
            raise RateLimited(f"at most {self._limits.user_sockets} sockets of a user may be open", retry_after=1.0)
        stream = Stream(self._chat, self._hub, identity, room_id, after, epoch, self._limits)
        self._hub.attach(stream)
        self._open[stream] = room_id
        try:
            return stream, await stream.begin()
        except BaseException:
            self.close(stream)
            raise

    def close(self, stream: Stream) -> None:
        """Its reader has gone."""
        self._hub.detach(stream, [self._open.pop(stream)])

    def end_all(self) -> None:
        """The server stops: what is open ends, and nothing more is opened."""
        self._ended = True
        for stream in self._open:
            stream.end()
