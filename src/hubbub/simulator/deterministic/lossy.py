"""A server that breaks every promise that a client can do without, and a program on the SDK that must not notice.

It loses, doubles and swaps frames on connections that live, says `more` where there is none, answers late or never,
sends garbage, and closes when it likes. Only two things can be relied on: what it has acknowledged is in its log, and
from some point on it is honest. The hub of a real server heals such faults before a client sees them; here the client's
own arithmetic is all there is.
"""

import asyncio
import logging
from collections.abc import Callable
from random import Random

from hubbub.client.live import Live
from hubbub.client.ports import AccessToken
from hubbub.client.results import LogPage, Membership, RoomSummary
from hubbub.domain.events import Event, MessageEdited, MessagePosted
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom
from hubbub.simulator.deterministic.guard import sealed
from hubbub.simulator.deterministic.loop import SimLoop, Violation
from hubbub.simulator.deterministic.servers import SimSocket
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from hubbub.wire.codec import decode_client, encode
from hubbub.wire.events import encode_event, event_body
from hubbub.wire.times import format_time

ROOM = RoomId(1)
ME, OTHER = UserId(1), UserId(2)
GARBAGE = (b"", b"[]", b'{"type":"weather"}', b'{"type":"event","room_id":1}', b'{"type":"joined","ref":1}', b"\xff")
PAGE = 3  # events in one frame


def run_lossy(seed: int, steps: int = 60) -> Violation | None:
    """Talk to a hostile server, and compare once it has become honest; None when nothing was lost."""
    loop = SimLoop()  # type: ignore[abstract]
    try:
        with sealed(_listen):
            loop.run(_talk(Random(f"lossy {seed}"), steps), max_steps=2000 * steps)
    except Violation as found:
        return found
    finally:
        loop.close()
    return None


async def _talk(random: Random, steps: int) -> None:
    server = LossyServer(random)
    ids = iter(range(1, 1_000_000))
    live = Live(server, server, server, random=random.random, new_id=lambda: f"me.{next(ids)}")
    await live.start()
    room = live.room(ROOM, after=Seq(0))
    said = []
    for step in range(steps):
        await asyncio.sleep(random.random())
        if random.random() < 0.4:
            said.append(asyncio.get_running_loop().create_task(room.send(f"mine {step}")))
        else:
            server.happen()
    server.honest = True
    await asyncio.sleep(120)
    answers = [task.result().seq if task.done() else None for task in said]
    if answers != [event.seq for event in server.log if event.user_id == ME]:
        raise Violation("answers", f"{answers} of {len(said)} messages")
    if room.state.messages != server.fold.messages or room.position != server.fold.head:
        raise Violation("convergence", f"the room is at {room.position} of {server.fold.head}, or differs")
    await live.close()


