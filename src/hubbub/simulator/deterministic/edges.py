"""What must hold of a single socket, seen from where the node writes to it.

Each layer heals the faults of the one below, so that a client which comes out right proves little: here nothing has
been healed yet. Of a room that is live on a socket the events come without a hole and without a repeat.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from hubbub.domain.events import MemberLeft, RoomDeleted
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.realtime.connection import Connection
from hubbub.simulator.deterministic.loop import SimLoop, Violation
from hubbub.simulator.deterministic.oracle import Oracle
from hubbub.wire import frames as wire
from hubbub.wire.codec import decode_client, decode_server

Frame: TypeAlias = wire.ServerFrame

READ = 1.0  # seconds that pass at most between a look at who may know of somebody, and the word
HEARD, LOOKED = 1.0, 15.0  # seconds until the end of a session is known everywhere: by the bus, by a look at the store

decode = lru_cache(maxsize=1024)(decode_server)  # a frame is looked at here and by its client, and sent to many


@dataclass(slots=True)
class _View:
    epoch: str
    position: Seq
    live: bool
    joined_head: Seq
    base: Seq


@dataclass(frozen=True, slots=True)
class Asked:
    after: Seq | None
    epoch: str | None


class SocketEdge:
    """Watches what passes at the node's end of one socket of a user."""

    def __init__(self, loop: SimLoop, oracle: Oracle, connection: Connection, user_id: UserId, asked: Asked) -> None:
        self._loop = loop
        self._oracle = oracle
        self._connection = connection
        self.user_id = user_id
        self._room_id = room_id = connection.room_id
        self._views: dict[RoomId, _View] = {}
        self._asked: dict[tuple[int | None, RoomId], Asked] = {}
        self._sends: dict[int | None, tuple[wire.Send, float]] = {}
        self._changes: dict[int | None, wire.Edit | wire.Delete] = {}
        self._leaves: dict[int | None, RoomId] = {}
        self._resets: dict[RoomId, Seq] = {}
        self._patience = LOOKED if oracle.looks else HEARD
        self.away = False
        self.watched_at = 0.0
        self.presence: dict[UserId, str | None] = {}  # of those it watches, what it was told last
        if room_id is not None:
            self._asked[None, room_id] = asked

    # What the client asks

    def received(self, text: str) -> None:
        self._loop.note(f"{self._loop.time()!r} {text}")
        frame = decode_client(text)
        match frame:
            case wire.Join():
                self._asked[frame.ref, self._room(frame.room_id)] = Asked(frame.after, frame.epoch)
            case wire.Sync():
                for room_id, after in frame.rooms.items():
                    self._asked[frame.ref, room_id] = Asked(after, frame.epoch)
            case wire.Send():
                self._sends[frame.ref] = frame, self._loop.time()
                if frame.client_id is not None:
                    self._oracle.asked((self._room(frame.room_id), self.user_id, frame.client_id))
            case wire.Edit() | wire.Delete():
                self._changes[frame.ref] = frame
                if isinstance(frame, wire.Edit):
                    self._oracle.asked_to_edit(self._room(frame.room_id), frame.target, frame.text)
            case wire.Leave():
                self._leaves[frame.ref] = self._room(frame.room_id)
            case wire.Presence():
                self.away = frame.status == "away"  # clients here always say it
                self.presence, self.watched_at = dict.fromkeys(frame.watch or ()), self._loop.time()

    # What the node answers

    def wrote(self, payload: bytes) -> None:
        self._check_session()
        self._loop.note(f"{self._loop.time()!r} {payload.decode()}")
        frame = decode(payload)
        match frame:
            case wire.EventFrame():
                self._event(frame)
            case wire.Ack():
                self._ack(frame)
            case wire.Events():
                self._events(frame)
            case wire.Joined():
                self._joined(frame)
            case wire.Reset():
                self._reset(frame)
            case wire.Behind():
                self._views.pop(frame.room_id, None)
            case wire.Error():
                self._error(frame)
            case wire.Signal():
                self._signal(frame)
            case wire.Page():
                self._page(frame)

    def _check_session(self) -> None:
        """Nobody hears anything for long after their session has ended."""
        identity = self._connection.identity
        if identity is not None and self._oracle.ended_for(identity.session_id) > self._patience:
            raise self._broken(f"they hear something, and session {identity.session_id} has ended long ago")

    def _joined(self, frame: wire.Joined) -> None:
        room_id, asked = frame.room_id, self._asked.pop((frame.ref, frame.room_id), None)
        if asked is None:
            raise self._broken(f"joined {room_id} was not asked for")
        truth = self._oracle.epochs[frame.epoch].rooms[room_id]
        stay = truth.stay_at(self.user_id, frame.head)
        if stay is None or stay.left == frame.head:
            raise self._broken(f"joined room {room_id} at {frame.head}, where they are no member")
        if frame.base != truth.base(stay):
            raise self._broken(f"room {room_id}: base is {frame.base}, and should be {truth.base(stay)}")
        reset = self._resets.pop(room_id, None)
        start = frame.head if asked.after is None else asked.after if reset is None else reset
        if reset is None and asked.after is not None and asked.epoch not in {None, frame.epoch}:
            raise self._broken(f"room {room_id}: goes on in another epoch without a reset")
        if not frame.base <= start <= frame.head:
            raise self._broken(f"room {room_id}: goes on from {start}, which is not in {frame.base}..{frame.head}")
        expected = None if start == frame.head else (start + 1, frame.head)
        if frame.replay != expected:
            raise self._broken(f"room {room_id}: replay is {frame.replay}, and should be {expected}")
        self._views[room_id] = _View(frame.epoch, start, expected is None, frame.head, frame.base)

    def _events(self, frame: wire.Events) -> None:
        view = self._views.get(frame.room_id)
        if view is None or view.live:
            raise self._broken(f"room {frame.room_id}: a replay that no join began")
        for body in frame.events:
            self._next(view, frame.room_id, body)
        if frame.more:
            del self._views[frame.room_id]
        elif view.position < view.joined_head:
            raise self._broken(f"room {frame.room_id}: the replay ends at {view.position}, before {view.joined_head}")
        else:
            view.live = True

    def _event(self, frame: wire.EventFrame) -> None:
        view = self._views.get(frame.room_id)
        if view is None or not view.live:
            raise self._broken(f"room {frame.room_id}: event {frame.seq} while it is not live")
        self._next(view, frame.room_id, frame)
        room, _ = self._oracle.event_at(view.epoch, frame.room_id, frame.seq)
        stay = room.stay_at(self.user_id, frame.seq)
        first = room.stay_at(self.user_id, Seq(max(1, view.joined_head)))
        if stay is None or stay is not first:
            raise self._broken(f"room {frame.room_id}: event {frame.seq} after they were removed")

    def _next(self, view: _View, room_id: RoomId, body: wire.EventBody) -> None:
        if body.seq != view.position + 1:
            raise self._broken(f"room {room_id}: event {body.seq} after {view.position}")
        view.position = body.seq
        self._oracle.check_event(view.epoch, room_id, body)
        if body.text and body.target is not None and body.target <= view.base:
            raise self._broken(f"room {room_id}: event {body.seq} tells a text from before {view.base + 1}")

    def _reset(self, frame: wire.Reset) -> None:
        if frame.reason != "forbidden":
            self._resets[frame.room_id] = frame.base or Seq(0)
            return
        view = self._views.pop(frame.room_id, None)
        if view is None or frame.seq is None:
            raise self._broken(f"room {frame.room_id}: removed from what was not live")
        _, event = self._oracle.event_at(view.epoch, frame.room_id, frame.seq)
        if not isinstance(event, RoomDeleted) and not (
            isinstance(event, MemberLeft) and event.member_id == self.user_id
        ):
            raise self._broken(f"room {frame.room_id}: removed by {event}")
        if frame.seq <= view.joined_head:
            raise self._broken(f"room {frame.room_id}: cut by the removal {frame.seq}, before {view.joined_head}")

    def _ack(self, frame: wire.Ack) -> None:
        sent = self._sends.pop(frame.ref, None)
        if sent is not None and sent[0].client_id is not None:
            key = (self._room(sent[0].room_id), self.user_id, sent[0].client_id)
            self._oracle.acked(key, sent[0].text, frame.seq)
        change = self._changes.pop(frame.ref, None)
        if change is not None:
            text = change.text if isinstance(change, wire.Edit) else ""
            self._oracle.changed(self.user_id, self._room(change.room_id), change.target, text, frame.seq)
        left = self._leaves.pop(frame.ref, None)
        if left is not None:
            self._views.pop(left, None)

    def _error(self, frame: wire.Error) -> None:
        sent = self._sends.pop(frame.ref, None)
        if sent is not None and sent[0].client_id is not None and not frame.retryable:
            key = (self._room(sent[0].room_id), self.user_id, sent[0].client_id)
            self._oracle.give_up(key, sent[1])
        if frame.code == "internal":
            raise self._broken(f"a defect: {frame.message}")
        if frame.code == "rate_limited":
            raise self._broken(f"they keep to the pace of the document, and are told: {frame.message}")

    def _signal(self, frame: wire.Signal) -> None:
        user_id, view = frame.user_id, self._views.get(frame.room_id or RoomId(0))
        if frame.kind == "presence" and user_id is not None:
            if user_id in self.presence:  # otherwise it is the answer to an older question
                self.presence[user_id] = frame.status
            told = frame.status != "offline" or frame.last_seen is not None
            since = self._loop.time() - READ
            if told and not self._oracle.share_a_room(self.user_id, user_id, since=since):
                raise self._broken(f"they are told that user {user_id} is {frame.status}, and share no room with them")
        elif frame.kind in {"typing", "read"} and user_id != self.user_id and (view is None or not view.live):
            raise self._broken(f"room {frame.room_id}: {frame.kind} of user {user_id} while it is not live")

    def _page(self, frame: wire.Page) -> None:
        room = self._oracle.truth.rooms.get(frame.room_id)
        seqs = [message.seq for message in frame.items]
        if seqs != sorted(seqs, reverse=True):
            raise self._broken(f"a page of room {frame.room_id} is not in order: {seqs}")
        if room is not None and len(self._oracle.epochs) == 1:  # a page does not say of which epoch it is
            for message in frame.items:
                self._oracle.check_message(room, message)

    def _room(self, room_id: RoomId | None) -> RoomId:
        found = self._room_id if room_id is None else room_id
        assert found is not None
        return found

    def _broken(self, detail: str) -> Violation:
        return Violation("edge", f"user {self.user_id}: {detail}")
