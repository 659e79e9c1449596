"""What must hold of the log, and what was committed when. `edges` and `rest` ask it.

It believes nobody but the database: it is told of every commit at the moment of the commit.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hubbub.domain.events import (
    Event,
    History,
    MemberJoined,
    MemberLeft,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    RoomDeleted,
)
from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom
from hubbub.simulator.deterministic.loop import Violation
from hubbub.wire.events import event_body
from hubbub.wire.frames import EventBody, MessageBody

ClientKey = tuple[RoomId, UserId, str]


@dataclass(slots=True)
class Stay:
    """One membership: from the event that began it to the one that ended it (None = it goes on)."""

    joined: Seq
    left: Seq | None = None


@dataclass(slots=True)
class RoomTruth:
    """All that ever was in one room, in one epoch."""

    room: ChatRoom
    events: list[Event] = field(default_factory=list)  # events[seq - 1]
    times: list[float] = field(default_factory=list)  # when each was committed
    stays: dict[UserId, list[Stay]] = field(default_factory=dict)
    texts: dict[tuple[Seq, Seq], str] = field(default_factory=dict)  # (message, version): what it said then

    def take(self, event: Event, now: float) -> None:
        self.room.apply(event)
        self.events.append(event)
        self.times.append(now)
        match event:
            case MessagePosted():
                self.texts[event.seq, event.seq] = event.message.text
            case MessageEdited():
                self.texts[event.target, event.seq] = event.text
            case MessageDeleted():
                self.texts[event.target, event.seq] = ""
            case MemberJoined():
                self.stays.setdefault(event.member_id, []).append(Stay(event.seq))
            case MemberLeft():
                self._left(event.member_id, event.seq)
            case RoomDeleted():
                for user_id in self.stays:
                    self._left(user_id, event.seq)

    def says(self, user_id: UserId, target: Seq, text: str, seq: Seq | None) -> bool:
        """Has this event of the user made the message say so? None = has any event?"""
        if seq is None:
            return any(said == text for (message, _), said in self.texts.items() if message == target)
        return self.texts.get((target, seq)) == text and self.events[seq - 1].user_id == user_id

    def stay_at(self, user_id: UserId, seq: Seq) -> Stay | None:
        """The membership that covers this seq; the event that ends one is still part of it."""
        for stay in reversed(self.stays.get(user_id, ())):
            if stay.joined <= seq:
                return stay if stay.left is None or seq <= stay.left else None
        return None

    def together(self, user_id: UserId, other_id: UserId) -> list[tuple[float, float]]:
        """From when to when both were members."""
        return [
            (max(began, other_began), min(ended, other_ended))
            for began, ended in self._times_of(user_id)
            for other_began, other_ended in self._times_of(other_id)
            if max(began, other_began) <= min(ended, other_ended)
        ]

    def _times_of(self, user_id: UserId) -> list[tuple[float, float]]:
        return [
            (self.times[stay.joined - 1], math.inf if stay.left is None else self.times[stay.left - 1])
            for stay in self.stays.get(user_id, ())
        ]

    def base(self, stay: Stay) -> Seq:
        return Seq(0) if self.room.history is History.ALL else Seq(stay.joined - 1)

    def _left(self, user_id: UserId, seq: Seq) -> None:
        stays = self.stays.get(user_id)
        if stays and stays[-1].left is None:
            stays[-1].left = seq


@dataclass(frozen=True, slots=True)
class Committed:
    """A message that has a client_id: where it is, and since when."""

    seq: Seq
    at: float


class Truth:
    """One epoch of the store."""

    def __init__(self) -> None:
        self.rooms: dict[RoomId, RoomTruth] = {}
        self.client_ids: dict[ClientKey, Committed] = {}

    def take(self, event: Event, now: float) -> None:
        room = self.rooms.get(event.room_id)
        if room is None:
            room = self.rooms[event.room_id] = RoomTruth(ChatRoom(event.room_id))
        if event.seq != room.room.head + 1:
            raise Violation("log", f"room {event.room_id}: seq {event.seq} was committed after {room.room.head}")
        room.take(event, now)
        if isinstance(event, MessagePosted) and event.message.client_id is not None:
            key = (event.room_id, event.user_id, event.message.client_id)
            if key in self.client_ids:
                raise Violation("dedup", f"{key} is at {self.client_ids[key].seq} and at {event.seq}")
            self.client_ids[key] = Committed(event.seq, now)


class Oracle:
    """Implements `stores.Witness`."""

    def __init__(self, now: Callable[[], float], *, looks: bool) -> None:
        self.looks = looks  # do the nodes look at the store for what they have missed?
        self._now = now
        self.epoch = "epoch-1"
        self.epochs: dict[str, Truth] = {self.epoch: Truth()}
        self._marks: dict[tuple[RoomId, UserId], Seq] = {}
        self._sent: dict[tuple[RoomId, UserId, str], int] = {}  # the last number that each device has had committed
        self._asked: dict[ClientKey, float] = {}  # when a server first got it
        self._edits: dict[tuple[RoomId, Seq, str], list[float]] = {}  # when a server got each: its text is its own
        self._lost: dict[ClientKey, None] = {}  # in a restore
        self._ended: dict[SessionId, float] = {}  # when each session did

    @property
    def truth(self) -> Truth:
        return self.epochs[self.epoch]

    def committed(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, MessageEdited | MessageDeleted):
                self._check_change(event)
            if isinstance(event, MessageEdited):
                self._check_edit(event)
            self.truth.take(event, self._now())
            if isinstance(event, MessagePosted) and event.message.client_id is not None:
                self._check_order(event.room_id, event.user_id, event.message.client_id)

    def ended(self, session_ids: Sequence[SessionId]) -> None:
        for session_id in session_ids:
            self._ended.setdefault(session_id, self._now())

    def taken_for_stolen(self, session_ids: Sequence[SessionId]) -> None:
        """Nobody steals anything here: a refresh token that comes again is one whose answer was lost."""
        raise Violation("sessions", f"sessions {list(session_ids)} are ended because a refresh was repeated")

    def ended_for(self, session_id: SessionId) -> float:
        """For how many seconds this session has been over; 0 = it goes on."""
        return self._now() - self._ended.get(session_id, self._now())

    def marked(self, marks: Mapping[tuple[RoomId, UserId], Seq]) -> None:
        for key, seq in marks.items():
            if seq < self._marks.get(key, 0):
                raise Violation("read", f"the mark of {key} went back from {self._marks[key]} to {seq}")
            self._marks[key] = seq

    def restored(self, epoch: str, heads: Mapping[RoomId, Seq], marks: Mapping[tuple[RoomId, UserId], Seq]) -> None:
        """The store was put back: only the events up to these heads ever happened."""
        before, self.epoch = self.truth, epoch
        self.epochs[epoch] = truth = Truth()
        for room_id, head in heads.items():
            room = before.rooms.get(room_id)
            for event, at in zip(room.events[:head], room.times[:head], strict=True) if room else ():
                truth.take(event, at)
        self._marks = dict(marks)
        self._sent.clear()
        self._ended.clear()
        # What was lost is sent again where it was not acknowledged, and that behind what was sent meanwhile.
        self._lost.update(dict.fromkeys(key for key in before.client_ids if key not in truth.client_ids))

    def asked(self, key: ClientKey) -> None:
        """A server has got this message."""
        self._asked.setdefault(key, self._now())

    def asked_to_edit(self, room_id: RoomId, target: Seq, text: str) -> None:
        """A server has got this edit, once more perhaps."""
        self._edits.setdefault((room_id, target, text), []).append(self._now())

    def give_up(self, key: ClientKey, asked_at: float) -> None:
        """A client was told for good that this message was refused."""
        committed = self.truth.client_ids.get(key)
        if committed is not None and committed.at <= asked_at:
            raise Violation("refused", f"{key} was committed as {committed.seq}, and then refused")

    def acked(self, key: ClientKey, text: str, seq: Seq | None) -> None:
        """A client was told that this message has been committed."""
        for truth in self.epochs.values():
            committed = truth.client_ids.get(key)
            if committed is not None and committed.seq == seq and truth.rooms[key[0]].texts[seq, seq] == text:
                return
        raise Violation("ack", f"{key} with {text!r} was acknowledged as {seq}, and it is not there")

    def changed(self, user_id: UserId, room_id: RoomId, target: Seq, text: str, seq: Seq | None) -> None:
        """A user was told that a message says this ("" = it is deleted): since event `seq`, or already (None)."""
        rooms = [truth.rooms[room_id] for truth in self.epochs.values() if room_id in truth.rooms]
        if not any(room.says(user_id, target, text, seq) for room in rooms):
            detail = f"{text!r} of user {user_id} for message {target} was acknowledged as {seq}, and it is not there"
            raise Violation("ack", f"room {room_id}: {detail}")

    def event_at(self, epoch: str, room_id: RoomId, seq: Seq) -> tuple[RoomTruth, Event]:
        truth = self.epochs.get(epoch)
        room = None if truth is None else truth.rooms.get(room_id)
        if room is None or seq > len(room.events):
            raise Violation("commit", f"event {seq} of room {room_id} was told, and is not committed")
        return room, room.events[seq - 1]

    def share_a_room(self, user_id: UserId, other_id: UserId, *, since: float) -> bool:
        """Have these two been in a room together, in any epoch, at this time or later?"""
        rooms = [room for truth in self.epochs.values() for room in truth.rooms.values()]
        return any(ended >= since for room in rooms for _, ended in room.together(user_id, other_id))

    def share_a_room_all_along(self, user_id: UserId, other_id: UserId, *, since: float) -> bool:
        """Are these two in a room together now, and were they then?"""
        together = [times for room in self.truth.rooms.values() for times in room.together(user_id, other_id)]
        return any(began <= since and ended == math.inf for began, ended in together)

    def check_event(self, epoch: str, room_id: RoomId, body: EventBody) -> None:
        """What a reader was told is what was committed."""
        room, event = self.event_at(epoch, room_id, body.seq)
        expected = event_body(event)
        if isinstance(event, MessagePosted):
            same = body.message is not None and body.client_id == event.message.client_id
            if same and body.message is not None:
                self.check_message(room, body.message)
        elif isinstance(event, MessageEdited):
            same = (body.target, body.kind) == (expected.target, expected.kind) and body.text in {event.text, ""}
        else:
            same = _core(body) == _core(expected)
        if not same or (body.user_id, body.at, body.kind) != (expected.user_id, expected.at, expected.kind):
            raise Violation("same event", f"room {room_id}: a reader was told {body}, and {expected} was committed")

    def check_message(self, room: RoomTruth, body: MessageBody) -> None:
        """A message is shown as it was at one of its versions."""
        version = body.seq if body.version is None else body.version
        text, event = room.texts.get((body.seq, version)), room.events[body.seq - 1]
        same = isinstance(event, MessagePosted) and _author(event.message) == (body.user_id, body.reply_to)
        if text != body.text or not same:
            raise Violation("same event", f"message {body.seq} at {version} says {text!r}, and a reader saw {body}")

    def _check_order(self, room_id: RoomId, user_id: UserId, client_id: str) -> None:
        """What one device says in one room is committed in the order in which it was said.

        What was refused while they were no member is another matter: the answer may be lost, and the repeat succeed.
        """
        device, _, number = client_id.rpartition(".")
        last = self._sent.get((room_id, user_id, device), -1)
        key = (room_id, user_id, client_id)
        if int(number) < last and key not in self._lost and not self._came_after(key):
            raise Violation("order", f"room {room_id}: {client_id} was committed after {device}.{last}")
        self._sent[room_id, user_id, device] = max(last, int(number))

    def _check_change(self, event: MessageEdited | MessageDeleted) -> None:
        """A change makes the message say something else."""
        message = self.truth.rooms[event.room_id].room.messages[event.target]
        if message.text == (event.text if isinstance(event, MessageEdited) else ""):
            raise Violation("dedup", f"room {event.room_id}: {event} is committed, and it was so already")

    def _check_edit(self, event: MessageEdited) -> None:
        """An edit that is made once more does not take back a later one of the same device.

        Nobody can help it where a node got it before that one, from a connection that is gone, and was slow.
        """
        texts = self.truth.rooms[event.room_id].texts
        said = [text for (message, _), text in texts.items() if message == event.target]
        if event.text not in said:
            return
        asked = self._edits[event.room_id, event.target, event.text][-1]
        device, _, number = event.text.rpartition(".")
        for text in said:
            by, _, other = text.rpartition(".")
            if by == device and int(other) > int(number) and self._edits[event.room_id, event.target, text][0] < asked:
                detail = f"{event.text!r} was made once more, and has taken back {text!r}"
                raise Violation("order", f"room {event.room_id}, message {event.target}: {detail}")

    def _came_after(self, key: ClientKey) -> bool:
        """Did the current membership of the author begin after a server had got this message?"""
        room_id, user_id, _ = key
        room = self.truth.rooms[room_id]
        stay = room.stay_at(user_id, room.room.head)
        return stay is None or room.times[stay.joined - 1] >= self._asked.get(key, 0.0)


def _core(body: EventBody) -> tuple[object, ...]:
    return body.target, body.member_id, body.role, body.name, body.topic, body.room_kind, body.history


def _author(message: Message) -> tuple[UserId, Seq | None]:
    return message.user_id, message.reply_to
