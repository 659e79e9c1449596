"""The journal: one door for every durable change of a room.

Changes that are waiting when the last commit ended go into the next one together (group commit). There is no timer: a
lonely change starts at the end of the current turn of the event loop, so that what arrived together is committed
together, and under load a batch is whatever came while the disk was busy. One batch is one transaction and one hop to
the writer and back, however many changes it holds. Where the store writes several transactions beside each other, the
rooms are divided between as many lanes, each with batches of its own.

It must not know who asks (socket, REST, simulator) nor what becomes of the events (`ports.Fanout`).
"""

import asyncio
import logging
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from hubbub.domain.errors import ChatError, ClientIdReused, Conflict, Internal, NotFound, Unavailable
from hubbub.domain.events import Event, MessagePosted
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.messages import Message
from hubbub.domain.permissions import room_not_found
from hubbub.domain.rooms import ChatRoom
from hubbub.domain.texts import check_client_id
from hubbub.services.ports import Clock, Fanout, Store, Tx

MAX_BATCH = 1000  # changes in one transaction; the rest waits for the next

log = logging.getLogger(__name__)

T = TypeVar("T")
Decide: TypeAlias = Callable[[ChatRoom, Millis], tuple[Event, ...]]
ClientKey: TypeAlias = tuple[RoomId, UserId, str]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a message is to say: by this a repeat of a client_id is told from another message.

    Raise Invalid for a client_id that no message can have, so that no store is asked for it.
    """

    text: str
    client_id: str | None = None
    reply_to: Seq | None = None

    def __post_init__(self) -> None:
        if self.client_id is not None:
            check_client_id(self.client_id)


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Something that `user_id` wants to happen in an existing room.

    `decide(room, at)` is pure and may be called more than once. The room it gets holds the actor and `members` as far
    as they are members, and the messages at `targets` as far as they exist. `new_users` must exist, or it is refused.
    """

    room_id: RoomId
    user_id: UserId
    decide: Decide
    members: tuple[UserId, ...] = ()
    targets: tuple[Seq, ...] = ()
    new_users: tuple[UserId, ...] = ()
    draft: Draft | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Founding:
    """The creation of a room. With a `pair` it is answered with the room of these two if they have one."""

    user_id: UserId
    decide: Decide
    new_users: tuple[UserId, ...] = ()
    pair: tuple[UserId, UserId] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change. `duplicate`: nothing happened now, and `events` holds what the first one did."""

    room_id: RoomId
    events: tuple[Event, ...]
    duplicate: bool = False


Answer: TypeAlias = Outcome | ChatError
Done: TypeAlias = Callable[[Answer], None]


@dataclass(slots=True, eq=False)
class _Waiting:
    change: Change | Founding
    done: Done


class Journal:
    """Commits the changes of each room in the order in which they were submitted, and publishes them in order."""

    def __init__(self, store: Store, clock: Clock, fanout: Fanout, *, lanes: int = 1) -> None:
        """`lanes` is how many transactions may run beside each other; those of a room never do."""
        self._lanes = tuple(_Lane(store, clock, fanout) for _ in range(lanes))
        self._closed = False

    def submit(self, change: Change | Founding, done: Done) -> None:
        """Queue a change. `done` is called once, on the event loop, after the commit and before the events go out.

        A change whose transaction failed is answered with Unavailable: whether it happened is not known, and only a
        client_id makes it safe to repeat. Everything that the same author has waiting in that room fails with it, or a
        later message would overtake the one that is repeated. With Internal when the store is damaged.
        """
        if self._closed:
            done(Unavailable("the server is stopping"))
        else:
            self._lanes[_place(change) % len(self._lanes)].submit(change, done)

    async def commit(self, change: Change | Founding) -> Outcome:
        """Queue a change and wait for what became of it; raise its ChatError when it was refused."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def done(answer: Answer) -> None:
            if not answered.done():  # its waiter may have been cancelled; the change happens all the same
                answered.set_result(answer)

        self.submit(change, done)
        answer = await answered
        if isinstance(answer, ChatError):
            raise answer
        return answer

    async def close(self) -> None:
        """Refuse new changes, and wait until all that were submitted are answered.

        When that is cancelled, those whose transaction has not begun are answered with Unavailable, and never happen.
        """
        self._closed = True
        try:
            for lane in self._lanes:
                await lane.finish()
        except asyncio.CancelledError:
            for lane in self._lanes:
                lane.abandon()
            raise


def _place(change: Change | Founding) -> int:
    """What keeps together the changes of a room, and the foundings of the one room of a pair."""
    if isinstance(change, Change):
        return change.room_id
    return change.user_id if change.pair is None else min(change.pair)


