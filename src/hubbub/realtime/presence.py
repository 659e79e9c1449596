"""Who is there: told only to those who asked for it and share a room with them, and never on the way of a message.

Whoever has a live connection is online, or away when all of their connections say so, and is offline a while after the
last one has gone. Each node gossips about its own users. What it says of one is a lease: it is said again and again,
and ends by itself when the node is gone. Changes are told in batches of a beat, so that who flickers costs no more than
who does not; in the same beat the store is asked who may know.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from struct import Struct
from typing import Literal, TypeAlias

from hubbub.domain.errors import ChatError, Invalid
from hubbub.domain.ids import Millis, UserId
from hubbub.realtime.hub import Listener
from hubbub.realtime.lapses import Lapses
from hubbub.services.peers import Peers
from hubbub.services.ports import Clock
from hubbub.wire.codec import encode
from hubbub.wire.frames import Signal
from hubbub.wire.framing import text_frame
from hubbub.wire.limits import MAX_WATCHED
from hubbub.wire.times import format_time

GRACE = 10.0  # seconds after the last connection of a user: a reconnect is no absence
BEAT = 1.0  # seconds between two batches
BATCH = 500  # users whose changes are told in one beat; the others are next
ROUND = 15  # beats in which a node names all of its users once
LEASE = 3 * ROUND * BEAT  # seconds: two rounds may get lost
NAMED = 1000  # users in one message of the bus
MAX_SEEN = 10_000  # users of whom it is remembered when they were seen; of the others the store has an idea

Status: TypeAlias = Literal["offline", "away", "online"]
STATUSES: tuple[Status, ...] = ("offline", "away", "online")  # where nodes differ, the last one counts

_PERSON = Struct(">Bqq")  # index of the status, user_id, when they were last seen (0 while they are there)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Here:
    """A user with connections to this node, or without any for less than `GRACE`."""

    listeners: dict[Listener, bool] = field(default_factory=dict)  # is it away?
    status: Status = "online"


class Presence:
    """Who is there, as one node knows it."""

    def __init__(self, peers: Peers, clock: Clock) -> None:
        self._peers = peers
        self._clock = clock
        self._here: dict[UserId, _Here] = {}
        self._leaving = Lapses(GRACE, self._leave)
        self._there: dict[UserId, dict[bytes, Status]] = {}  # what each other node says, unless it is offline
        self._leases = Lapses(LEASE, self._lapse)
        self._seen: dict[UserId, Millis] = {}
        self._watching: dict[Listener, tuple[UserId, ...]] = {}
        self._watched: dict[UserId, dict[Listener, None]] = {}
        self._told: dict[UserId, Status] = {}  # of those who are watched
        self._changed: dict[UserId, None] = {}  # of those who are watched
        self._publish: Callable[[bytes], None] | None = None
        self._name = b""
        self._news: dict[UserId, None] = {}  # to be told to the other nodes
        self._round: list[UserId] = []  # who has not been named in this round
        self._beating: asyncio.Task[None] | None = None
        self._closed = False

    # Those who are here

    def came(self, listener: Listener) -> None:
        """A connection is open."""
        here = self._here.setdefault(listener.user_id, _Here())
        self._leaving.drop(listener.user_id)
        here.listeners[listener] = False
        self._reckon(listener.user_id, here)

    def went(self, listener: Listener) -> None:
        """A connection is closed, if it was ever open."""
        self._unwatch(listener)
        here = self._here.get(listener.user_id)
        if here is None or here.listeners.pop(listener, None) is None:
            return
        if here.listeners:
            self._reckon(listener.user_id, here)
        else:
            self._see(listener.user_id, self._clock.now())
            self._leaving.set(listener.user_id)

    def say(self, listener: Listener, *, away: bool) -> None:
        """How a device is used."""
        here = self._here.get(listener.user_id)
        if here is not None and listener in here.listeners:
            here.listeners[listener] = away
            self._reckon(listener.user_id, here)

    def _reckon(self, user_id: UserId, here: _Here) -> None:
        here.status = "away" if all(here.listeners.values()) else "online"
        self._change(user_id)

    def _leave(self, user_id: UserId) -> None:
        del self._here[user_id]
        self._change(user_id)

    def _change(self, user_id: UserId) -> None:
        if self._publish is not None:
            self._news[user_id] = None
            self._beat()
        self._review(user_id)

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
            self._signal(user_id, known[user_id]) if user_id in known else _signal(user_id, "offline", None)
            for user_id in dict.fromkeys(user_ids)
        ]

    def status(self, user_id: UserId) -> Status:
        """How somebody is, whoever asks."""
        said = list(self._there.get(user_id, {}).values())
        here = self._here.get(user_id)
        if here is not None:
            said.append(here.status)
        return max(said, key=STATUSES.index, default="offline")

    def _unwatch(self, listener: Listener) -> None:
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
        due = [user_id for user_id in due if self.status(user_id) != self._told[user_id]]
        if not due:
            return
        watchers = {user_id: {listener.user_id for listener in self._watched[user_id]} for user_id in due}
        try:
            peers = await self._peers.sharing(watchers)
        except ChatError as error:
            log.warning("who may know of a presence can't be read", extra={"code": error.code})
            for user_id in due:
                self._review(user_id)
            return
        for user_id in due:
            if user_id in self._watched:
                self._told[user_id] = self.status(user_id)
                frame = text_frame(encode(self._signal(user_id)))
                for listener in self._watched[user_id]:
                    if listener.user_id in peers[user_id]:
                        listener.signal(frame)

    def _signal(self, user_id: UserId, last_used: Millis | None = None) -> Signal:
        return _signal(user_id, self.status(user_id), self._seen.get(user_id, last_used))

    # The other nodes

    def connect(self, publish: Callable[[bytes], None], name: str) -> None:
        """Tell the other nodes who is here, under a name that no other node has, and ask them for theirs."""
        self._publish = publish
        self._name = name.encode()
        publish(self._message(()))
        self._news = dict.fromkeys(self._here)
        self._beat()

    def receive(self, payload: bytes) -> None:
        """What another node says of its users; naming nobody, it asks who is here."""
        start = 1 + payload[0]
        node = payload[1:start]
        if start == len(payload):
            self._news |= dict.fromkeys(self._here)
            self._beat()
        for index, number, seen in _PERSON.iter_unpack(payload[start:]):
            user_id, status = UserId(number), STATUSES[index]
            if status == "offline":
                self._see(user_id, Millis(seen))
                self._forget(user_id, node)
            else:
                self._there.setdefault(user_id, {})[node] = status
                self._leases.set((user_id, node))
            self._review(user_id)

    def _lapse(self, lease: tuple[UserId, bytes]) -> None:
        """The node that said so is gone, or cut off."""
        user_id, node = lease
        self._see(user_id, Millis(self._clock.now() - int(LEASE * 1000)))
        self._forget(user_id, node)
        self._review(user_id)

    def _forget(self, user_id: UserId, node: bytes) -> None:
        self._leases.drop((user_id, node))
        said = self._there.get(user_id, {})
        said.pop(node, None)
        if not said:
            self._there.pop(user_id, None)

    def _gossip(self) -> None:
        """Tell the news, and name some of the others once more."""
        if self._publish is None:
            return
        if not self._round:
            self._round = list(self._here)
        share = -(-len(self._here) // ROUND)
        named, self._round = self._round[:share], self._round[share:]
        due, self._news = list(self._news | dict.fromkeys(named)), {}
        for first in range(0, len(due), NAMED):
            self._publish(self._message(due[first : first + NAMED]))

    def _message(self, user_ids: Iterable[UserId]) -> bytes:
        people = []
        for user_id in user_ids:
            here = self._here.get(user_id)
            status: Status = "offline" if here is None else here.status
            seen = self._seen.get(user_id, 0) if here is None else 0
            people.append(_PERSON.pack(STATUSES.index(status), user_id, seen))
        return bytes([len(self._name)]) + self._name + b"".join(people)

    # The beat

    def _beat(self) -> None:
        if self._beating is None and not self._closed:
            self._beating = asyncio.get_running_loop().create_task(self._run(), name="presence")

    async def _run(self) -> None:
        """Beat as long as there is something to tell."""
        try:
            while self._changed or self._news or (self._publish is not None and self._here):
                await asyncio.sleep(BEAT)
                self._gossip()
                await self._tell()
        finally:
            self._beating = None

    async def close(self) -> None:
        """Tell nothing more."""
        self._closed = True
        self._leaving.close()
        self._leases.close()
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])

    def _see(self, user_id: UserId, at: Millis) -> None:
        self._seen[user_id] = max(at, self._seen.pop(user_id, at))  # nodes tell of it in any order
        if len(self._seen) > MAX_SEEN:
            del self._seen[next(iter(self._seen))]


def _signal(user_id: UserId, status: Status, seen: Millis | None) -> Signal:
    last_seen = None if status != "offline" or seen is None else format_time(seen)
    return Signal(kind="presence", user_id=user_id, status=status, last_seen=last_seen)
