"""Memberships in SQL."""

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, exists, select

from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.domain.members import Member, Role
from hubbub.stores.sql.dialects import Keys, encode_keys
from hubbub.stores.sql.statements import Statement
from hubbub.stores.sql.tables import members

_COLUMNS = (members.c.room_id, members.c.user_id, members.c.role, members.c.joined_seq)
_GET = Statement(select(*_COLUMNS).select_from(Keys(2).join(members, members.c.room_id, members.c.user_id)))
_OF_ROOM = Statement(
    select(*_COLUMNS)
    .where(members.c.room_id == bindparam("room_id"), members.c.user_id > bindparam("after"))
    .order_by(members.c.user_id)
    .limit(bindparam("limit"))
)
_OF_USER = Statement(select(*_COLUMNS).where(members.c.user_id == bindparam("user_id")))
_OF_USERS = Statement(
    select(members.c.user_id, members.c.room_id, members.c.joined_seq).select_from(
        Keys(1).join(members, members.c.user_id)
    )
)
_MINE = members.alias("mine")
_SHARING = Statement(
    select(members.c.user_id)
    .distinct()
    .select_from(Keys(1).join(members, members.c.user_id))
    .where(exists().where(_MINE.c.room_id == members.c.room_id, _MINE.c.user_id == bindparam("user_id")))
)
_ROLES = {role.value: role for role in Role}


class SqlMembers:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, keys: Collection[tuple[RoomId, UserId]]) -> dict[tuple[RoomId, UserId], Member]:
        return {
            (room_id, user_id): Member(user_id, _ROLES[role], joined_seq)
            for room_id, user_id, role, joined_seq in _GET.rows(self._connection, keys=encode_keys(keys))
        }

    def of_room(self, room_id: RoomId, *, after: UserId, limit: int) -> list[Member]:
        found = _OF_ROOM.rows(self._connection, room_id=room_id, after=after, limit=limit)
        return [Member(UserId(row.user_id), _ROLES[row.role], Seq(row.joined_seq)) for row in found]

    def of_user(self, user_id: UserId) -> dict[RoomId, Member]:
        found = _OF_USER.rows(self._connection, user_id=user_id)
        return {RoomId(row.room_id): Member(user_id, _ROLES[row.role], Seq(row.joined_seq)) for row in found}

    def of_users(self, user_ids: Collection[UserId]) -> dict[UserId, dict[RoomId, Seq]]:
        found: dict[UserId, dict[RoomId, Seq]] = {user_id: {} for user_id in user_ids}
        for user_id, room_id, joined_seq in _OF_USERS.rows(self._connection, keys=encode_keys(user_ids)):
            found[user_id][room_id] = joined_seq
        return found

    def sharing(self, user_id: UserId, others: Collection[UserId]) -> set[UserId]:
        found = _SHARING.rows(self._connection, user_id=user_id, keys=encode_keys(others))
        return {UserId(row.user_id) for row in found}
