"""A core with a server that says what a test wants it to say, at the time that the test wants."""

from typing import TypeVar

from msgspec.structs import replace

from hubbub.client import outputs
from hubbub.client.core import Core
from hubbub.client.results import RoomSummary
from hubbub.domain.events import Event, MessagePosted, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message
from hubbub.wire import frames as wire
from hubbub.wire.codec import decode_client, encode
from hubbub.wire.events import event_body

T = TypeVar("T")

ROOM = RoomId(9)
ANN = UserId(1)
HELLO = wire.Hello(
    protocol=1,
    connection_id="c1",
    user=wire.UserBody(id=ANN, username="ann"),
    epoch="e1",
    heartbeat_ms=25_000,
    limits=wire.LimitsBody(frame=65_536, inflight=64),
    rooms=[],
)


def summary(room_id: RoomId, kind: RoomKind, name: str, head: int = 0) -> RoomSummary:
    """A room in which nothing is known to have been said."""
    return RoomSummary(
        id=room_id,
        kind=kind,
        name=name,
        topic="",
        head=Seq(head),
        last_at=Millis(0),
        base=Seq(0),
        read_seq=Seq(0),
        unread=0,
        role=Role.MEMBER,
        peer=None,
        last_message=None,
        last_author=None,
    )


def posted(seq: int, text: str = "", room_id: RoomId = ROOM, client_id: str | None = None) -> MessagePosted:
    return MessagePosted(Message(room_id, Seq(seq), ANN, Millis(seq), text or f"m{seq}", client_id))


def event(seq: int, room_id: RoomId = ROOM) -> wire.EventFrame:
    body = event_body(posted(seq, room_id=room_id))
    return wire.EventFrame(room_id=room_id, **{name: getattr(body, name) for name in body.__struct_fields__})


def joined(
    ref: int | None,
    head: int,
    *,
    replay: tuple[int, int] | None = None,
    base: int = 0,
    epoch: str = "e1",
    room_id: RoomId = ROOM,
) -> wire.Joined:
    span = None if replay is None else (Seq(replay[0]), Seq(replay[1]))
    return wire.Joined(
        ref=ref,
        room_id=room_id,
        epoch=epoch,
        head=Seq(head),
        base=Seq(base),
        read_seq=Seq(0),
        role=Role.MEMBER,
        replay=span,
    )


def events(ref: int | None, first: int, last: int, *, more: bool = False, room_id: RoomId = ROOM) -> wire.Events:
    bodies = [event_body(posted(seq, room_id=room_id)) for seq in range(first, last + 1)]
    return wire.Events(ref=ref, room_id=room_id, more=more, events=bodies)


class Script:
    """What the core sends is in `sent`, everything else that it puts out in `told`."""

    def __init__(self, *, chance: float = 0.5) -> None:
        self.core = Core(lambda: chance)
        self.now = 100.0  # seconds
        self.sent: list[wire.ClientFrame] = []
        self.told: list[outputs.Output] = []

    def opened(self, hello: wire.Hello = HELLO, *, lifetime: float | None = None) -> "Script":
        """Connect, and let the server say hello."""
        if self.core.hello is None:
            self.core.start()
        self.connected(lifetime)
        self.says(hello)
        return self

    def connected(self, lifetime: float | None = None) -> None:
        self.core.connecting()
        self.core.connected(self.now, lifetime)
        self.collect()

    def follow(self, after: int | None = 0, *, room_id: RoomId = ROOM, epoch: str | None = None) -> int:
        """Follow a room; return the ref of the join that this sends."""
        self.core.follow(room_id, self.now, after=None if after is None else Seq(after), epoch=epoch)
        self.collect()
        return self.last(wire.Join).ref or 0

    def unfollow(self) -> None:
        self.core.unfollow(ROOM, self.now)
        self.collect()

    def mark(self, seq: int, *, room_id: RoomId = ROOM) -> None:
        self.core.mark_read(room_id, Seq(seq), self.now)
        self.collect()

    def live(self, head: int = 0) -> "Script":
        """Follow the room from its beginning and catch up, with nothing that is remembered of that."""
        ref = self.follow()
        if head:
            self.says(joined(ref, head, replay=(1, head)), events(ref, 1, head))
        else:
            self.says(joined(ref, 0))
        self.forget()
        return self

    def says(self, *frames: wire.ServerFrame | bytes) -> None:
        for frame in frames:
            self.core.received(self.now, frame if isinstance(frame, bytes) else encode(frame))
            self.collect()

    def lost(self, code: int = 1006, reason: str = "") -> None:
        self.core.lost(self.now, code, reason)
        self.collect()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with every deadline on the way."""
        end = self.now + seconds
        while True:
            deadline = self.core.deadline()
            if deadline is None or deadline > end:
                break
            self.now = max(self.now, deadline)
            self.core.timeout(self.now)
            self.collect()
        self.now = end

    def stay(self, seconds: int) -> None:
        """Let time pass on a connection that lives."""
        for n in range(seconds // 10):
            self.pass_time(10)
            self.says(wire.Ping(n=n, heads={}))

    def send(self, text: str = "hi", *, client_id: str = "a1", room_id: RoomId = ROOM) -> int:
        key = self.core.exchange(wire.Send(room_id=room_id, text=text, client_id=client_id), self.now)
        self.collect()
        return key

    def ack(self, frame: wire.Send, seq: int) -> None:
        at = "2026-11-22T09:00:00.000Z"
        self.says(wire.Ack(ref=frame.ref, room_id=frame.room_id, client_id=frame.client_id, seq=Seq(seq), at=at))

    def refuse(self, ref: int | None, code: str, *, retryable: bool = False, room_id: RoomId | None = None) -> None:
        self.says(wire.Error(ref=ref, room_id=room_id, code=code, message=code, retryable=retryable))

    def collect(self) -> None:
        for output in self.core.take():
            if isinstance(output, outputs.Transmit):
                self.sent.append(decode_client(output.data))
            else:
                self.told.append(output)

    def forget(self) -> None:
        self.sent.clear()
        self.told.clear()

    def frames(self, kind: type[T]) -> list[T]:
        return [frame for frame in self.sent if isinstance(frame, kind)]

    def last(self, kind: type[T]) -> T:
        return self.frames(kind)[-1]

    def outputs(self, kind: type[T]) -> list[T]:
        return [output for output in self.told if isinstance(output, kind)]

    @property
    def applied(self) -> list[int]:
        return [output.seq for output in self.outputs(outputs.Applied)]

    @property
    def events(self) -> list[Event | None]:
        return [output.event for output in self.outputs(outputs.Applied)]

    @property
    def reconnects(self) -> list[float]:
        return [output.delay for output in self.outputs(outputs.Connect)]


def with_limits(**limits: float) -> wire.Hello:
    return replace(HELLO, limits=replace(HELLO.limits, **limits))
