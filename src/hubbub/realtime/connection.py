"""One socket, from its first byte to its close: who is behind it, what it listens to, how long it may stay silent.

It is told what comes in (`received`, `lost`) and speaks through an `Outbox`; what a frame asks for is carried out by
the gateway. It must not know how the socket is made.
"""

import asyncio
import logging
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from msgspec.structs import replace

from hubbub.domain.errors import BadFrame, ChatError, RateLimited, TooLarge, Unauthenticated, Unavailable
from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.domain.users import Identity
from hubbub.realtime.outbox import Outbox, Transport
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode, close_code
from hubbub.wire.codec import decode_client, encode, ref_of
from hubbub.wire.errors import error_frame
from hubbub.wire.framing import text_frame
from hubbub.wire.limits import TokenBucket

if TYPE_CHECKING:
    from hubbub.realtime.gateway import Gateway

MAX_BAD_FRAMES = 10  # in a row; whoever goes on does not speak this protocol
AGAIN = 10.0  # seconds for a change that was refused to come again, before those behind it; an answer may take a while
STRANGER_FRAMES = 10  # before the first message is complete, which is `auth`
PING_HEADS = 1000  # in one frame, which stays below 64 KiB whatever the ids
LOOK = 1.0  # seconds between looks at a connection that is not open yet: its token may be short-lived

Changing: TypeAlias = wire.Send | wire.Edit | wire.Delete

log = logging.getLogger(__name__)


class State(Enum):
    AUTHENTICATING = "authenticating"  # waits for the first frame
    OPENING = "opening"  # known, but `hello` is not sent yet
    OPEN = "open"
    CLOSED = "closed"


