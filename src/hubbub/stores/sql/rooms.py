"""Rooms in SQL."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Subquery, bindparam, func, insert, literal_column, or_, select, tuple_

from hubbub.domain.errors import Conflict, NotFound
from hubbub.domain.events import History, RoomKind
from hubbub.domain.ids import MAX_ID, Millis, RoomId, Seq, UserId
from hubbub.domain.members import Member, Role
from hubbub.domain.permissions import base
from hubbub.domain.rooms import ChatRoom
from hubbub.services.ports import SUMMARY_REACH, UNREAD_MAX, ChannelSummary, RoomSummary
from hubbub.stores.sql.dialects import Keys, LeftFirst, contains, encode_keys, locks
from hubbub.stores.sql.messages import SqlMessages
from hubbub.stores.sql.savepoints import savepoint
from hubbub.stores.sql.statements import Statement
from hubbub.stores.sql.tables import members, messages, reads, rooms
from hubbub.stores.sql.users import SqlUsers

_ADD = Statement(
    insert(rooms)
    .values(
        kind=RoomKind.GROUP.value,
        name="",
        topic="",
        history=History.ALL.value,
        head=0,
        created_at=0,
        last_at=0,
        pair_low=bindparam("pair_low"),
        pair_high=bindparam("pair_high"),
    )
    .returning(rooms.c.id)
)
_OF_PAIR = Statement(
    select(rooms.c.id).where(rooms.c.pair_low == bindparam("low"), rooms.c.pair_high == bindparam("high"))
)
_ROOMS = select(
    rooms.c.id,
    rooms.c.kind,
    rooms.c.name,
    rooms.c.topic,
    rooms.c.history,
    rooms.c.head,
    rooms.c.created_at,
    rooms.c.last_at,
    rooms.c.deleted_at,
)
_LOAD = Statement(_ROOMS.select_from(Keys(1).join(rooms, rooms.c.id)))
# Nobody else changes the rows until the end; that others name them, as read marks do, is nobody's business.
_LOCK = Statement(_ROOMS.where(Keys(1).among(rooms.c.id)).order_by(rooms.c.id).with_for_update(key_share=True))
_HEADS = Statement(select(rooms.c.id, rooms.c.head).select_from(Keys(1).join(rooms, rooms.c.id)))
_SUMMARY = (
    select(
        rooms.c.id,
        rooms.c.kind,
        rooms.c.name,
        rooms.c.topic,
        rooms.c.history,
        rooms.c.head,
        rooms.c.last_at,
        (rooms.c.pair_low + rooms.c.pair_high - members.c.user_id).label("peer_id"),
        members.c.role,
        members.c.joined_seq,
        func.coalesce(reads.c.seq, 0).label("read_seq"),
    )
    .select_from(
        LeftFirst(members, rooms, rooms.c.id == members.c.room_id).outerjoin(
            reads, (reads.c.user_id == members.c.user_id) & (reads.c.room_id == members.c.room_id)
        )
    )
    .where(members.c.user_id == bindparam("user_id"))
)
_OF_USER = Statement(
    _SUMMARY.where(tuple_(rooms.c.last_at, rooms.c.id) < tuple_(bindparam("before_at"), bindparam("before_id")))
    .order_by(rooms.c.last_at.desc(), rooms.c.id.desc())
    .limit(bindparam("limit"))
)
_OF_USER_AND_ROOM = Statement(_SUMMARY.where(members.c.room_id == bindparam("room_id")))
_CHANNELS = Statement(
    select(
        rooms.c.id,
        rooms.c.name,
        rooms.c.topic,
        select(func.count()).where(members.c.room_id == rooms.c.id).scalar_subquery().label("members"),
        rooms.c.created_at,
    )
    # Written into the statement, because an index on some of the rows serves only a query that says which.
    .where(rooms.c.kind == literal_column(f"'{RoomKind.CHANNEL.value}'"), rooms.c.deleted_at.is_(None))
    .where(rooms.c.id > bindparam("after"))
    .where(or_(contains(rooms.c.name, bindparam("query")), contains(rooms.c.topic, bindparam("query"))))
    .order_by(rooms.c.id)
    .limit(bindparam("limit"))
)

_ROOM = Keys(3)  # room_id, the last seq before what may be shown, the last seq before what may be unread
_ROOM_ID, _SHOWN, _READ = _ROOM.columns


def _end_of_room(after: ColumnElement[int], name: str) -> Subquery:
    """The newest messages of a room, deleted ones too: what is sought among them costs no more than they are."""
    return (
        select(messages.c.seq, messages.c.user_id, messages.c.deleted_at)
        .where(messages.c.room_id == _ROOM_ID, messages.c.seq > after)
        .order_by(messages.c.seq.desc())
        .limit(SUMMARY_REACH)
        .correlate(_ROOM.source)
        .subquery(name)
    )


_SEEN = _end_of_room(_SHOWN, "seen")
_NEWEST = (
    select(_SEEN.c.seq)
    .where(_SEEN.c.deleted_at.is_(None))
    .order_by(_SEEN.c.seq.desc())
    .limit(1)
    .correlate(_ROOM.source)
    .scalar_subquery()
)
_AFTER = _end_of_room(_READ, "after")
_UNREAD = (
    select(literal_column("1").label("one"))
    .where(_AFTER.c.user_id != bindparam("user_id"), _AFTER.c.deleted_at.is_(None))
    .limit(UNREAD_MAX)
    .correlate(_ROOM.source)
    .subquery("unread")
)
_TAILS = Statement(
    select(
        _ROOM_ID.label("room_id"),
        _NEWEST.label("newest"),
        select(func.count()).select_from(_UNREAD).correlate(_ROOM.source).scalar_subquery().label("unread"),
    ).select_from(_ROOM.source)
)


class SqlRooms:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, pair: tuple[UserId, UserId] | None = None) -> RoomId:
        low, high = (None, None) if pair is None else (min(pair), max(pair))
        if pair is not None and len(SqlUsers(self._connection).get_many(pair)) < len(pair):
            raise NotFound(f"there is no user {low}, or no user {high}")
        with savepoint(self._connection, Conflict(f"users {low} and {high} have a direct room already")):
            return RoomId(_ADD.first(self._connection, pair_low=low, pair_high=high).id)

    def of_pair(self, user_id: UserId, other_id: UserId) -> RoomId | None:
        low, high = min(user_id, other_id), max(user_id, other_id)
        row = _OF_PAIR.first(self._connection, low=low, high=high)
        return None if row is None else RoomId(row.id)

    def load(self, room_ids: Collection[RoomId]) -> dict[RoomId, ChatRoom]:
        statement = _LOCK if locks(self._connection) else _LOAD
        return {RoomId(row.id): _room(row) for row in statement.rows(self._connection, keys=encode_keys(room_ids))}

    def heads(self, room_ids: Collection[RoomId]) -> dict[RoomId, Seq]:
        return {RoomId(row.id): Seq(row.head) for row in _HEADS.rows(self._connection, keys=encode_keys(room_ids))}

    def of_user(self, user_id: UserId, *, before: tuple[Millis, RoomId] | None, limit: int) -> list[RoomSummary]:
        before_at, before_id = (MAX_ID, MAX_ID) if before is None else before
        found = _OF_USER.rows(self._connection, user_id=user_id, before_at=before_at, before_id=before_id, limit=limit)
        return self._summaries(user_id, found)

    def summary(self, user_id: UserId, room_id: RoomId) -> RoomSummary | None:
        rows = _OF_USER_AND_ROOM.rows(self._connection, user_id=user_id, room_id=room_id)
        return next(iter(self._summaries(user_id, rows)), None)

    def channels(self, query: str, *, after: RoomId, limit: int) -> list[ChannelSummary]:
        found = _CHANNELS.rows(self._connection, query=query.lower(), after=after, limit=limit)
        return [ChannelSummary(*row) for row in found]

    def _summaries(self, user_id: UserId, rows: Sequence[Any]) -> list[RoomSummary]:
        """Four statements for any number of rooms: the rooms, their tails, the last messages, the people."""
        places = {row.id: _place(row, user_id) for row in rows}
        keys = encode_keys([row.id, *places[row.id]] for row in rows)
        tails = {row.room_id: row for row in _TAILS.rows(self._connection, keys=keys, user_id=user_id)}
        newest = [(tail.room_id, tail.newest) for tail in tails.values() if tail.newest is not None]
        last = {message.room_id: message for message in SqlMessages(self._connection).get(newest).values()}
        peers = {row.peer_id for row in rows if row.peer_id is not None}
        people = SqlUsers(self._connection).get_many(peers | {message.user_id for message in last.values()})
        return [
            RoomSummary(
                room_id=row.id,
                kind=RoomKind(row.kind),
                name=row.name,
                topic=row.topic,
                head=row.head,
                last_at=row.last_at,
                role=Role(row.role),
                base=places[row.id][0],
                read_seq=places[row.id][1],
                unread=tails[row.id].unread,
                peer=people.get(row.peer_id),
                last_message=last.get(row.id),
                last_author=people[last[row.id].user_id] if row.id in last else None,
            )
            for row in rows
        ]


def _place(row: Any, user_id: UserId) -> tuple[Seq, Seq]:
    """What this member may read, and what they have read."""
    member = Member(user_id, Role(row.role), Seq(row.joined_seq))
    return base(History(row.history), member), Seq(max(row.joined_seq, row.read_seq))


def _room(row: Any) -> ChatRoom:
    room = ChatRoom(RoomId(row.id))
    room.kind = RoomKind(row.kind)
    room.name, room.topic = row.name, row.topic
    room.history = History(row.history)
    room.head = Seq(row.head)
    room.created_at, room.last_at = Millis(row.created_at), Millis(row.last_at)
    room.deleted = row.deleted_at is not None
    return room
