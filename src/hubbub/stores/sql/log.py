"""The log of every room in SQL."""

from collections.abc import Sequence
from heapq import merge
from operator import attrgetter

from sqlalchemy import Connection, bindparam, delete, func, insert, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite took over its words

from hubbub.domain.errors import Conflict
from hubbub.domain.events import (
    Event,
    MemberJoined,
    MemberLeft,
    MemberRoleChanged,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    RoomChanged,
    RoomCreated,
    RoomDeleted,
)
from hubbub.domain.ids import Millis, RoomId, Seq
from hubbub.domain.messages import Message
from hubbub.stores.sql.dialects import name_of_history
from hubbub.stores.sql.events import EventRow, from_row, to_row
from hubbub.stores.sql.savepoints import savepoint
from hubbub.stores.sql.statements import Statement
from hubbub.stores.sql.tables import members, messages, meta, room_events, rooms

Row = tuple[object, ...]

_seq = attrgetter("seq")
_ERASED = '{"text": ""}'  # the body of an edit whose message is gone
_message_row = attrgetter(*messages.c.keys())
# Parameters in the order in which they occur: see Statement.many.
_MOVE_HEAD = Statement(
    update(rooms)
    .values(head=bindparam("new_head"), last_at=bindparam("new_last_at"))
    .where(rooms.c.id == bindparam("room_id"), rooms.c.head == bindparam("old_head"))
)
_ADD_MESSAGES = Statement(insert(messages).values({column: bindparam(column.name) for column in messages.c}))
_ADD_EVENTS = Statement(insert(room_events).values({column: bindparam(column.name) for column in room_events.c}))
_REVISE = Statement(
    update(messages)
    .values(
        text=bindparam("new_text"),
        version=bindparam("new_version"),
        edited_at=func.coalesce(bindparam("new_edited_at"), messages.c.edited_at),
        deleted_at=func.coalesce(bindparam("new_deleted_at"), messages.c.deleted_at),
    )
    .where(messages.c.room_id == bindparam("of_room"), messages.c.seq == bindparam("target"))
    .where(messages.c.version < bindparam("before_version"))
)
_ERASE_EDITS = Statement(
    update(room_events)
    .values(body=bindparam("new_body"))
    .where(room_events.c.room_id == bindparam("of_room"), room_events.c.target == bindparam("of_target"))
    .where(room_events.c.kind == literal_column(f"'{MessageEdited.kind}'"))
)
_JOIN = upsert(members).values({column: bindparam(column.name) for column in members.c})
_ADD_MEMBER = Statement(
    _JOIN.on_conflict_do_update(
        index_elements=[members.c.room_id, members.c.user_id],
        set_={"role": _JOIN.excluded.role, "joined_seq": _JOIN.excluded.joined_seq},
    )
)
_REMOVE_MEMBER = Statement(
    delete(members).where(members.c.room_id == bindparam("of_room"), members.c.user_id == bindparam("member_id"))
)
_REMOVE_MEMBERS = Statement(delete(members).where(members.c.room_id == bindparam("of_room")))
_CHANGE_ROLE = Statement(
    update(members)
    .values(role=bindparam("new_role"))
    .where(members.c.room_id == bindparam("of_room"), members.c.user_id == bindparam("member_id"))
)
_CREATE_ROOM = Statement(
    update(rooms)
    .values(
        kind=bindparam("new_kind"),
        name=bindparam("new_name"),
        topic=bindparam("new_topic"),
        history=bindparam("new_history"),
        created_at=bindparam("at"),
    )
    .where(rooms.c.id == bindparam("room_id"))
)
_CHANGE_ROOM = Statement(
    update(rooms)
    .values(name=bindparam("new_name"), topic=bindparam("new_topic"))
    .where(rooms.c.id == bindparam("room_id"))
)
_DELETE_ROOM = Statement(update(rooms).values(deleted_at=bindparam("at")).where(rooms.c.id == bindparam("room_id")))

