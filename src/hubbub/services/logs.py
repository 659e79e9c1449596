"""The log of a room, for those who follow it: its events in order, and the snapshot that a live view starts from."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum

from hubbub.domain.errors import ChatError, Conflict
from hubbub.domain.events import Event
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.permissions import seen_by
from hubbub.services.access import ReadableRoom, readable_room
from hubbub.services.pages import PAGE_BYTES, portions, within
from hubbub.services.ports import Store, Tx
from hubbub.services.reads import read_marks

MAX_EVENTS = 200  # events in one page or one batch of a catch-up


@dataclass(frozen=True, slots=True)
class LogPage:
    """Events, oldest first, and the room's head and the epoch of its log when they were read."""

    items: list[Event]
    head: Seq
    epoch: str


class ResetReason(Enum):
    """Why a view can't go on from where it was."""

    EPOCH_CHANGED = "epoch_changed"  # the server was restored from a backup
    PRUNED = "pruned"  # its position is below what it may read now


@dataclass(frozen=True, slots=True)
class Joined:
    """What a view of a room starts from, all of it out of one snapshot."""

    room_id: RoomId
    epoch: str
    head: Seq
    base: Seq  # the last seq before what this member may read
    read_seq: Seq
    role: Role
    joined_seq: Seq  # the event of the current membership
    events: list[Event]  # from the view's position on, oldest first; empty for a view of the live tail alone
    more: bool  # the events do not reach the head: ask again from the last one
    reset: ResetReason | None  # drop the view and go on from `base`


class Logs:
    """Use cases about the log of a room."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def events(
        self, user_id: UserId, room_id: RoomId, *, after: Seq, limit: int = MAX_EVENTS, epoch: str | None = None
    ) -> LogPage:
        """Events with a seq above `after`, oldest first, as far back as this member may read.

        At most `limit`, and fewer where their texts are long; none when there are none. Raise Conflict when `after` is
        a position in the log of another epoch (None = of any).
        """

        def read(tx: Tx) -> LogPage:
            access = readable_room(tx, user_id, room_id)
            known_epoch = tx.log.epoch()
            if epoch not in {None, known_epoch}:
                raise Conflict("this position is in another log: the server was restored, so begin again at 0")
            start = Seq(max(after, access.base))
            events = _after(tx, room_id, start, limit)
            return LogPage([seen_by(event, access.base) for event in events], access.room.head, known_epoch)

        return await self._store.lookup(read)

    async def join(
        self,
        user_id: UserId,
        room_id: RoomId,
        *,
        after: Seq | None = None,
        epoch: str | None = None,
        max_bytes: int = PAGE_BYTES,
    ) -> Joined:
        """The snapshot for a view that has applied everything up to `after`, in the epoch it knows.

        A position of another epoch, or above the head, is one in a log that is no more: the view starts anew. So does
        one below `base`, since it may hold what its owner may not read any more. The texts of the events have no more
        than `max_bytes`, but there is at least one event if there is any.
        """
        return await self._store.lookup(lambda tx: _join(tx, user_id, room_id, after, epoch, max_bytes))

    async def join_many(
        self,
        user_id: UserId,
        positions: Mapping[RoomId, Seq | None],
        *,
        epoch: str | None = None,
        max_bytes: int = PAGE_BYTES,
    ) -> dict[RoomId, Joined | ChatError]:
        """`join` for many rooms in one snapshot; a refusal stands in the place of its room.

        All of them together bring little more than MAX_EVENTS events, but each at least one if there is any.
        """

        def read(tx: Tx) -> dict[RoomId, Joined | ChatError]:
            answers: dict[RoomId, Joined | ChatError] = {}
            left = MAX_EVENTS
            for room_id, after in positions.items():
                try:
                    joined = _join(tx, user_id, room_id, after, epoch, max_bytes, limit=max(1, left))
                except ChatError as error:
                    answers[room_id] = error
                else:
                    answers[room_id] = joined
                    left -= len(joined.events)
            return answers

        return await self._store.read(read)

    async def range(self, room_id: RoomId, after: Seq, upto: Seq, *, epoch: str | None = None) -> list[Event]:
        """The first events of a hole, for the server itself: nobody is asked for permission.

        Raise Conflict when this is not the log of that epoch (None = of any) any more.
        """

        def read(tx: Tx) -> list[Event]:
            if epoch not in {None, tx.log.epoch()}:
                raise Conflict("the store was restored")
            return _after(tx, room_id, after, MAX_EVENTS, upto)

        return await self._store.read(read)

    async def heads(self, room_ids: Collection[RoomId]) -> dict[RoomId, Seq]:
        """The heads of rooms as the store has them, for the server itself."""
        return await self._store.read(lambda tx: tx.rooms.heads(room_ids))

    async def epoch(self) -> str:
        """The name of this copy of the truth."""
        return await self._store.lookup(lambda tx: tx.log.epoch())


def _join(
    tx: Tx,
    user_id: UserId,
    room_id: RoomId,
    after: Seq | None,
    epoch: str | None,
    max_bytes: int,
    *,
    limit: int = MAX_EVENTS,
) -> Joined:
    access = readable_room(tx, user_id, room_id)
    head = access.room.head
    known_epoch = tx.log.epoch()
    reset = _reset(access, after, epoch, known_epoch)
    events: list[Event] = []
    if after is not None:
        start = access.base if reset else after
        events = [seen_by(event, access.base) for event in _after(tx, room_id, start, limit, max_bytes=max_bytes)]
    return Joined(
        room_id=room_id,
        epoch=known_epoch,
        head=head,
        base=access.base,
        read_seq=read_marks(tx, [(room_id, access.member)])[room_id, user_id],
        role=access.member.role,
        joined_seq=access.member.joined_seq,
        events=events,
        more=bool(events) and events[-1].seq < head,
        reset=reset,
    )


def _after(
    tx: Tx, room_id: RoomId, after: Seq, limit: int, upto: Seq | None = None, *, max_bytes: int = PAGE_BYTES
) -> list[Event]:
    def read(last: Event | None, count: int) -> list[Event]:
        return tx.log.after(room_id, last.seq if last else after, limit=count, upto=upto)

    return within(portions(read, limit), max_bytes)


def _reset(access: ReadableRoom, after: Seq | None, epoch: str | None, known_epoch: str) -> ResetReason | None:
    if after is None:
        return None
    if (epoch is not None and epoch != known_epoch) or after > access.room.head:
        return ResetReason.EPOCH_CHANGED
    if after < access.base:
        return ResetReason.PRUNED
    return None