class Connection:
    """A socket of one user. `room_id` is the room that it is for; None = all rooms of the user."""

    __slots__ = (
        "_bad_frames",
        "_bucket",
        "_early",
        "_expires_at",
        "_first",
        "_frames",
        "_gateway",
        "_held",
        "_inflight",
        "_opened_at",
        "_ping",
        "_ping_at",
        "_pong_by",
        "_refused",
        "_turn",
        "after",
        "epoch",
        "id",
        "identity",
        "outbox",
        "room_id",
        "rooms",
        "state",
    )

    def __init__(
        self,
        gateway: "Gateway",
        id: str,
        transport: Transport,
        room_id: RoomId | None,
        after: Seq | None,
        epoch: str | None,
    ) -> None:
        limits = gateway.limits
        self._gateway = gateway
        self.id = id
        self.room_id = room_id
        self.after = after
        self.epoch = epoch
        self.outbox = Outbox(transport, gateway.hub.flusher, limits)
        self.identity: Identity | None = None
        self.state = State.AUTHENTICATING
        self.rooms: dict[RoomId, Seq] = {}  # what it listens to, and the head that the last ping told
        self._bucket = TokenBucket(limits.frame_rate, limits.frame_burst)
        self._turn: asyncio.Lock | None = None  # made when it is needed, as all that a silent socket does not need
        self._early: tuple[str | bytes | None, ...] = ()  # frames that came before `hello`; None = a binary one
        self._held: list[wire.Signal] | None = None  # signals that must not come before `hello`
        self._first: tuple[Changing, float] | None = None  # a change that was refused, and when it may come again
        self._inflight = 0
        self._frames = 0
        self._bad_frames = 0
        self._refused = 0
        self._opened_at = self._ping_at = _now()
        self._expires_at = float("inf")  # loop time
        self._ping = 0
        self._pong_by: float | None = None  # loop time

    # What the hub asks and tells

    @property
    def user_id(self) -> UserId:
        return self.signed_in().user_id

    @property
    def session_id(self) -> SessionId:
        return self.signed_in().session_id

    def deliver(self, frame: bytes, room_id: RoomId) -> bool:
        return self.outbox.event(frame, room_id)

    def signal(self, frame: bytes, room_id: RoomId | None = None) -> None:
        wanted = self.state is State.OPEN and (room_id is None or self.room_id in (None, room_id))
        if wanted and not self.outbox.signal(frame):
            self._gateway.signals.presence.dropped(self)

    def fall_behind(self, room_id: RoomId) -> None:
        for behind in dict.fromkeys((room_id, *self.outbox.collapse())):
            head = self._gateway.hub.head(behind)
            self.leave(behind)
            self.send(wire.Behind(room_id=behind, head=Seq(0) if head is None else head))
        self._gateway.signals.presence.dropped(self)  # the outbox has let go of those that waited

    def removed(self, room_id: RoomId, seq: Seq) -> None:
        self.rooms.pop(room_id, None)
        self.send(wire.Reset(room_id=room_id, reason="forbidden", seq=seq))
        if self.room_id is not None:
            self.close(CloseCode.FORBIDDEN, "you are no longer a member of this room")

    def signal_room(self, room_id: RoomId, seq: Seq, *, added: bool) -> None:
        if self.room_id is not None:
            return
        frame = wire.Signal(kind="room", room_id=room_id, seq=seq, on=added)
        if self.state is State.OPENING:
            self._held = [*(self._held or ()), frame]
        else:
            self.send(frame)  # no other signal must arrive: of a room that nobody knows of, nothing is missed

    def session_ended(self) -> None:
        self.close(CloseCode.UNAUTHENTICATED, "this session has ended")

    def store_restored(self) -> None:
        self._gateway.send_away(self, CloseCode.STATE_MOVED, "the server was restored: connect again and resume")

    # What the socket tells

    def received(self, data: str | bytes) -> None:
        """A whole text message has come in."""
        self._receive(data)

    def received_binary(self) -> None:
        """A binary message has come in: this protocol has none."""
        self._receive(None)

    def control(self) -> None:
        """A ping, a pong or a part of a message has come in: it counts like a message, and nobody answers here."""
        if self.state is State.CLOSED:
            return
        self._frames += 1
        if self.state is State.AUTHENTICATING and self._frames > STRANGER_FRAMES:
            self.close(CloseCode.RATE_LIMITED, "too many frames before auth")
        elif self._bucket.take(_now()):
            self._refuse_one()

    def lost(self, code: int) -> None:
        """The socket is closed, with this code."""
        self._end(code)
        self.outbox.lost()

    # What the gateway and the timers do

    def authenticated(self, identity: Identity) -> None:
        """The credential was good: listen on behalf of this user. Later ones of the same session prolong the stay."""
        self.identity = identity
        self._expires_at = _now() + (identity.expires_at - self._gateway.clock.now()) / 1000

    def opened(self) -> None:
        """`hello` is on its way: what came before it is carried out now."""
        self.state = State.OPEN
        self._ping_at = _now() + self._gateway.limits.heartbeat
        held, self._held = self._held, None
        for frame in held or ():
            self.send(frame)
        early, self._early = self._early, ()
        for data in early:
            if self.state is State.OPEN:
                self._take(data)

    def signed_in(self) -> Identity:
        if self.identity is None:
            raise Unauthenticated("authenticate first")
        return self.identity

    def send(self, frame: wire.ServerFrame) -> None:
        """An answer, or something else that must arrive."""
        self.send_encoded(encode(frame))

    def send_encoded(self, payload: bytes) -> None:
        if not self.outbox.answer(text_frame(payload)):
            self.close(CloseCode.SLOW, "too slow: connect again and resume")

    def refuse(self, error: BaseException, ref: int | None, room_id: RoomId | None = None) -> None:
        """Answer with an error; the connection goes on."""
        self.send(error_frame(error, ref=ref, room_id=room_id))

    def end_with(self, error: BaseException) -> None:
        """Close because of an error."""
        reason = str(error) if isinstance(error, ChatError) else "something went wrong in the server"
        self.close(close_code(error) or CloseCode.INTERNAL, reason)

    def close(self, code: int, reason: str) -> None:
        """Send what is due, and close."""
        if self.state is not State.CLOSED:
            self._end(code)
            self.outbox.close(code, reason)

    def leave(self, room_id: RoomId) -> None:
        """Stop listening to a room."""
        self.rooms.pop(room_id, None)
        self._gateway.hub.leave(self, room_id)

    @property
    def turn(self) -> asyncio.Lock:
        """Frames that read from the log take their turns."""
        if self._turn is None:
            self._turn = asyncio.Lock()
        return self._turn

    def require_open(self) -> None:
        """Raise Unavailable when it is closed."""
        if self.state is State.CLOSED:
            raise Unavailable("this connection is closed")

    async def ready(self) -> None:
        """Wait until the reader takes more. Raise Unavailable when it never will."""
        await self.outbox.writable()
        self.require_open()

    def begin(self) -> None:
        """Count a request that is not answered at once. Raise RateLimited when there are too many."""
        if self._inflight >= self._gateway.limits.inflight:
            raise RateLimited(f"at most {self._gateway.limits.inflight} frames may wait for an answer", retry_after=1.0)
        self._inflight += 1

    def finish(self) -> None:
        """A request is answered."""
        self._inflight -= 1

    def comes_first(self, frame: Changing, wait: float) -> None:
        """A change is refused, for so many seconds."""
        self._first = (replace(frame, ref=None), _now() + wait)

    def require_first(self, frame: Changing) -> None:
        """Raise RateLimited for a change while one that was refused has to come before it."""
        if self._first is not None:
            first, again_at = self._first
            now = _now()
            if now < again_at + AGAIN and replace(frame, ref=None) != first:
                raise RateLimited("too many changes: first what was refused", retry_after=max(0.0, again_at - now))
            self._first = None

    def ponged(self, n: int) -> None:
        if n == self._ping:
            self._pong_by = None

    def tick(self, now: float) -> float | None:
        """Close what has run out, ping what is silent; return when to look again, or None when it is over."""
        if self.state is State.CLOSED:
            return None
        limits = self._gateway.limits
        self.outbox.look(now)
        paused_at = self.outbox.paused_at
        if self.state is State.AUTHENTICATING:
            due = self._opened_at + limits.auth_timeout
            if now >= due:
                self.close(CloseCode.AUTH_TIMEOUT, "no authentication in time")
            return min(due, now + LOOK)
        if self._pong_by is not None:  # its time runs only while nothing is in the way of the ping
            free_at = self.outbox.resumed_at if paused_at is None else now
            self._pong_by = max(self._pong_by, free_at + limits.pong_timeout)
        if now >= self._expires_at:
            self.close(CloseCode.UNAUTHENTICATED, "the token has expired")
        elif paused_at is not None and now >= paused_at + limits.stuck_timeout:
            self.close(CloseCode.SLOW, "too slow: connect again and resume")
        elif self._pong_by is not None and now >= self._pong_by:
            self.close(CloseCode.HEARTBEAT, "no answer to a ping")
        elif self.state is State.OPENING:
            return now + LOOK
        elif now >= self._ping_at and self._pong_by is None:
            self._send_ping(now)
        stuck_at = (now if paused_at is None else paused_at) + limits.stuck_timeout
        due = self._ping_at if self._pong_by is None else self._pong_by
        return max(min(due, stuck_at, self._expires_at), now + 0.05)

    def _send_ping(self, now: float) -> None:
        self._ping += 1
        self._ping_at = now + self._gateway.limits.heartbeat
        self._pong_by = now + self._gateway.limits.pong_timeout
        changed: dict[RoomId, Seq] = {}
        for room_id, told in self.rooms.items():
            head = self._gateway.hub.head(room_id)
            if head is not None and head != told:
                changed[room_id] = head
        self.rooms.update(changed)
        heads = list(changed.items())
        for start in range(0, max(1, len(heads)), PING_HEADS):
            self.send(wire.Ping(n=self._ping, heads=dict(heads[start : start + PING_HEADS])))

    def _receive(self, data: str | bytes | None) -> None:
        if self.state is State.CLOSED:
            return
        self._frames += 1
        wait = self._bucket.take(_now())
        if wait:
            self._refuse_pace(data, wait)
            return
        self._refused = max(0, self._refused - 1)  # only who keeps the pace for a while is forgiven
        if self.state is not State.OPENING:
            self._take(data)
        elif len(self._early) < self._gateway.limits.inflight and self._fits_early(data):
            self._early = (*self._early, data)
        else:
            self.close(CloseCode.RATE_LIMITED, "too many frames before hello")

    def _fits_early(self, data: str | bytes | None) -> bool:
        """Whoever sends these need not even have a valid credential."""
        return sum(len(early or "") for early in (*self._early, data)) <= 2 * self._gateway.limits.frame_bytes

    def _take(self, data: str | bytes | None) -> None:
        try:
            if data is None:
                raise BadFrame("frames are text, not binary")
            frame = decode_client(data, max_bytes=self._gateway.limits.frame_bytes)
        except ChatError as error:
            self._refuse_frame(data, error)
            return
        self._bad_frames = 0
        self._gateway.handle(self, frame)

    def _refuse_frame(self, data: str | bytes | None, error: ChatError) -> None:
        self._bad_frames += 1
        if self.state is State.AUTHENTICATING:
            self.close(CloseCode.UNAUTHENTICATED, "the first frame must be auth")
        elif isinstance(error, TooLarge):
            self.end_with(error)
        else:
            self.refuse(error, _ref_of(data))
            if self._bad_frames >= MAX_BAD_FRAMES:
                self.close(CloseCode.BAD_FRAME, "too many bad frames")

    def _refuse_pace(self, data: str | bytes | None, wait: float) -> None:
        self._refuse_one()
        if self.state is not State.CLOSED:
            self.refuse(RateLimited("too many frames: slow down", retry_after=wait), _ref_of(data))

    def _refuse_one(self) -> None:
        self._refused += 1
        if self._refused > self._gateway.limits.frame_burst:
            self.close(CloseCode.RATE_LIMITED, "too many frames")

    def _end(self, code: int) -> None:
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        self._early = ()
        self._held = None
        if self.identity is not None:
            self._gateway.hub.detach(self, self.rooms)
        self.rooms.clear()
        self._gateway.closed(self)
        log.log(
            logging.DEBUG if self.identity is None else logging.INFO,  # strangers come in any number
            "connection closed",
            extra={
                "connection_id": self.id,
                "user_id": self.identity and self.identity.user_id,
                "code": int(code),
                "seconds": round(_now() - self._opened_at, 3),
                "frames": self._frames,
            },
        )


def _ref_of(data: str | bytes | None) -> int | None:
    return None if data is None else ref_of(data)


def _now() -> float:
    return asyncio.get_running_loop().time()