class _Lane:
    """The changes of some of the rooms: one transaction at a time."""

    def __init__(self, store: Store, clock: Clock, fanout: Fanout) -> None:
        self._store = store
        self._fanout = fanout
        self._batch = Batch(clock)
        self._waiting: list[_Waiting] = []
        self._limit = MAX_BATCH  # changes in the next transaction
        self._running: asyncio.Task[None] | None = None

    def submit(self, change: Change | Founding, done: Done) -> None:
        self._waiting.append(_Waiting(change, done))
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run(), name="journal")

    async def finish(self) -> None:
        """Wait until all that were submitted are answered."""
        while self._running is not None:
            await asyncio.wait([self._running])

    def abandon(self) -> None:
        """Answer those who wait for their transaction."""
        abandoned, self._waiting = self._waiting, []
        for waiting in abandoned:
            _tell(waiting.done, Unavailable("the server is stopping"))

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                await self._commit(batch)
        finally:
            self._running = None

    async def _commit(self, batch: list[_Waiting]) -> None:
        changes = [waiting.change for waiting in batch]
        try:
            answers = await self._store.write(lambda tx: self._batch.write(tx, changes))
        except (Unavailable, Internal) as error:  # of the store: a change's own is its answer
            self._fail(batch, error)
        except Exception as error:  # noqa: BLE001 - answered and logged once it stands alone
            self._isolate(batch, error)
        else:
            self._batch.committed()
            self._limit = min(2 * self._limit, MAX_BATCH)
            self._answer(batch, answers)

    def _answer(self, batch: list[_Waiting], answers: Sequence[Answer]) -> None:
        published: list[Event] = []
        for waiting, answer in zip(batch, answers, strict=True):
            _tell(waiting.done, answer)
            if isinstance(answer, Outcome) and not answer.duplicate:
                published.extend(answer.events)
        if published:
            _tell(lambda events: self._fanout.publish(events, self._batch.epoch), published)

    def _fail(self, batch: list[_Waiting], error: Unavailable | Internal) -> None:
        """The store failed: what the same authors have waiting in the same rooms fails with the batch."""
        failed = {(w.change.room_id, w.change.user_id) for w in batch if isinstance(w.change, Change)}
        unaffected = []
        for waiting in self._waiting:
            change = waiting.change
            if isinstance(change, Change) and (change.room_id, change.user_id) in failed:
                batch.append(waiting)
            else:
                unaffected.append(waiting)
        self._waiting = unaffected
        for waiting in batch:
            _tell(waiting.done, error)
        if failed:
            _tell(self._fanout.resync, {room_id for room_id, _ in failed})

    def _isolate(self, batch: list[_Waiting], error: Exception) -> None:
        """A defect broke the transaction, and nothing of it happened: halve the next ones until it stands alone."""
        if len(batch) == 1:
            log.error("a change failed because of a defect", exc_info=error)
            _tell(batch[0].done, Internal("this change can't be carried out because of a defect in the server"))
        else:
            log.warning("a group of %d changes failed: %s", len(batch), type(error).__name__)
            self._waiting = batch + self._waiting
            self._limit = len(batch) // 2


def _tell(receiver: Callable[[T], None], argument: T) -> None:
    """Call somebody whose mistake must not cost the others their answers, or stop the journal."""
    try:
        receiver(argument)
    except Exception:
        log.exception("a receiver of the journal's answers or events failed")


