"""A client that resumes, written for the oracle's eyes: nothing is healed silently, and all it knows can be looked at.

It keeps a fold of each room by the arithmetic of `wire.position`, joins with its position and epoch, sends again what
was not acknowledged, in order, at the pace of the document, and connects to any node that lives.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol, TypeVar

from hubbub.domain.errors import ChatError
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.domain.rooms import ChatRoom
from hubbub.services.accounts import Grant
from hubbub.services.ports import RoomSummary
from hubbub.simulator.deterministic.edges import decode
from hubbub.simulator.deterministic.loop import SimLoop, Violation
from hubbub.simulator.deterministic.nodes import LIMITS, Node
from hubbub.simulator.deterministic.pipes import Pipe, latency
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from hubbub.wire.codec import encode
from hubbub.wire.events import domain_event
from hubbub.wire.limits import TokenBucket
from hubbub.wire.position import Position, Step

T = TypeVar("T")

PASSWORD = "correct horse"  # noqa: S105 - nobody is kept out with it
WINDOW = 3 * LIMITS.frame_burst // 8  # frames without an answer
RETRY = 0.5  # seconds until a refused join is tried again
RETURN = 2.0  # seconds until somebody who was sent away from a room looks whether they are back in it


class Surroundings(Protocol):
    """What a client sees of the world."""

    loop: SimLoop
    random: Random

    def some_node(self) -> Node | None:
        """A node that lives, if there is any."""
        ...


@dataclass(slots=True)
class Followed:
    """A room, as far as this client knows it."""

    fold: ChatRoom
    position: Position = field(default_factory=Position)
    base: Seq = Seq(0)
    epoch: str | None = None
    live: bool = False
    marked: Seq = Seq(0)  # read up to here, as the server was told
    since: Seq = Seq(0)  # it is followed from here on: what is older was asked for, or is not known
    loaded: bool = False  # who is in it was asked for as well
    asked: int | None = None  # the ref of the last join; its answer counts, and no older one


class Client:
    """One device of a user. With a `room_id` it is on `/ws/chat/{room_id}`, without one on `/ws`."""

    def __init__(
        self, world: Surroundings, device: str, user_id: UserId, username: str, room_id: RoomId | None
    ) -> None:
        self.device = device
        self.user_id = user_id
        self.rooms: dict[RoomId, Followed] = {}
        self.unacked: dict[str, wire.Send] = {}  # by client_id, in the order in which they were said
        self.open = False
        self.resting = False  # offline on purpose
        self.gone = False  # for good
        self.pipe: Pipe | None = None
        self.context = world.loop.context_of(device)
        self._world = world
        self._loop = world.loop
        self._random = world.random
        self._username = username
        self.room_id = room_id
        self._token: str | None = None
        self._attempt = 0  # what an older attempt brings is not for this one
        self._ref = 0
        self._said = 0
        self._sent: dict[int, str] = {}  # the client_id of each send of this connection
        self._outgoing: deque[wire.ClientFrame] = deque()
        self._unanswered: dict[int, None] = {}
        self._bucket = _pace()
        self._listings: dict[int, None] = {}  # attempts whose rooms are known

    @property
    def waits(self) -> bool:
        """Is there a frame without an answer?"""
        return bool(self._outgoing or self._unanswered)

    # What its user does

    def start(self) -> None:
        self._loop.call_soon(self._connect, context=self.context)

    def say(self, room_id: RoomId, text: str) -> None:
        self._said += 1
        client_id = f"{self.device}.{self._said}"
        self.unacked[client_id] = wire.Send(room_id=room_id, text=text, client_id=client_id)
        self._pump()

    def ask(self, make: Callable[[int], wire.ClientFrame]) -> None:
        """A frame whose answer nobody waits for."""
        if self.open:
            self._send(make(self._next_ref()))

    def hop(self) -> None:
        """Close the connection, and open another one."""
        self._hang_up()
        self._again(latency(self._random))

    def rest(self, seconds: float) -> None:
        """Be offline for a while."""
        self.resting = True
        self._hang_up()
        self._loop.call_later(seconds, self.wake, context=self.context)

    def wake(self) -> None:
        if self.resting and not self.gone:
            self.resting = False
            self._connect()

    def quit(self) -> None:
        """Leave for good."""
        self.gone = True
        self._hang_up()

    # Connecting

    def _connect(self) -> None:
        if self.gone or self.resting:
            return
        self._attempt += 1
        attempt, node = self._attempt, self._world.some_node()
        if node is None:
            self._again(RETRY)
        elif self._token is None:
            self._loop.call_later(5.0, self._give_up_login, attempt, context=self.context)
            node.request(
                lambda node: node.chat.accounts.login(self._username, PASSWORD, address=self.device, label=self.device),
                lambda answer: self._hear(self._logged_in, attempt, answer),
            )
        else:
            self.pipe = Pipe(self._loop, self._random, node.context, self.context, self)
            followed = None if self.room_id is None else self.rooms.get(self.room_id)
            after = Seq(0) if followed is None else followed.position.applied
            epoch = None if followed is None else followed.epoch
            self._loop.call_later(
                latency(self._random),
                *(node.accept, self.pipe, self.user_id, self._token, self.room_id, after, epoch),
                context=node.context,
            )
            if not node.alive:
                self.pipe.cut()
            node.pipes[self.pipe] = None

    def _hear(self, take: Callable[[int, T], None], attempt: int, answer: T) -> None:
        """In the node's context: the answer is on its way."""
        self._loop.call_later(latency(self._random), take, attempt, answer, context=self.context)

    def _logged_in(self, attempt: int, answer: Grant | ChatError) -> None:
        if attempt == self._attempt:
            if isinstance(answer, Grant):
                self._token = answer.access_token
            self._again(0.0 if isinstance(answer, Grant) else RETRY)

    def _give_up_login(self, attempt: int) -> None:
        if attempt == self._attempt and self._token is None:
            self._again(0.0)

    def _again(self, delay: float) -> None:
        self._attempt += 1
        self._loop.call_later(delay, self._connect_if, self._attempt, context=self.context)

    def _connect_if(self, attempt: int) -> None:
        if attempt == self._attempt:
            self._connect()

    def _hang_up(self) -> None:
        self._attempt += 1
        self._down()
        if self.pipe is not None:
            self.pipe.hang_up()

    def _down(self) -> None:
        self.open = False
        self._sent.clear()
        self._outgoing.clear()
        self._unanswered.clear()
        self._bucket = _pace()
        for followed in self.rooms.values():
            followed.live, followed.asked = False, None

    def lost(self, code: int) -> None:
        self._down()
        if code == CloseCode.UNAUTHENTICATED:
            self._token = None
        sent_away = code in {CloseCode.FORBIDDEN, CloseCode.NOT_FOUND}
        if sent_away and self.room_id is not None:
            self.rooms.pop(self.room_id, None)
        elif 4400 <= code < 4500 and code not in {CloseCode.UNAUTHENTICATED, CloseCode.AUTH_TIMEOUT}:
            raise Violation("client", f"{self.device} was closed with {code}, as if it had done something wrong")
        self._again(RETURN if sent_away else self._random.random())

    # What the server says

    def message(self, payload: bytes) -> None:
        frame = decode(payload)
        self._hear_answer(frame)
        match frame:
            case wire.EventFrame():
                self._apply(frame.room_id, frame)
            case wire.Ack():
                self.unacked.pop(self._sent.pop(frame.ref or 0, ""), None)
                self._pump()
            case wire.Events():
                for body in frame.events:
                    self._apply(frame.room_id, body)
                if frame.more:
                    self._join(frame.room_id)
            case wire.Ping():
                self._put(wire.Pong(n=frame.n))
                self._look_at(frame.heads)
            case wire.Hello():
                self._welcomed(frame)
            case wire.Joined():
                self._joined(frame)
            case wire.Behind():
                self._join(frame.room_id)
            case wire.Reset():
                self._reset(frame)
            case wire.Signal():
                self._signalled(frame)
            case wire.Error():
                self._refused(frame)

    def _welcomed(self, frame: wire.Hello) -> None:
        self.open = True
        if self.room_id is not None:
            self.rooms.setdefault(self.room_id, Followed(ChatRoom(self.room_id))).asked = None
        elif frame.rooms_cursor is None:
            theirs = [room.id for room in frame.rooms or ()]
            for room_id in [room_id for room_id in self.rooms if room_id not in theirs]:
                del self.rooms[room_id]
            self._follow_all(theirs)
        else:
            self._list_rooms(self._attempt)
        self._pump()

    def _list_rooms(self, attempt: int) -> None:
        """There are more rooms than `hello` could hold."""
        if attempt != self._attempt or not self.open:
            return
        self._loop.call_later(RETRY, self._list_rooms_again, attempt, context=self.context)
        node = self._world.some_node()
        if node is not None:
            node.request(
                lambda node: node.chat.rooms.page(self.user_id, limit=200),
                lambda answer: self._hear(self._listed, attempt, answer),
            )

    def _list_rooms_again(self, attempt: int) -> None:
        if attempt not in self._listings:
            self._list_rooms(attempt)

    def _listed(self, attempt: int, answer: tuple[list[RoomSummary], str | None] | ChatError) -> None:
        if attempt == self._attempt and attempt not in self._listings and not isinstance(answer, ChatError):
            self._listings[attempt] = None
            # A signal may have been quicker than the list: of the rest each join tells whether it is still theirs.
            self._follow_all([*self.rooms, *(room.room_id for room in answer[0] if room.room_id not in self.rooms)])

    def _follow_all(self, room_ids: list[RoomId]) -> None:
        for room_id in room_ids:
            self._follow(room_id)

    def _follow(self, room_id: RoomId) -> None:
        self.rooms.setdefault(room_id, Followed(ChatRoom(room_id)))
        self._join(room_id)

    def _join(self, room_id: RoomId) -> None:
        followed = self.rooms.get(room_id)
        if followed is not None and self.open:
            followed.live, followed.asked = False, self._next_ref()
            after = followed.position.applied
            self._send(wire.Join(ref=followed.asked, room_id=room_id, after=after, epoch=followed.epoch))

    def _joined(self, frame: wire.Joined) -> None:
        followed = self.rooms.get(frame.room_id)
        if followed is None or frame.ref != followed.asked:
            return
        followed.epoch, followed.base, followed.live = frame.epoch, frame.base, True
        if followed.position.applied < frame.base:
            self._start_over(followed, frame.base)

    def _apply(self, room_id: RoomId, body: wire.EventBody) -> None:
        followed = self.rooms.get(room_id)
        if followed is None:
            return
        step = followed.position.take(body.seq)
        if step is Step.GAP:
            self._join(room_id)
        elif step is Step.APPLY:
            event = domain_event(room_id, body)
            assert event is not None
            followed.fold.apply(event)

    def _look_at(self, heads: dict[RoomId, Seq]) -> None:
        for room_id, head in heads.items():
            followed = self.rooms.get(room_id)
            if followed is not None and followed.live and followed.position.applied < head:
                self._join(room_id)

    def _reset(self, frame: wire.Reset) -> None:
        followed = self.rooms.get(frame.room_id)
        if followed is None:
            return
        if frame.reason == "forbidden":
            if self.room_id is None:
                del self.rooms[frame.room_id]
        else:
            self._start_over(followed, frame.base or Seq(0))

    def _start_over(self, followed: Followed, base: Seq) -> None:
        followed.fold = ChatRoom(followed.fold.id)
        followed.position = Position(base)
        followed.base = base

    def _signalled(self, frame: wire.Signal) -> None:
        if frame.kind != "room" or frame.room_id is None:
            return
        if not frame.on:
            self._join(frame.room_id)  # the signal may be an old one: whether they are a member is in the answer
        elif frame.room_id not in self.rooms:
            self._follow(frame.room_id)

    def _refused(self, frame: wire.Error) -> None:
        client_id = self._sent.pop(frame.ref or 0, None)
        if client_id is not None:
            if not frame.retryable:
                del self.unacked[client_id]
                self._pump()
            return
        for room_id, followed in list(self.rooms.items()):
            if followed.asked is not None and followed.asked == frame.ref:
                if frame.code in {"forbidden", "not_found"} and self.room_id is None:
                    del self.rooms[room_id]
                elif frame.code in {"forbidden", "not_found"}:
                    self._hang_up()
                    self._again(RETURN)
                else:
                    self._loop.call_later(RETRY, self._join_if, room_id, followed.asked, context=self.context)

    def _join_if(self, room_id: RoomId, asked: int) -> None:
        followed = self.rooms.get(room_id)
        if followed is not None and followed.asked == asked:
            self._join(room_id)

    # Sending

    def _pump(self) -> None:
        """Send what is due, in order: what was not acknowledged on an older connection goes first."""
        sent = list(self._sent.values())
        for client_id, frame in self.unacked.items():
            if not self.open or len(self._sent) >= WINDOW:
                return
            if client_id not in sent:
                ref = self._next_ref()
                self._sent[ref] = client_id
                self._send(wire.Send(ref=ref, room_id=frame.room_id, text=frame.text, client_id=client_id))

    def _send(self, frame: wire.ClientFrame) -> None:
        self._outgoing.append(frame)
        self._flow(self._attempt)

    def _flow(self, attempt: int) -> None:
        """Let go what the pace allows."""
        while attempt == self._attempt and self._outgoing and len(self._unanswered) < WINDOW:
            wait = self._bucket.take(self._loop.time())
            if wait:
                self._loop.call_later(wait + 0.001, self._flow, attempt, context=self.context)
                return
            frame = self._outgoing.popleft()
            ref = getattr(frame, "ref", None)
            if ref is not None:
                self._unanswered[ref] = None
            self._put(frame)

    def _put(self, frame: wire.ClientFrame) -> None:
        assert self.pipe is not None
        self.pipe.send(encode(frame).decode())

    def _hear_answer(self, frame: wire.ServerFrame) -> None:
        """Of a join the answer is one frame or two."""
        ref = getattr(frame, "ref", None)
        if ref is not None and not (isinstance(frame, wire.Joined) and frame.replay is not None):
            self._unanswered.pop(ref, None)
            self._flow(self._attempt)

    def _next_ref(self) -> int:
        self._ref += 1
        return self._ref


def _pace() -> TokenBucket:
    """What a connection may send: half of what the server takes at once."""
    return TokenBucket(LIMITS.frame_rate, LIMITS.frame_burst // 2)