_MESSAGES_AFTER = Statement(
    select(*messages.c)
    .where(messages.c.room_id == bindparam("room_id"))
    .where(messages.c.seq > bindparam("after"), messages.c.seq <= bindparam("last"))
    .order_by(messages.c.seq)
)
_EVENTS_AFTER = Statement(
    select(*room_events.c)
    .where(room_events.c.room_id == bindparam("room_id"))
    .where(room_events.c.seq > bindparam("after"), room_events.c.seq <= bindparam("last"))
    .order_by(room_events.c.seq)
)
_EPOCH = Statement(select(name_of_history(meta).label("epoch")).where(meta.c.key == literal_column("'epoch'")))


class SqlLog:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, events: Sequence[Event]) -> None:
        if not events:
            return
        batch = _Batch(events)
        with savepoint(self._connection, Conflict("an event repeats a client_id, or names a user who does not exist")):
            batch.write(self._connection)

    def after(self, room_id: RoomId, after: Seq, *, limit: int, upto: Seq | None = None) -> list[Event]:
        # There is no hole, so the last seq follows from the limit, and neither table is asked for more than is needed.
        last = after + limit if upto is None else min(after + limit, upto)
        posted = _MESSAGES_AFTER.rows(self._connection, room_id=room_id, after=after, last=last)
        others = _EVENTS_AFTER.rows(self._connection, room_id=room_id, after=after, last=last)
        return list(merge((MessagePosted(Message(*row)) for row in posted), map(from_row, others), key=_seq))

    def epoch(self) -> str:
        return str(_EPOCH.first(self._connection).epoch)


class _Batch:
    """The rows of some events, by statement."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._heads: dict[RoomId, tuple[Seq, Seq, Millis]] = {}  # old head, new head, when the newest event happened
        self._messages: list[Row] = []
        self._events: list[EventRow] = []
        self._revisions: list[Row] = []
        self._erasures: list[Row] = []
        # Rooms and members may change back and forth: rows are grouped only with those that come next to them.
        self._states: list[tuple[Statement, list[Row]]] = []
        for event in events:
            self._add(event)

    def write(self, connection: Connection) -> None:
        """Execute as few statements as there are kinds of changes; raise Conflict when a room has moved on."""
        heads = [(head, at, room_id, old) for room_id, (old, head, at) in self._heads.items()]
        if _MOVE_HEAD.many(connection, heads) != len(heads):
            raise Conflict("the events do not continue the logs of their rooms")
        rows: list[tuple[Statement, Sequence[Row]]] = [
            (_ADD_MESSAGES, self._messages),
            (_ADD_EVENTS, self._events),
            (_REVISE, self._revisions),
            (_ERASE_EDITS, self._erasures),
            *self._states,
        ]
        for statement, parameters in rows:
            if parameters:
                statement.many(connection, parameters)

    def _add(self, event: Event) -> None:
        room_id, seq, at = event.room_id, event.seq, event.at
        old, head, _ = self._heads.get(room_id, (Seq(seq - 1), Seq(seq - 1), at))
        if seq != head + 1:
            raise Conflict(f"event {seq} does not continue the log of room {room_id}")
        self._heads[room_id] = (old, seq, at)
        if isinstance(event, MessagePosted):
            self._messages.append(_message_row(event.message))
            return
        self._events.append(to_row(event))
        match event:
            case MessageEdited():
                self._revisions.append((event.text, seq, at, None, room_id, event.target, seq))
            case MessageDeleted():
                self._revisions.append(("", seq, None, at, room_id, event.target, seq))
                self._erasures.append((_ERASED, room_id, event.target))
            case MemberJoined():
                self._change(_ADD_MEMBER, (room_id, event.member_id, event.role.value, seq))
            case MemberLeft():
                self._change(_REMOVE_MEMBER, (room_id, event.member_id))
            case MemberRoleChanged():
                self._change(_CHANGE_ROLE, (event.role.value, room_id, event.member_id))
            case RoomCreated():
                kind, history = event.room_kind.value, event.history.value
                self._change(_CREATE_ROOM, (kind, event.name, event.topic, history, at, room_id))
            case RoomChanged():
                self._change(_CHANGE_ROOM, (event.name, event.topic, room_id))
            case RoomDeleted():
                self._change(_DELETE_ROOM, (at, room_id))
                self._change(_REMOVE_MEMBERS, (room_id,))

    def _change(self, statement: Statement, row: Row) -> None:
        if not self._states or self._states[-1][0] is not statement:
            self._states.append((statement, []))
        self._states[-1][1].append(row)
