"""The hub: who listens to which room, and the delivery of events in order.

An event enters a room's feed only in order of seq: one that is known is ignored, and a hole is filled from the log
before what came after it goes on. A view of a room is either *joining* (it waits for its snapshot, and what happens
meanwhile is kept for it) or *live*. The hub knows rooms and views, not sockets or frames of clients.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TypeVar

from hubbub.domain.errors import ChatError, Conflict, Unauthenticated
from hubbub.domain.events import Event, MemberLeft, MessageEdited, RoomDeleted
from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.realtime.deliveries import Delivery, delivery
from hubbub.realtime.listeners import Listener
from hubbub.realtime.memberships import Memberships
from hubbub.realtime.outbox import Flusher
from hubbub.services.logs import Joined, Logs

OPENING = 60.0  # seconds; no connection takes so long from the look at its session until it is open
RETRY = 1.0  # seconds until a hole that could not be read is tried again

log = logging.getLogger(__name__)

K = TypeVar("K")


@dataclass(slots=True, eq=False)
class View:
    """One connection's view of one room."""

    listener: Listener
    room_id: RoomId
    join_head: Seq = Seq(0)  # the head of its snapshot
    base: Seq = Seq(0)  # the last seq before what its user may read; known with the snapshot
    kept: list[Delivery] = field(default_factory=list)  # what happened while it was joining
    ready: bool = False  # it has everything up to join_head, which the feed has not reached yet


@dataclass(slots=True, eq=False)
class Feed:
    """A room that somebody here listens to."""

    room_id: RoomId
    head: Seq | None = None  # the last seq that was delivered; None until the first snapshot
    live: dict[Listener, View] = field(default_factory=dict)
    joining: dict[Listener, View] = field(default_factory=dict)
    early: dict[Seq, Delivery] = field(default_factory=dict)  # came before what precedes them
    wanted: Seq = Seq(0)  # the log is known to reach this far
    filling: asyncio.Task[None] | None = None

    @property
    def empty(self) -> bool:
        return not self.live and not self.joining