class LossyServer:
    """Implements `client.ports.Connector`, `Credentials` and `Reader`. It has one room, and its log."""

    def __init__(self, random: Random) -> None:
        self.honest = False
        self.log: list[Event] = []
        self.fold = ChatRoom(ROOM)
        self._random = random
        self._acked: dict[str, Seq] = {}
        self._socket: _LossySocket | None = None

    # The client's ports

    async def connect(self, token: str) -> "_LossySocket":
        await asyncio.sleep(self._random.random())
        if self._is_bad(0.2) and self._socket is not None:
            raise ConnectionRefusedError("go away")
        self._socket = _LossySocket(self._random, self._hear)
        self._socket.push(
            wire.Hello(
                protocol=wire.PROTOCOL,
                connection_id="lossy",
                user=wire.UserBody(id=ME, username="me"),
                epoch="lossy",
                heartbeat_ms=4000,
                limits=wire.LimitsBody(frame=65536, inflight=16, frame_rate=0, frame_burst=100),
                rooms=[],
            )
        )
        asyncio.get_running_loop().call_later(4.0, self._ping, self._socket, 1)
        return self._socket

    async def token(self) -> AccessToken:
        return AccessToken("token")

    async def renew(self, rejected: str) -> AccessToken:
        return AccessToken("token")

    async def events(self, room_id: RoomId, *, after: Seq, limit: int = 200, epoch: str | None = None) -> LogPage:
        return LogPage(items=self.log[after:], upto=self.fold.head, head=self.fold.head, epoch="lossy", after=after)

    async def room(self, room_id: RoomId) -> RoomSummary:
        raise NotImplementedError

    async def members(self, room_id: RoomId) -> list[Membership]:
        raise NotImplementedError

    # What happens

    def happen(self) -> None:
        """Somebody else says something, or thinks better of it; or the server misbehaves."""
        socket = self._socket
        if self._is_bad(0.15) and socket is not None:
            what = int(self._random.random() * 4)
            if what == 0:
                socket.lost(CloseCode.ABNORMAL)
            elif what == 1:
                socket.push(wire.Behind(room_id=ROOM, head=self.fold.head))
                socket.live = False
            elif what == 2:
                socket.push_bytes(GARBAGE[int(self._random.random() * len(GARBAGE))])
            else:
                socket.live = False  # it forgets its client, and says nothing
            return
        mine = [seq for seq, message in self.fold.messages.items() if message.user_id == OTHER]
        if mine and self._random.random() < 0.3:
            self._commit(MessageEdited(ROOM, self._next(), OTHER, Millis(0), mine[-1], f"edited at {self._next()}"))
        else:
            self._commit(MessagePosted(Message(ROOM, self._next(), OTHER, Millis(0), f"theirs {self._next()}")))

    def _commit(self, event: Event) -> None:
        self.log.append(event)
        self.fold.apply(event)
        if self._socket is None or not self._socket.live:
            return
        if self._is_bad(0.2):
            return  # lost
        for _ in range(2 if self._is_bad(0.2) else 1):
            self._socket.push_bytes(encode_event(event), swap=self._is_bad(0.2))

    def _hear(self, socket: "_LossySocket", data: bytes) -> None:
        frame = decode_client(data)
        if isinstance(frame, wire.Join | wire.Sync) and self._is_bad(0.1):
            return  # as if it had never come
        if isinstance(frame, wire.Send) and self._is_bad(0.05):
            socket.deaf = True  # one message that gets lost, and a later one that does not, no client could mend
        if socket.deaf or socket is not self._socket:
            return
        match frame:
            case wire.Join():
                self._join(socket, frame.ref, frame.after)
            case wire.Sync():
                for after in frame.rooms.values():
                    self._join(socket, frame.ref, after)
                socket.push(wire.Ack(ref=frame.ref))
            case wire.Send():
                self._send(socket, frame)

    def _join(self, socket: "_LossySocket", ref: int | None, after: Seq | None) -> None:
        start = self.fold.head if after is None else after
        events = self.log[start : start + PAGE]
        more = start + len(events) < self.fold.head
        replay = (Seq(start + 1), self.fold.head) if events else None
        socket.push(
            wire.Joined(
                ref=ref,
                room_id=ROOM,
                epoch="lossy",
                head=self.fold.head,
                base=Seq(0),
                read_seq=Seq(0),
                role=Role.MEMBER,
                replay=replay,
            )
        )
        if events:
            if self._is_bad(0.2):
                events = events[1:] or events  # a hole
            more = more or self._is_bad(0.1)
            socket.push(wire.Events(ref=ref, room_id=ROOM, more=more, events=[event_body(event) for event in events]))
        socket.live = not more

    def _send(self, socket: "_LossySocket", frame: wire.Send) -> None:
        assert frame.client_id is not None
        duplicate = frame.client_id in self._acked
        if not duplicate:
            self._acked[frame.client_id] = seq = self._next()
            self._commit(MessagePosted(Message(ROOM, seq, ME, Millis(0), frame.text, frame.client_id)))
        if self._is_bad(0.2):
            socket.lost(CloseCode.ABNORMAL)  # the ack is lost
            return
        seq = self._acked[frame.client_id]
        socket.push(
            wire.Ack(
                ref=frame.ref,
                room_id=ROOM,
                client_id=frame.client_id,
                seq=seq,
                at=format_time(Millis(0)),
                duplicate=duplicate,
            )
        )

    def _ping(self, socket: "_LossySocket", n: int) -> None:
        if socket is self._socket:
            socket.push(wire.Ping(n=n, heads={ROOM: self.fold.head}))
            asyncio.get_running_loop().call_later(4.0, self._ping, socket, n + 1)

    def _next(self) -> Seq:
        return Seq(self.fold.head + 1)

    def _is_bad(self, chance: float) -> bool:
        return not self.honest and self._random.random() < chance


class _LossySocket(SimSocket):
    """A socket that swaps what is put into it, when it is told to."""

    def __init__(self, random: Random, hear: Callable[["_LossySocket", bytes], None]) -> None:
        super().__init__()
        self.live = False  # events of the room are sent
        self.deaf = False  # nothing that is said to it counts
        self._random = random
        self._hear = hear
        self._held: bytes | None = None

    def push(self, frame: wire.ServerFrame) -> None:
        self.push_bytes(encode(frame))

    def push_bytes(self, payload: bytes, *, swap: bool = False) -> None:
        if swap and self._held is None:
            self._held = payload
            return
        self.message(payload)
        if self._held is not None:
            held, self._held = self._held, None
            self.message(held)

    async def send(self, data: bytes) -> None:
        await asyncio.sleep(0.1 * self._random.random())
        self._hear(self, data)

    async def close(self, code: int, reason: str) -> None:
        self.lost(code)


def _listen(level: int, name: str, text: str) -> None:
    if level >= logging.ERROR:
        raise Violation("defect", f"{name}: {text}")
