"""The database that all nodes share, and each node's way to it.

A transaction happens at one moment, as in a real one; what is simulated is the time before and after it, in which the
node may die, and the connection to it may fail. What was written is told to the oracle at the moment of its commit.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random
from typing import Protocol, TypeVar

from hubbub.domain.errors import Unavailable
from hubbub.domain.events import Event
from hubbub.domain.ids import Millis, RoomId, Seq, SessionId, UserId
from hubbub.services.ports import Log, Members, Messages, RateLimits, Reads, Rooms, Sessions, Tx, Users
from hubbub.stores.memory import MemoryStore
from hubbub.stores.memory.store import MemoryTx
from hubbub.stores.memory.tables import Tables

T = TypeVar("T")

DISK = 0.012  # seconds; now and then ten times as much


class Witness(Protocol):
    """Who is told what was committed."""

    def committed(self, events: Sequence[Event]) -> None: ...

    def ended(self, session_ids: Sequence[SessionId]) -> None: ...

    def taken_for_stolen(self, session_ids: Sequence[SessionId]) -> None: ...

    def marked(self, marks: Mapping[tuple[RoomId, UserId], Seq]) -> None: ...


class Database:
    """The truth, and what it was like before."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        self.memory = MemoryStore(epoch="epoch-1")
        self._epochs = 1

    def read(self, fn: Callable[[Tx], T]) -> T:
        return _at_once(self.memory.read, fn)

    def write(self, fn: Callable[[Tx], T], appended: Callable[[Collection[RoomId]], None] = lambda _: None) -> T:
        """Run a transaction, and tell the witness what it has appended; then call `appended` with the rooms, if any."""
        seen: list[Seen] = []

        def run(tx: Tx) -> T:
            seen.append(Seen(tx))
            return fn(seen[0])

        result = _at_once(self.memory.write, run)
        if seen[0].log.appended:
            self.witness.committed(seen[0].log.appended)
            appended({event.room_id for event in seen[0].log.appended})
        if seen[0].sessions.ended:
            self.witness.ended(seen[0].sessions.ended)
        if seen[0].sessions.taken_for_stolen:
            self.witness.taken_for_stolen(seen[0].sessions.taken_for_stolen)
        if seen[0].reads.marks:
            self.witness.marked(seen[0].reads.marks)
        return result

    def backup(self) -> Tables:
        """A copy of everything."""
        return _copy(self.memory._tables, self.memory._tables.epoch)

    def restore(self, backup: Tables) -> str:
        """Put everything back, behind the backs of all who have a connection; return the new epoch."""
        self._epochs += 1
        self.memory._tables = _copy(backup, f"epoch-{self._epochs}")
        self.memory._tx = MemoryTx(self.memory._tables)
        return self.memory._tables.epoch


class SimStore:
    """Implements `services.ports.Store` for one life of a node."""

    def __init__(self, random: Random, database: Database, appended: Callable[[Collection[RoomId]], None]) -> None:
        """`appended` is called at the moment at which events were committed here: nothing else has happened yet."""
        self._random = random
        self._database = database
        self._appended = appended
        self.failures: deque[str] = deque()  # how the next transactions fail

    async def read(self, fn: Callable[[Tx], T]) -> T:
        await self._wait()
        if self.failures and self.failures[0] == "read":
            self.failures.popleft()
            raise Unavailable("the store can't be reached")
        result = self._database.read(fn)
        await self._wait()
        return result

    async def lookup(self, fn: Callable[[Tx], T]) -> T:
        return await self.read(fn)

    async def write(self, fn: Callable[[Tx], T]) -> T:
        await self._wait()
        failure = self.failures.popleft() if self.failures and self.failures[0] != "read" else None
        if failure == "before":
            raise Unavailable("the store can't be reached")

        def run(tx: Tx) -> T:
            result = fn(tx)
            if failure == "rolled back":
                raise Unavailable("the transaction was rolled back")
            return result

        result = self._database.write(run, self._appended)
        await self._wait()
        if failure == "after":
            raise Unavailable("the connection was lost during the commit")
        return result

    async def close(self) -> None:
        """The database stays."""

    async def _wait(self) -> None:
        slow = 10 if self._random.random() < 0.05 else 1
        await asyncio.sleep(DISK * slow * self._random.random())


class Seen:
    """A transaction whose writes to logs and read marks are remembered, and what becomes of sessions."""

    def __init__(self, tx: Tx) -> None:
        self.users: Users = tx.users
        self.sessions = SeenSessions(tx.sessions)
        self.rooms: Rooms = tx.rooms
        self.members: Members = tx.members
        self.messages: Messages = tx.messages
        self.rate_limits: RateLimits = tx.rate_limits
        self.log = SeenLog(tx.log)
        self.reads = SeenReads(tx.reads)


class SeenSessions:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.ended: list[SessionId] = []
        self.taken_for_stolen: list[SessionId] = []
        self._turned_before: list[SessionId] = []
        self.add, self.add_ticket, self.take_ticket = sessions.add, sessions.add_ticket, sessions.take_ticket
        self.existing, self.get, self.last_used = sessions.existing, sessions.get, sessions.last_used
        self.of_ticket, self.of_user, self.purge = sessions.of_ticket, sessions.of_user, sessions.purge

    def rotate(
        self, session_id: SessionId, *, generation: int, attempt: bytes | None, at: Millis, expires_at: Millis
    ) -> bool:
        if self._sessions.rotate(session_id, generation=generation, attempt=attempt, at=at, expires_at=expires_at):
            return True
        session = self._sessions.get(session_id)
        if session is not None and generation < session.generation:  # a later one is from before a restore
            self._turned_before.append(session_id)
        return False

    def end(self, session_ids: Collection[SessionId]) -> None:
        self._sessions.end(session_ids)
        self.ended += session_ids
        self.taken_for_stolen += [session_id for session_id in session_ids if session_id in self._turned_before]


class SeenLog:
    def __init__(self, log: Log) -> None:
        self._log = log
        self.appended: list[Event] = []
        self.after = log.after
        self.epoch = log.epoch

    def append(self, events: Sequence[Event]) -> None:
        self._log.append(events)
        self.appended += events


class SeenReads:
    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self.marks: dict[tuple[RoomId, UserId], Seq] = {}
        self.get = reads.get

    def advance(self, marks: Mapping[tuple[RoomId, UserId], Seq]) -> None:
        self._reads.advance(marks)
        self.marks.update(self._reads.get(marks))


def _at_once(run: Callable[[Callable[[Tx], T]], object], fn: Callable[[Tx], T]) -> T:
    """The memory store never waits: what it would return is there after the first step."""
    coroutine = run(fn)
    try:
        coroutine.send(None)  # type: ignore[attr-defined]
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("the memory store has waited")


def _copy(tables: Tables, epoch: str) -> Tables:
    copy = Tables(epoch)
    with copy.undo.transaction():
        for name in ("last_ids", "users", "usernames", "emails", "sessions", "tickets", "pairs", "client_ids", "reads"):
            dict.update(getattr(copy, name), getattr(tables, name))
        for room_id, room in tables.rooms.items():
            copy.add_room(room_id)
            blank = copy.rooms[room_id]
            for field in ("created_at", "deleted", "head", "history", "kind", "last_at", "name", "topic"):
                setattr(blank, field, getattr(room, field))
            blank.members.update(room.members)
            blank.messages.update(room.messages)
            copy.logs[room_id].update(tables.logs[room_id])
    return copy