class Hub:
    """All rooms and connections of one node."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self.flusher = Flusher()
        self._feeds: dict[RoomId, Feed] = {}
        self._users: dict[
            UserId, tuple[Listener, ...]
        ] = {}  # nearly all have one: a tuple is the smallest that holds it
        self._sessions: dict[SessionId, tuple[Listener, ...]] = {}
        self._ended: dict[SessionId, float] = {}  # until when those stay shut that ended last, the oldest first
        self.memberships = Memberships(self.of_user)
        self.delivered: Callable[[Event], None] = _ignore  # called with each event, after everybody here has got it
        self.opened: Callable[[RoomId], None] = _ignore  # called when the first listener of a room has come
        self.emptied: Callable[[RoomId], None] = _ignore  # … and when the last one has gone
        self.epoch: str | None = None  # of the log that is followed here; None until it is known
        self._doubting: asyncio.Task[None] | None = None  # asks the store for its epoch

    # Connections

    def attach(self, listener: Listener) -> None:
        """A connection is open. Raise Unauthenticated when its session ended since its credential was verified."""
        if _now() < self._ended.get(listener.session_id, 0.0):
            raise Unauthenticated("this session has ended: sign in again")
        _add(self._users, listener.user_id, listener)
        _add(self._sessions, listener.session_id, listener)

    def detach(self, listener: Listener, rooms: Iterable[RoomId]) -> None:
        """A connection is closed; it has views of these rooms."""
        for room_id in rooms:
            self.leave(listener, room_id)
        _remove(self._users, listener.user_id, listener)
        _remove(self._sessions, listener.session_id, listener)

    def of_user(self, user_id: UserId) -> list[Listener]:
        return list(self._users.get(user_id, ()))

    def end_sessions(self, session_ids: Collection[SessionId]) -> None:
        """Close the connections of these sessions, and those that are just being opened."""
        now = _now()
        for session_id in session_ids:
            self._ended.pop(session_id, None)
            self._ended[session_id] = now + OPENING
        for session_id in list(takewhile(lambda ended: self._ended[ended] <= now, self._ended)):
            del self._ended[session_id]
        for listener in [each for session_id in session_ids for each in self._sessions.get(session_id, ())]:
            listener.session_ended()

    def everybody(self) -> list[Listener]:
        return [listener for listeners in self._users.values() for listener in listeners]

    # Views

    def begin_join(self, listener: Listener, room_id: RoomId) -> View:
        """Keep for this view what happens from now on. It takes the place of an older one of the same room."""
        feed = self._feeds.get(room_id)
        if feed is None:
            feed = self._feeds[room_id] = Feed(room_id)
            self.opened(room_id)
        view = View(listener, room_id)
        feed.live.pop(listener, None)
        feed.joining[listener] = view
        return view

    def is_current(self, view: View) -> bool:
        """Is the view still joining, or has it been left, superseded or closed meanwhile?"""
        feed = self._feeds.get(view.room_id)
        return feed is not None and feed.joining.get(view.listener) is view

    async def complete_join(self, view: View, joined: Joined) -> bool:
        """Deliver what happened after the snapshot, and make the view live; False when it is no longer current.

        The snapshot's own events were sent before.
        """
        feed = self._feeds.get(view.room_id)
        if feed is None or feed.joining.get(view.listener) is not view:
            return False
        if not self.agrees(joined.epoch):
            view.listener.fall_behind(view.room_id)
            return False
        view.join_head, view.base = joined.head, joined.base
        if feed.head is None:
            feed.head = joined.head  # nobody here has been told anything: the feed may begin with it
            self._drain(feed)
            self._want(feed, feed.wanted)
        position = joined.head
        while position < feed.head:
            later = [item for item in view.kept if item.seq > position]
            if not later or later[0].seq != position + 1:
                # The feed passed the snapshot before this view began to listen: the rest is in the log.
                upto = Seq(later[0].seq - 1) if later else feed.head
                missing = await self._range(view.room_id, position, upto)
                if not self.is_current(view):
                    return False
                if not missing:  # the log has lost what was delivered here
                    view.listener.fall_behind(view.room_id)
                    return False
                later = [delivery(event) for event in missing]
            for item in later:
                position = item.seq
                if not self._hand(view, item):
                    return False
        view.kept.clear()
        if position > feed.head:
            view.ready = True
            self._want(feed, position)
        else:
            self._go_live(feed, view)
        return True

    def leave(self, listener: Listener, room_id: RoomId) -> None:
        """The connection stops listening to a room, if it does."""
        feed = self._feeds.get(room_id)
        if feed is None:
            return
        feed.live.pop(listener, None)
        feed.joining.pop(listener, None)
        if feed.empty:
            del self._feeds[room_id]
            if feed.filling is not None:
                feed.filling.cancel()
            self.emptied(room_id)

    def live(self, room_id: RoomId) -> Collection[Listener]:
        """Those who listen to a room now, without those who are still joining."""
        feed = self._feeds.get(room_id)
        return () if feed is None else feed.live.keys()

    def head(self, room_id: RoomId) -> Seq | None:
        """The last seq that was delivered here; None when nobody listens."""
        feed = self._feeds.get(room_id)
        return None if feed is None else feed.head

    def heads(self) -> dict[RoomId, Seq]:
        """The rooms that somebody here listens to, and the last seq that was delivered in each; 0 = none yet."""
        return {room_id: feed.head or Seq(0) for room_id, feed in self._feeds.items()}

    # Epochs

    def agrees(self, epoch: str) -> bool:
        """Is this the log that is followed here? If not, the store is asked which one is out of date."""
        if self.epoch is None:
            self.epoch = epoch
        if epoch != self.epoch:
            self._doubt()
        return epoch == self.epoch

    def start_over(self, epoch: str) -> None:
        """The store went back in time: what was delivered here may never have happened, and everybody comes back."""
        log.warning("the store was restored: all connections are closed, to resume in epoch %s", epoch)
        self.epoch = epoch
        self._ended.clear()  # ids are given out again
        self.memberships.forget()
        for listener in self.everybody():
            listener.store_restored()

    def _doubt(self) -> None:
        if self._doubting is None:
            self._doubting = asyncio.get_running_loop().create_task(self._ask_epoch(), name="epoch")

    async def _ask_epoch(self) -> None:
        try:
            believed, epoch = self.epoch, await self._logs.epoch()
            if self.epoch == believed != epoch:
                self.start_over(epoch)
        except ChatError as error:
            log.warning("the epoch can't be read", extra={"code": error.code})
        finally:
            self._doubting = None

    # Events

    def listens(self, room_id: RoomId) -> bool:
        return room_id in self._feeds

    def publish(self, item: Delivery) -> None:
        """An event was committed, here or on another node."""
        feed = self._feeds.get(item.event.room_id)
        if feed is None:
            return
        if feed.head is None or item.seq > feed.head + 1:
            feed.early[item.seq] = item
            self._want(feed, item.seq)
        elif item.seq == feed.head + 1:
            self._deliver(feed, item)
            if feed.early:
                self._drain(feed)

    async def resync(self, room_ids: Collection[RoomId]) -> None:
        """Look how far the logs of these rooms reach, and deliver what is missing here."""
        watched = [room_id for room_id in room_ids if room_id in self._feeds]
        if watched:
            self.catch_up(await self._logs.heads(watched))

    def catch_up(self, heads: Mapping[RoomId, Seq]) -> None:
        """The logs of these rooms reach this far: deliver what is missing here."""
        for room_id, head in heads.items():
            feed = self._feeds.get(room_id)
            if feed is not None:
                self._want(feed, head)

    def _want(self, feed: Feed, seq: Seq) -> None:
        """The log reaches `seq` at least: read what is missing, once it is known from where on."""
        feed.wanted = max(feed.wanted, seq)
        if feed.head is not None and feed.head < feed.wanted and feed.filling is None:
            feed.filling = asyncio.get_running_loop().create_task(self._fill(feed), name="fill")

    async def _fill(self, feed: Feed) -> None:
        try:
            while feed.head is not None and feed.head < feed.wanted:
                events = await self._missing(feed, feed.head)
                if not events:
                    await asyncio.sleep(RETRY)
                for event in events:
                    if event.seq == feed.head + 1:
                        self._deliver(feed, delivery(event))
                self._drain(feed)
        finally:
            feed.filling = None

    async def _missing(self, feed: Feed, head: Seq) -> list[Event]:
        """The next events of a hole; none when the log can't be read now, or does not reach them (yet)."""
        try:
            return await self._range(feed.room_id, head, feed.wanted)
        except ChatError as error:
            log.warning("a hole can't be read", extra={"room_id": feed.room_id, "code": error.code})
            return []

    async def _range(self, room_id: RoomId, after: Seq, upto: Seq) -> list[Event]:
        try:
            return await self._logs.range(room_id, after, upto, epoch=self.epoch)
        except Conflict:
            self._doubt()
            raise

    def _drain(self, feed: Feed) -> None:
        """Deliver what waited for its predecessor, and forget what came another way."""
        while feed.head is not None and feed.head + 1 in feed.early:
            self._deliver(feed, feed.early.pop(Seq(feed.head + 1)))
        for seq in [seq for seq in feed.early if feed.head is not None and seq <= feed.head]:
            del feed.early[seq]

    def _deliver(self, feed: Feed, item: Delivery) -> None:
        event, frame, room_id = item.event, item.frame, feed.room_id
        feed.head = event.seq
        if isinstance(event, MessageEdited):
            slow = self._deliver_edit(feed, item, event.target)
        else:
            slow = self.flusher.deliver(feed.live, frame, room_id)
        for view in list(feed.joining.values()):
            if not view.ready:
                view.kept.append(item)
            elif event.seq == view.join_head:
                self._go_live(feed, view)
        for listener in slow:
            listener.fall_behind(room_id)
        if isinstance(event, MemberLeft | RoomDeleted):
            for view in list(feed.live.values()):
                self._cut(view, event)
        self.delivered(event)

    def _deliver_edit(self, feed: Feed, item: Delivery, target: Seq) -> list[Listener]:
        """Deliver the one event of which there are two frames, as `seen_by` says; return those who can't take more."""
        hidden = [listener for listener, view in feed.live.items() if view.base >= target]
        if not hidden:
            return self.flusher.deliver(feed.live, item.frame, feed.room_id)
        seen = [listener for listener, view in feed.live.items() if view.base < target]
        slow = self.flusher.deliver(hidden, item.hidden, feed.room_id)
        return slow + self.flusher.deliver(seen, item.frame, feed.room_id)

    def _go_live(self, feed: Feed, view: View) -> None:
        del feed.joining[view.listener]
        feed.live[view.listener] = view

    def _hand(self, view: View, item: Delivery) -> bool:
        """Deliver to one view that is about to be live; False when it ended with that."""
        if not view.listener.deliver(item.frame_for(view.base), view.room_id):
            view.listener.fall_behind(view.room_id)
            return False
        return not (isinstance(item.event, MemberLeft | RoomDeleted) and self._cut(view, item.event))

    def _cut(self, view: View, event: MemberLeft | RoomDeleted) -> bool:
        """End a view whose user was removed; was it this one?

        The event is later than the view's snapshot, or it would not be delivered to it: also on a node that lags behind
        nobody is cut who was added again.
        """
        if isinstance(event, MemberLeft) and event.member_id != view.listener.user_id:
            return False
        self.leave(view.listener, view.room_id)
        view.listener.removed(view.room_id, event.seq)
        since = self.memberships.since(view.listener.user_id, view.room_id)
        if since > event.seq:  # they were told that they are back before they were told that they had gone
            view.listener.signal_room(view.room_id, since, added=True)
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()


def _ignore(news: object) -> None:
    """Nobody wants to know."""


def _add(index: dict[K, tuple[Listener, ...]], key: K, listener: Listener) -> None:
    index[key] = (*index.get(key, ()), listener)


def _remove(index: dict[K, tuple[Listener, ...]], key: K, listener: Listener) -> None:
    others = tuple(other for other in index.pop(key, ()) if other is not listener)
    if others:
        index[key] = others
