"""Who is there: told only to those who asked for it and share a room with them, and never on the way of a message.

Whoever has a live connection is online, or away when all of their connections say so, and is offline a while after the
last one has gone, on all nodes (`gossip`). Changes are told in batches of a beat, so that who flickers costs no more
than who does not; in the same beat the store is asked who may know.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from hubbub.domain.errors import ChatError, Invalid
from hubbub.domain.ids import Millis, UserId
from hubbub.realtime.gossip import KEPT, STATUSES, Gossip, Status
from hubbub.realtime.lapses import Lapses
from hubbub.realtime.listeners import Listener
from hubbub.services.peers import Peers
from hubbub.services.ports import Clock
from hubbub.wire.codec import encode
from hubbub.wire.frames import Signal
from hubbub.wire.framing import text_frame
from hubbub.wire.limits import MAX_WATCHED
from hubbub.wire.times import format_time

BATCH = 500  # users whose changes are told in one beat; the others are next
REPEATS = 20  # connections that are told everything anew in one beat, each with a read of the store
MAX_SEEN = 10_000  # users of whom it is remembered when they were seen; of the others the store has an idea

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tempo:
    """How fast presence is."""

    grace: float = 10.0  # seconds after the last connection of a user: a reconnect is no absence
    beat: float = 1.0  # seconds between two batches
    beats: int = 15  # in which a node names all of its users once

    @property
    def lease(self) -> float:
        """Seconds until nobody is there any more because of a node that is silent."""
        return KEPT * self.beats * self.beat


TEMPO = Tempo()


class Presence:
    """Who is there, as one node knows it."""

    def __init__(self, peers: Peers, clock: Clock, tempo: Tempo | None = None) -> None:
        self._peers = peers
        self._clock = clock
        self._tempo = tempo = tempo or TEMPO
        # Nothing is made for a user's first connection but one tuple: most of them sit idle, and there are many.
        self._here: dict[UserId, tuple[Listener, ...]] = {}  # empty: the last one has gone, for less than the grace
        self._away: dict[Listener, None] = {}
        self._left_away: dict[UserId, None] = {}  # whose last connection was away when it went
        self._leaving = Lapses(tempo.grace, self._leave)
        self._gossip = Gossip(self, clock, beats=tempo.beats, lease=tempo.lease)
        self._seen: dict[UserId, Millis] = {}
        self._watching: dict[Listener, tuple[UserId, ...]] = {}
        self._watched: dict[UserId, dict[Listener, None]] = {}
        self._told: dict[UserId, Status | None] = {}  # of those who are watched; None = not the same to all who watch
        self._changed: dict[UserId, None] = {}  # of those who are watched
        self._missed: dict[Listener, None] = {}  # who watch, and may not have got what was told
        self._beating: asyncio.Task[None] | None = None
        self._closed = False

    def __len__(self) -> int:
        """How much is kept of connections."""
        kept = (self._here, self._away, self._left_away, self._watching, self._watched, self._missed)
        return sum(len(each) for each in kept)

    # Those who are here

    def came(self, listener: Listener) -> None:
        """A connection is open."""
        user_id = listener.user_id
        self._here[user_id] = (*self._here.get(user_id, ()), listener)
        self._leaving.drop(user_id)
        self._left_away.pop(user_id, None)
        self._change(user_id)

    def went(self, listener: Listener) -> None:
        """A connection is closed, if it was ever open."""
        self._unwatch(listener)
        user_id, was_away = listener.user_id, listener in self._away
        before = self._here.get(user_id, ())
        if listener not in before:
            return
        self._here[user_id] = tuple(other for other in before if other is not listener)
        self._away.pop(listener, None)
        if self._here[user_id]:
            self._change(user_id)
            return
        if was_away:
            self._left_away[user_id] = None
        self._see(user_id, self._clock.now())
        self._leaving.set(user_id)

    def say(self, listener: Listener, *, away: bool) -> None:
        """How a device is used."""
        if listener in self._here.get(listener.user_id, ()):
            if away:
                self._away[listener] = None
            else:
                self._away.pop(listener, None)
            self._change(listener.user_id)

    def _status_here(self, user_id: UserId) -> Status:
        listeners = self._here.get(user_id)
        if listeners is None:
            return "offline"
        if listeners:
            return "away" if all(listener in self._away for listener in listeners) else "online"
        return "away" if user_id in self._left_away else "online"

    def _leave(self, user_id: UserId) -> None:
        del self._here[user_id]
        self._left_away.pop(user_id, None)
        self._change(user_id)

    def _change(self, user_id: UserId) -> None:
        self._gossip.tell(user_id)
        self._review(user_id)
        self._beat()

    # Those who want to know

    async def watch(self, listener: Listener, user_ids: Sequence[UserId]) -> list[Signal]:
        """Tell this connection of these from now on, and no longer of others; return how they are now.

        Whoever shares no room with the asker is offline, and so is who does not exist. Raise Invalid when they are more
        than MAX_WATCHED.
        """
        if len(user_ids) > MAX_WATCHED:
            raise Invalid(f"watch: at most {MAX_WATCHED} users", field="watch")
        self._unwatch(listener)
        self._watching[listener] = tuple(dict.fromkeys(user_ids))
        for user_id in self._watching[listener]:
            self._watched.setdefault(user_id, {})[listener] = None
            self._told.setdefault(user_id, self.status(user_id))
        known = await self._peers.last_used(listener.user_id, user_ids)
        return [
            _signal(user_id, self._answer(user_id), self._seen.get(user_id, known[user_id]))
            if user_id in known
            else _signal(user_id, "offline", None)
            for user_id in dict.fromkeys(user_ids)
        ]

    def status(self, user_id: UserId) -> Status:
        """How somebody is, whoever asks."""
        return max((self._status_here(user_id), *self._gossip.statuses(user_id)), key=STATUSES.index)

    def _answer(self, user_id: UserId) -> Status:
        """How somebody is, to tell one of those who watch: where that is news, all hear of it in the next beat."""
        status = self.status(user_id)
        if self._told.get(user_id, status) != status:
            self._told[user_id] = None
            self._review(user_id)
        return status

    def dropped(self, listener: Listener) -> None:
        """Signals to this connection were dropped: once it reads again, it is told anew of all whom it watches."""
        if listener in self._watching:
            self._missed[listener] = None
            self._beat()

    def _unwatch(self, listener: Listener) -> None:
        self._missed.pop(listener, None)
        for user_id in self._watching.pop(listener, ()):
            watchers = self._watched[user_id]
            del watchers[listener]
            if not watchers:
                del self._watched[user_id], self._told[user_id]
                self._changed.pop(user_id, None)

    def _review(self, user_id: UserId) -> None:
        if user_id in self._watched:
            self._changed[user_id] = None
            self._beat()

    async def _tell(self) -> None:
        """Tell what has changed since the last beat, to those who may know."""
        due = list(islice(self._changed, BATCH))
        for user_id in due:
            del self._changed[user_id]
        news = [user_id for user_id in due if self.status(user_id) != self._told[user_id]]
        if not news:
            return
        watchers = {user_id: {listener.user_id for listener in self._watched[user_id]} for user_id in news}
        try:
            peers = await self._peers.sharing(watchers)
        except ChatError as error:
            log.warning("who may know of a presence can't be read", extra={"code": error.code})
            for user_id in news:
                self._review(user_id)
            return
        for user_id in news:
            if user_id in self._watched:
                self._tell_of(user_id, watchers[user_id], peers[user_id])

    def _tell_of(self, user_id: UserId, asked: set[UserId], peers: set[UserId]) -> None:
        """Tell how somebody is by now to those of the `asked` who are peers; who has begun to watch since is next."""
        status = self.status(user_id)
        self._told[user_id] = status
        frame = self._frame(user_id, status)
        for listener in self._watched[user_id]:
            if listener.user_id in peers:
                listener.signal(frame)
            elif listener.user_id not in asked:
                self._told[user_id] = None
        if self._told[user_id] is None:
            self._review(user_id)

    async def _repeat(self) -> None:
        """Tell those who missed something, and read again, how all those are whom they watch."""
        reading = (each for each in self._missed if each.outbox is None or each.outbox.paused_at is None)
        for listener in list(islice(reading, REPEATS)):
            if listener not in self._missed:
                continue  # it has gone, or asked anew, while another one was told
            watched = self._watching[listener]
            del self._missed[listener]
            try:
                peers = await self._peers.sharing({user_id: {listener.user_id} for user_id in watched})
            except ChatError as error:
                log.warning("who may know of a presence can't be read", extra={"code": error.code})
                self.dropped(listener)
                return
            if self._watching.get(listener) is watched:
                for user_id in watched:
                    if listener.user_id in peers[user_id]:
                        listener.signal(self._frame(user_id, self._answer(user_id)))

    # The other nodes

    def connect(self, publish: Callable[[bytes], None], name: str) -> None:
        """Tell the other nodes who is here, under a name that no other node has, and ask them for theirs."""
        self._gossip.connect(publish, name)
        self._beat()

    def ask(self) -> None:
        """The bus may have lost what was said."""
        self._gossip.ask()
        self._beat()

    def receive(self, payload: bytes) -> None:
        """What another node says of its users."""
        self._gossip.receive(payload)
        self._beat()

    def users(self) -> Iterable[UserId]:
        return self._here

    def state(self, user_id: UserId) -> tuple[Status, Millis | None]:
        status = self._status_here(user_id)
        return status, self._seen.get(user_id) if status == "offline" else None

    def heard(self, user_id: UserId, seen: Millis | None) -> None:
        if seen is not None:
            self._see(user_id, seen)
        self._review(user_id)

    # The beat

    def _beat(self) -> None:
        if self._beating is None and self._has_to_tell and not self._closed:
            self._beating = asyncio.get_running_loop().create_task(self._run(), name="presence")

    @property
    def _has_to_tell(self) -> bool:
        return bool(self._changed or self._missed or self._gossip.has_news or (self._gossip.connected and self._here))

    async def _run(self) -> None:
        """Beat as long as there is something to tell."""
        try:
            while self._has_to_tell:
                await asyncio.sleep(self._tempo.beat)
                self._gossip.beat()
                await self._tell()
                await self._repeat()
        finally:
            self._beating = None

    async def close(self) -> None:
        """Tell nothing more."""
        self._closed = True
        self._leaving.close()
        self._gossip.close()
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])

    def _frame(self, user_id: UserId, status: Status) -> bytes:
        return text_frame(encode(_signal(user_id, status, self._seen.get(user_id))))

    def _see(self, user_id: UserId, at: Millis) -> None:
        self._seen[user_id] = max(at, self._seen.pop(user_id, at))  # nodes tell of it in any order
        if len(self._seen) > MAX_SEEN:
            del self._seen[next(iter(self._seen))]


def _signal(user_id: UserId, status: Status, seen: Millis | None) -> Signal:
    last_seen = None if status != "offline" or seen is None else format_time(seen)
    return Signal(kind="presence", user_id=user_id, status=status, last_seen=last_seen)