class Batch:
    """What happens inside the transaction: load what is needed, decide each change, append what came out.

    A room that was loaded is kept for the next batch. Every change takes a seq, so `kept.head == rooms.head`, read
    under the lock, proves within an epoch that the kept one is current, on any database and with any number of
    processes. (Of a store that was restored the log may have grown to the same length in another way.) What was applied
    to the kept rooms counts once `committed` is called; otherwise the next batch begins without them.
    """

    MAX_KEPT_MEMBERS = 100_000  # in all kept rooms together; some 20 MB

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[RoomId, ChatRoom] = {}
        self._kept_members = 0
        self._settled = True  # the kept rooms show what was committed
        self.epoch = ""  # of the store, at the last `write`

    def write(self, tx: Tx, changes: Sequence[Change | Founding]) -> list[Answer]:
        """Carry out the changes in order; one that is refused is answered with its error and changes nothing."""
        epoch = tx.log.epoch()
        if not self._settled or epoch != self.epoch:
            self._forget()
        self._settled, self.epoch = False, epoch
        at = self._clock.now()
        rooms = self._load(tx, [change for change in changes if isinstance(change, Change)])
        repeats = tx.messages.by_client_id(_client_keys(changes))
        wanted = {user_id for change in changes for user_id in change.new_users}
        users = tx.users.get_many(wanted).keys() if wanted else ()
        order = sorted(range(len(changes)), key=lambda index: _pair(changes[index]))
        answered = {index: _answer(tx, changes[index], rooms, repeats, users, at) for index in order}
        answers = [answered[index] for index in range(len(changes))]
        appended = [
            event
            for change, answer in zip(changes, answers, strict=True)
            if isinstance(change, Change) and isinstance(answer, Outcome) and not answer.duplicate
            for event in answer.events
        ]
        if appended:
            tx.log.append(appended)
        for room in rooms.values():
            room.messages.clear()  # targets of this batch alone
        return answers

    def committed(self) -> None:
        """The last `write` is on disk."""
        self._settled = True

    def _forget(self) -> None:
        self._kept.clear()
        self._kept_members = 0

    def _load(self, tx: Tx, changes: Sequence[Change]) -> dict[RoomId, ChatRoom]:
        """The rooms of these changes, locked, with the members and messages that they name."""
        if not changes:
            return {}
        rooms = tx.rooms.load({change.room_id for change in changes})
        for room_id, room in rooms.items():
            kept = self._kept.get(room_id)
            if kept is not None and kept.head == room.head:
                rooms[room_id] = kept
            else:
                self._kept[room_id] = room
        unknown = {
            (change.room_id, user_id)
            for change in changes
            if change.room_id in rooms
            for user_id in (change.user_id, *change.members)
            if user_id not in rooms[change.room_id].members
        }
        if unknown:
            for (room_id, user_id), member in tx.members.get(unknown).items():
                rooms[room_id].members[user_id] = member
            self._forget_if_many(len(unknown))
        targets = {(change.room_id, seq) for change in changes for seq in change.targets if change.room_id in rooms}
        if targets:
            for (room_id, seq), message in tx.messages.get(targets).items():
                rooms[room_id].messages[seq] = message
        return rooms

    def _forget_if_many(self, added: int) -> None:
        self._kept_members += added
        if self._kept_members > self.MAX_KEPT_MEMBERS:
            self._forget()  # the rooms of this batch stay alive in its own dict


def _pair(change: Change | Founding) -> tuple[int, ...]:
    """What changes are sorted by: two nodes that found the same pairs do so in the same order, lest each waits for
    the other. All else happens before, as it was submitted.
    """
    pair = change.pair if isinstance(change, Founding) else None
    return () if pair is None else tuple(sorted(pair))


def _client_keys(changes: Sequence[Change | Founding]) -> set[ClientKey]:
    return {
        (change.room_id, change.user_id, change.draft.client_id)
        for change in changes
        if isinstance(change, Change) and change.draft is not None and change.draft.client_id is not None
    }


def _answer(
    tx: Tx,
    change: Change | Founding,
    rooms: dict[RoomId, ChatRoom],
    repeats: dict[ClientKey, Message],
    users: Container[UserId],
    at: Millis,
) -> Answer:
    try:
        for user_id in change.new_users:
            if user_id not in users:
                raise NotFound(f"there is no user {user_id}")
        if isinstance(change, Change):
            return _decide(change, rooms, repeats, at)
        change.decide(ChatRoom(RoomId(0)), at)  # refused here, if at all: before an id is reserved
    except ChatError as error:
        return error
    return _found(tx, change, at)  # what the store refuses now is a defect, and rolls everything back


def _found(tx: Tx, founding: Founding, at: Millis) -> Outcome:
    """Reserve a room and fill it at once: a second founding of the same pair in this batch must find it."""
    if founding.pair is not None:
        existing = tx.rooms.of_pair(*founding.pair)
        if existing is not None:
            return Outcome(existing, (), duplicate=True)
    try:
        room = ChatRoom(tx.rooms.add(founding.pair))
    except Conflict:  # another node has founded it just now
        existing = None if founding.pair is None else tx.rooms.of_pair(*founding.pair)
        if existing is None:
            raise
        return Outcome(existing, (), duplicate=True)
    events = founding.decide(room, at)
    tx.log.append(events)
    return Outcome(room.id, events)


def _decide(change: Change, rooms: dict[RoomId, ChatRoom], repeats: dict[ClientKey, Message], at: Millis) -> Outcome:
    """Look for the repeat first: whoever was removed meanwhile is still told that their message was committed."""
    key = None
    if change.draft is not None and change.draft.client_id is not None:
        key = (change.room_id, change.user_id, change.draft.client_id)
        first = repeats.get(key)
        if first is not None:
            return _repeat(first, change.draft)
    room = rooms.get(change.room_id)
    if room is None:
        raise room_not_found(change.room_id)
    events = change.decide(room, at)
    for event in events:
        room.apply(event)
        if key is not None and isinstance(event, MessagePosted):
            repeats[key] = event.message
    return Outcome(room.id, events)


def _repeat(first: Message, draft: Draft) -> Outcome:
    # Once it was edited or deleted, what it said at first is gone, and can't be compared.
    unchanged = first.version == first.seq
    if first.reply_to != draft.reply_to or (unchanged and first.text != draft.text):
        raise ClientIdReused("this client_id was used for another message in this room")
    return Outcome(first.room_id, (MessagePosted(first),), duplicate=True)
