"""Read marks in SQL."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert  # SQLite took over its words

from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.stores.sql.dialects import Keys, encode_keys
from hubbub.stores.sql.statements import Statement
from hubbub.stores.sql.tables import reads

_GET = Statement(
    select(reads.c.room_id, reads.c.user_id, reads.c.seq).select_from(
        Keys(2).join(reads, reads.c.room_id, reads.c.user_id)
    )
)
_INSERT = insert(reads).values(user_id=bindparam("user_id"), room_id=bindparam("room_id"), seq=bindparam("seq"))
_ADVANCE = Statement(
    _INSERT.on_conflict_do_update(
        index_elements=[reads.c.user_id, reads.c.room_id],
        set_={"seq": _INSERT.excluded.seq},
        where=reads.c.seq < _INSERT.excluded.seq,
    )
)


class SqlReads:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, keys: Collection[tuple[RoomId, UserId]]) -> dict[tuple[RoomId, UserId], Seq]:
        found = _GET.rows(self._connection, keys=encode_keys(keys))
        return {(RoomId(row.room_id), UserId(row.user_id)): Seq(row.seq) for row in found}

    def advance(self, marks: Mapping[tuple[RoomId, UserId], Seq]) -> None:
        if marks:
            rows = sorted((user_id, room_id, seq) for (room_id, user_id), seq in marks.items())
            _ADVANCE.many(self._connection, rows)  # in one order, so that nobody waits for somebody who waits for them
