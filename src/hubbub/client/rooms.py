"""A room, as a program sees it: its state so far, loops over its events, and what can be said in it."""

import asyncio
from collections.abc import Iterable
from typing import Protocol
from weakref import WeakKeyDictionary

from hubbub.client.backoff import Backoff
from hubbub.client.errors import Closed, fresh
from hubbub.client.feeds import FEED_EVENTS, Feed, RoomReset
from hubbub.client.outbox import ExchangeFrame
from hubbub.client.ports import Reader
from hubbub.client.results import Membership, RoomSummary
from hubbub.domain.errors import Invalid
from hubbub.domain.events import Event, MessageDeleted, MessageEdited
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Member, Role
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom
from hubbub.domain.texts import check_client_id, check_text
from hubbub.wire import frames as wire
from hubbub.wire.events import domain_message
from hubbub.wire.times import parse_time


class Speaker(Protocol):
    """The live connection, as a room sees it."""

    @property
    def user_id(self) -> UserId: ...

    @property
    def error(self) -> Exception | None: ...

    async def exchange(self, frame: ExchangeFrame) -> wire.Ack | wire.Page: ...

    def mark_read(self, room_id: RoomId, seq: Seq) -> None: ...

    def tell(self, frame: wire.Typing) -> None: ...

    def unfollow(self, room_id: RoomId) -> None: ...

    def new_id(self) -> str: ...

    def random(self) -> float: ...


