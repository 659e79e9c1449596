"""Messages in memory, in their current state: they are the `messages` of each `ChatRoom`."""

from collections.abc import Collection, Iterable
from itertools import islice

from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.domain.messages import Message
from hubbub.domain.permissions import base as base_of
from hubbub.stores.memory.tables import Tables


class MemoryMessages:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, keys: Collection[tuple[RoomId, Seq]]) -> dict[tuple[RoomId, Seq], Message]:
        rooms = self._tables.rooms
        return {
            (room_id, seq): rooms[room_id].messages[seq]
            for room_id, seq in keys
            if room_id in rooms and seq in rooms[room_id].messages
        }

    def by_client_id(self, keys: Collection[tuple[RoomId, UserId, str]]) -> dict[tuple[RoomId, UserId, str], Message]:
        seqs = self._tables.client_ids
        return {key: self._tables.rooms[key[0]].messages[seqs[key]] for key in keys if key in seqs}

    def page(self, room_id: RoomId, *, before: Seq | None, base: Seq, limit: int) -> list[Message]:
        head = self._head(room_id)
        newest = head if before is None else min(head, before - 1)
        return list(islice(self._at(room_id, range(newest, base, -1)), limit))

    def page_after(self, room_id: RoomId, *, after: Seq, limit: int) -> list[Message]:
        return list(islice(self._at(room_id, range(after + 1, self._head(room_id) + 1)), limit))

    def search(
        self, user_id: UserId, query: str, *, room_id: RoomId | None, before: tuple[RoomId, Seq] | None, limit: int
    ) -> list[Message]:
        wanted = query.lower()
        found = (
            message
            for room in sorted(self._tables.rooms.values(), key=lambda room: room.id, reverse=True)
            if user_id in room.members and room_id in (None, room.id)
            for message in self._at(room.id, range(room.head, base_of(room.history, room.members[user_id]), -1))
            if not message.deleted and wanted in message.text.lower()
            if before is None or (message.room_id, message.seq) < before
        )
        return list(islice(found, limit))

    def _head(self, room_id: RoomId) -> Seq:
        room = self._tables.rooms.get(room_id)
        return Seq(0) if room is None else room.head

    def _at(self, room_id: RoomId, seqs: range) -> Iterable[Message]:
        """The messages at these seqs; the other events of a room have none."""
        room = self._tables.rooms.get(room_id)
        return (room.messages[Seq(seq)] for seq in seqs if Seq(seq) in room.messages) if room else ()
