"""Memberships in memory."""

from collections.abc import Collection

from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.domain.members import Member
from hubbub.stores.memory.tables import Tables


class MemoryMembers:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, keys: Collection[tuple[RoomId, UserId]]) -> dict[tuple[RoomId, UserId], Member]:
        rooms = self._tables.rooms
        return {
            (room_id, user_id): rooms[room_id].members[user_id]
            for room_id, user_id in keys
            if room_id in rooms and user_id in rooms[room_id].members
        }

    def of_room(self, room_id: RoomId, *, after: UserId, limit: int) -> list[Member]:
        room = self._tables.rooms.get(room_id)
        members = sorted(room.members.items()) if room else []
        return [member for user_id, member in members if user_id > after][:limit]

    def of_user(self, user_id: UserId) -> dict[RoomId, Member]:
        rooms = self._tables.rooms.values()
        return {room.id: room.members[user_id] for room in rooms if user_id in room.members}

    def of_users(self, user_ids: Collection[UserId]) -> dict[UserId, dict[RoomId, Seq]]:
        return {
            user_id: {room_id: member.joined_seq for room_id, member in self.of_user(user_id).items()}
            for user_id in user_ids
        }

    def sharing(self, user_id: UserId, others: Collection[UserId]) -> set[UserId]:
        theirs = [room.members.keys() for room in self._tables.rooms.values() if user_id in room.members]
        return {other for other in others if any(other in members for members in theirs)}