class Room:
    """A room that is followed. `async for event in room` gives what happens from then on.

    `state` is the fold of the events that were applied. A room that is followed from its beginning (`after=0`) is
    complete; one that is followed from now on knows what has happened since, and what `load` and `history` add.

    The loop ends after the user was removed, or after the room was deleted; it raises Missed when it was too far behind
    to be given all that came before. It raises what the server said when the room was refused, or when the connection
    is over.
    """

    def __init__(
        self,
        room_id: RoomId,
        speaker: Speaker,
        reader: Reader,
        *,
        after: Seq | None,
        epoch: str | None,
        keep: int | None,
    ) -> None:
        self.id = room_id
        self.state = ChatRoom(room_id)
        self.position = after  # the last seq that was applied; None while that is not known
        self.epoch = epoch  # of the log that this is a position in; None while that is not known
        self.role: Role | None = None  # our own, as of the last time that the room was joined
        self.base = Seq(0)  # the last seq before what may be read
        self.read_seq = Seq(0)
        self.live = False  # everything up to the server's head was applied, and what happens comes at once
        self.ended = False
        self.error: Exception | None = None
        self._marked = Seq(0)  # told from here, or by a join: a signal may be of a log that was replaced
        self._speaker = speaker
        self._reader = reader
        self._keep = keep
        self._feeds: WeakKeyDictionary[Feed, None] = WeakKeyDictionary()  # a loop that was left costs nothing
        self._recorders: dict[int, list[Event]] = {}
        self._changed = asyncio.Event()
        if after is not None:
            self.state.head = after

    def __repr__(self) -> str:
        return f"Room(id={self.id}, name={self.name!r}, head={self.head}, live={self.live})"

    # What is known

    @property
    def name(self) -> str:
        return self.state.name

    @property
    def topic(self) -> str:
        return self.state.topic

    @property
    def head(self) -> Seq:
        return self.state.head

    @property
    def messages(self) -> dict[Seq, Message]:
        """By seq, the oldest first, in their current state."""
        return self.state.messages

    @property
    def members(self) -> dict[UserId, Member]:
        return self.state.members

    @property
    def closed(self) -> Exception | None:
        """Why the connection is over; None while it is not."""
        return self._speaker.error

    def __aiter__(self) -> Feed:
        return self.events()

    def events(self, *, limit: int = FEED_EVENTS) -> Feed:
        """What is applied from now on, however slow the loop is. At most `limit` (at least 1) events wait in memory."""
        if limit < 1:
            raise Invalid("at least 1 event has to wait in memory", field="limit")
        feed = Feed(self, self._reader, Backoff(self._speaker.random), limit)
        if self.position is not None:
            feed.begin(self.position)
        self._feeds[feed] = None
        return feed

    async def ready(self) -> None:
        """Wait until the room is live. Raise why it will not be: Closed when it is not followed any more."""
        while not self.live:
            if self.ended:
                raise Closed(f"room {self.id} is not followed any more") if self.error is None else fresh(self.error)
            self._changed.clear()
            await self._changed.wait()

    # What can be said

    async def send(self, text: str, *, reply_to: Seq | None = None, client_id: str | None = None) -> Message:
        """Say something; return it once it is on the server's disk.

        Cancelled before it has left, it never leaves. Cancelled later, it is delivered all the same, once: it stays in
        the outbox until it is acknowledged or refused, also across reconnects.
        """
        check_text(text)
        chosen = self._speaker.new_id() if client_id is None else check_client_id(client_id)
        frame = wire.Send(room_id=self.id, text=text, client_id=chosen, reply_to=reply_to)
        place = _place(await self._speaker.exchange(frame))
        assert place is not None
        return Message(self.id, place[0], self._speaker.user_id, place[1], text, chosen, reply_to)

    async def edit(self, seq: Seq, text: str) -> MessageEdited | None:
        """Change what one's own message says; return the event, or None where it said so already."""
        place = _place(await self._speaker.exchange(wire.Edit(room_id=self.id, target=seq, text=check_text(text))))
        return None if place is None else MessageEdited(self.id, place[0], self._speaker.user_id, place[1], seq, text)

    async def delete(self, seq: Seq) -> MessageDeleted | None:
        """Take a message back; return the event, or None where it was deleted already."""
        place = _place(await self._speaker.exchange(wire.Delete(room_id=self.id, target=seq)))
        return None if place is None else MessageDeleted(self.id, place[0], self._speaker.user_id, place[1], seq)

    def mark_read(self, seq: Seq | None = None) -> None:
        """Everything up to `seq` (None = all that was applied) is read. The server takes it up to its own head."""
        mark = self.head if seq is None else seq
        if mark > self._marked:
            self._marked = max(self._marked, min(mark, self.head))
            self.read_seq = max(self.read_seq, self._marked)
            self._speaker.mark_read(self.id, mark)

    def typing(self, on: bool) -> None:
        """Let the others know; nothing happens while there is no connection."""
        self._speaker.tell(wire.Typing(room_id=self.id, on=on))

    def unfollow(self) -> None:
        """Stop receiving this room. Loops over it end; the membership stays."""
        if not self.ended:  # or it may be another object by now that follows the room
            self._speaker.unfollow(self.id)
            self.end(None)

    # What came before

    async def history(self, before: Seq | None = None, *, limit: int = 50) -> list[Message]:
        """Messages older than `before` (exclusive; None = newest), newest first, at most `limit` (1..200).

        They are added to `messages`, as far as `keep` allows, and take part in later edits. Those that the view has not
        come to yet are not: they come by themselves.
        """
        await self._begun()
        state = self.state
        with _Recorder(self._recorders) as happened:
            frame = wire.History(room_id=self.id, before=before, limit=limit)
            page = await self._speaker.exchange(frame)
        assert isinstance(page, wire.Page)
        found = [domain_message(body) for body in page.items]
        if self.state is not state:
            return found  # the room was reset meanwhile: the view that they belong to is gone
        # The page is older than what was applied while it was on its way.
        older = ChatRoom(self.id)
        older.messages = {message.seq: message for message in found}
        for event in happened:
            if event.seq > page.head:
                older.apply(event)
        found = [older.messages[message.seq] for message in found]
        self._add(message for message in found if message.seq <= self.head)
        return found

    async def load(self) -> list[Membership]:
        """Find out the name, the topic and the members, which a room that is followed from now on does not know."""
        await self._begun()
        state = self.state
        with _Recorder(self._recorders) as happened:
            summary = await self._reader.room(self.id)
            memberships = await self._reader.members(self.id)
            current = ChatRoom(self.id)
            current.members = {membership.member.user_id: membership.member for membership in memberships}
            current.kind, current.name, current.topic = summary.kind, summary.name, summary.topic
            for event in happened:
                current.apply(event)
        # Of a room that was reset meanwhile the answers may be about another log: `state` is not shown any more.
        state.kind, state.name, state.topic = current.kind, current.name, current.topic
        state.members = current.members
        return memberships

    async def _begun(self) -> None:
        """Wait until what happens is known from here on: a change before that is in neither the answer nor the tail."""
        if self.position is None:
            await self.ready()

    # What the live connection tells

    def describe(self, summary: RoomSummary) -> None:
        """What the list of rooms says, as long as no event has said more."""
        if self.state.head <= summary.head and not self.live:
            self.state.kind, self.state.name, self.state.topic = summary.kind, summary.name, summary.topic

    def joined(self, frame: wire.Joined, position: Seq) -> None:
        self.role, self.base = frame.role, frame.base
        self.read_seq = self._marked = max(self._marked, frame.read_seq)
        self.state.head = self.position = position
        self.epoch = frame.epoch
        for feed in list(self._feeds):
            feed.begin(position)

    def apply(self, seq: Seq, event: Event | None) -> None:
        self.position = seq
        if event is None:
            self.state.head = seq
        else:
            self.state.apply(event)
            for recorder in self._recorders.values():
                recorder.append(event)
            self._trim()
        for feed in list(self._feeds):
            feed.put(seq, event)

    def caught_up(self) -> None:
        self.live = True
        self._tell()

    def disconnected(self) -> None:
        self.live = False

    def reset(self, reason: str, base: Seq) -> None:
        self.live = False
        self.state = ChatRoom(self.id)
        self.state.head = self.position = self.base = base
        self.epoch = None
        if reason == "epoch_changed":
            self.read_seq = self._marked = Seq(0)  # marks in another log
        for recorder in self._recorders.values():
            recorder.clear()
        for feed in list(self._feeds):
            feed.reset(RoomReset(self.id, reason, base))

    def end(self, error: Exception | None) -> None:
        if not self.ended:
            self.live = False
            self.ended = True
            self.error = error
        self._tell()

    def _tell(self) -> None:
        """Wake who waits for the room, or for its log."""
        self._changed.set()
        for feed in list(self._feeds):
            feed.wake()

    def _add(self, found: Iterable[Message]) -> None:
        """Put older messages in their places; of two states of one message the newer counts."""
        messages = self.state.messages
        for message in found:
            known = messages.get(message.seq)
            if known is None or known.version < message.version:
                messages[message.seq] = message
        self.state.messages = dict(sorted(messages.items()))
        self._trim()

    def _trim(self) -> None:
        """Forget the oldest messages beyond `keep`."""
        messages = self.state.messages
        if self._keep is not None:
            while len(messages) > self._keep:
                del messages[next(iter(messages))]


def _place(answer: wire.Ack | wire.Page) -> tuple[Seq, Millis] | None:
    """Where in the log and when it happened; None = nothing had to happen."""
    assert isinstance(answer, wire.Ack)
    return None if answer.seq is None or answer.at is None else (answer.seq, parse_time(answer.at))


class _Recorder:
    """What a room applies while an answer is on its way."""

    def __init__(self, recorders: dict[int, list[Event]]) -> None:
        self._recorders = recorders
        self._events: list[Event] = []

    def __enter__(self) -> list[Event]:
        self._recorders[id(self)] = self._events
        return self._events

    def __exit__(self, *_: object) -> None:
        del self._recorders[id(self)]
