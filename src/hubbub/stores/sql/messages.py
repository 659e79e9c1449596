"""Messages in SQL, in their current state."""

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, select, tuple_

from hubbub.domain.events import History
from hubbub.domain.ids import MAX_ID, RoomId, Seq, UserId
from hubbub.domain.members import Member, Role
from hubbub.domain.messages import Message
from hubbub.domain.permissions import base as base_of
from hubbub.stores.sql.dialects import Keys, LeftFirst, contains, encode_keys
from hubbub.stores.sql.statements import Statement
from hubbub.stores.sql.tables import members, messages, rooms

_BEFORE_ALL = Seq(MAX_ID + 1)
_GET = Statement(select(*messages.c).select_from(Keys(2).join(messages, messages.c.room_id, messages.c.seq)))
_BY_CLIENT_ID = Statement(
    select(*messages.c)
    .select_from(Keys(3).join(messages, messages.c.room_id, messages.c.user_id, messages.c.client_id))
    .where(messages.c.client_id.is_not(None))
)
_PAGE = Statement(
    select(*messages.c)
    .where(messages.c.room_id == bindparam("room_id"))
    .where(messages.c.seq > bindparam("base"), messages.c.seq < bindparam("before"))
    .order_by(messages.c.seq.desc())
    .limit(bindparam("limit"))
)
_PAGE_AFTER = Statement(
    select(*messages.c)
    .where(messages.c.room_id == bindparam("room_id"), messages.c.seq > bindparam("after"))
    .order_by(messages.c.seq)
    .limit(bindparam("limit"))
)
_PLACES = Statement(
    select(rooms.c.id, rooms.c.history, members.c.role, members.c.joined_seq)
    .select_from(LeftFirst(members, rooms, rooms.c.id == members.c.room_id))
    .where(members.c.user_id == bindparam("user_id"))
)
_ROOM = Keys(2)  # room_id, the last seq before what may be read
_SEARCH = Statement(
    select(*messages.c)
    .select_from(_ROOM.join(messages, messages.c.room_id))
    .where(
        messages.c.seq > _ROOM.columns[1],
        tuple_(messages.c.room_id, messages.c.seq) < tuple_(bindparam("before_room"), bindparam("before_seq")),
        messages.c.deleted_at.is_(None),
        contains(messages.c.text, bindparam("query")),
    )
    .order_by(messages.c.room_id.desc(), messages.c.seq.desc())
    .limit(bindparam("limit"))
)


class SqlMessages:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, keys: Collection[tuple[RoomId, Seq]]) -> dict[tuple[RoomId, Seq], Message]:
        found = (Message(*row) for row in _GET.rows(self._connection, keys=encode_keys(keys)))
        return {(message.room_id, message.seq): message for message in found}

    def by_client_id(self, keys: Collection[tuple[RoomId, UserId, str]]) -> dict[tuple[RoomId, UserId, str], Message]:
        found = (Message(*row) for row in _BY_CLIENT_ID.rows(self._connection, keys=encode_keys(keys)))
        return {(message.room_id, message.user_id, str(message.client_id)): message for message in found}

    def page(self, room_id: RoomId, *, before: Seq | None, base: Seq, limit: int) -> list[Message]:
        first = _BEFORE_ALL if before is None else before
        found = _PAGE.rows(self._connection, room_id=room_id, base=base, before=first, limit=limit)
        return [Message(*row) for row in found]

    def page_after(self, room_id: RoomId, *, after: Seq, limit: int) -> list[Message]:
        found = _PAGE_AFTER.rows(self._connection, room_id=room_id, after=after, limit=limit)
        return [Message(*row) for row in found]

    def search(
        self, user_id: UserId, query: str, *, room_id: RoomId | None, before: tuple[RoomId, Seq] | None, limit: int
    ) -> list[Message]:
        bases = {
            row.id: base_of(History(row.history), Member(user_id, Role(row.role), Seq(row.joined_seq)))
            for row in _PLACES.rows(self._connection, user_id=user_id)
            if room_id in (None, row.id)
        }
        before_room, before_seq = (_BEFORE_ALL, _BEFORE_ALL) if before is None else before
        found = _SEARCH.rows(
            self._connection,
            keys=encode_keys(bases.items()),
            query=query.lower(),
            before_room=before_room,
            before_seq=before_seq,
            limit=limit,
        )
        return [Message(*row) for row in found]
