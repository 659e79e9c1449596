"""Read marks: how far each member has read each of their rooms.

Marks are not events of a room: they take no seq. Those that wait while a commit runs go into the next one together.
They lock no room: who may mark what is read beside the journal, and only what has moved is written.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from hubbub.domain.errors import ChatError, Unavailable
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.domain.members import Member
from hubbub.services.access import ReadableRoom, readable_rooms
from hubbub.services.ports import Store, Tx

MAX_BATCH = 500  # marks in one transaction; the rest waits for the next, and messages get in between

log = logging.getLogger(__name__)

_Key: TypeAlias = tuple[RoomId, UserId]


@dataclass(slots=True, eq=False)
class _Mark:
    key: _Key
    seq: Seq
    answered: asyncio.Future[Seq]


class Reads:
    """Use cases about read marks. A mark never goes back."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.moved: Callable[[RoomId, UserId, Seq], None] = _ignore  # called with each mark that has moved, once stored
        self._waiting: list[_Mark] = []
        self._running: asyncio.Task[None] | None = None
        self._closed = False

    async def mark(self, user_id: UserId, room_id: RoomId, seq: Seq) -> Seq:
        """Everything up to `seq` is read; return the mark as it is then. A seq above the head counts as the head."""
        if self._closed:
            raise Unavailable("the server is stopping")
        loop = asyncio.get_running_loop()
        mark = _Mark((room_id, user_id), seq, loop.create_future())
        self._waiting.append(mark)
        if self._running is None:
            self._running = loop.create_task(self._run(), name="reads")
        return await mark.answered

    async def close(self) -> None:
        """Refuse new marks, and wait until all others are written."""
        self._closed = True
        while self._running is not None:
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        try:
            while self._waiting:
                marks, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                await self._answer(marks)
        finally:
            self._running = None

    async def _answer(self, marks: list[_Mark]) -> None:
        answers: dict[_Key, Seq | Exception]
        moved: dict[_Key, Seq] = {}
        try:
            look = await self._store.read(lambda tx: _look(tx, marks))
            stored = await self._store.write(lambda tx: _advance(tx, look)) if look.moved else {}
            answers = {**look.answers, **stored}
            moved = {key: seq for key, seq in look.moved.items() if stored[key] == seq}  # others tell of theirs
        except Exception as error:  # noqa: BLE001 - it is raised where each of them waits
            answers = dict.fromkeys((mark.key for mark in marks), error)
        for mark in marks:
            answer = answers[mark.key]
            if mark.answered.done():
                continue  # whoever asked has gone
            if isinstance(answer, Exception):
                mark.answered.set_exception(answer)
            else:
                mark.answered.set_result(answer)
        self._tell(moved)

    def _tell(self, moved: Mapping[_Key, Seq]) -> None:
        """A mistake of who listens must not cost those their answers who wait for the next batch."""
        try:
            for (room_id, user_id), seq in moved.items():
                self.moved(room_id, user_id, seq)
        except Exception:
            log.exception("a receiver of read marks failed")


def _ignore(room_id: RoomId, user_id: UserId, seq: Seq) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What becomes of marks: where each of them is then, or why it is none, and which of them move."""

    epoch: str  # of the log whose heads they were compared with
    answers: dict[_Key, Seq | Exception]
    moved: dict[_Key, Seq]


def _look(tx: Tx, marks: list[_Mark]) -> _Look:
    rooms = readable_rooms(tx, {mark.key for mark in marks})
    readable = [access for access in rooms.values() if isinstance(access, ReadableRoom)]
    refused = {key: access for key, access in rooms.items() if isinstance(access, ChatError)}
    stored = read_marks(tx, [(access.room.id, access.member) for access in readable])
    reached = dict(stored)
    for mark in marks:
        access = rooms[mark.key]
        if isinstance(access, ReadableRoom):
            reached[mark.key] = max(reached[mark.key], min(mark.seq, access.room.head))
    moved = {key: seq for key, seq in reached.items() if seq > stored[key]}
    return _Look(tx.log.epoch(), {**reached, **refused}, moved)


def _advance(tx: Tx, look: _Look) -> dict[_Key, Seq]:
    """Write what was found out in another transaction, and is still right; return where these marks are now.

    Within an epoch heads only grow, and a mark that others have moved further stays. Whoever was removed meanwhile has
    a mark in a room that they can't read, and once they are added again all before that counts as read anyway.
    """
    if tx.log.epoch() != look.epoch:
        raise Unavailable("the server was restored from a backup just now: try again")
    tx.reads.advance(look.moved)
    return tx.reads.get(look.moved)


def read_marks(tx: Tx, members: Iterable[tuple[RoomId, Member]]) -> dict[_Key, Seq]:
    """How far these members have read: all before they joined counts as read."""
    begun = {(room_id, member.user_id): member.joined_seq for room_id, member in members}
    stored = tx.reads.get(begun)
    return {key: max(joined_seq, stored.get(key, joined_seq)) for key, joined_seq in begun.items()}
