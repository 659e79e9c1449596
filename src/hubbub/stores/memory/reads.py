"""Read marks in memory."""

from collections.abc import Collection, Mapping
from itertools import islice

from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.services.ports import UNREAD_MAX
from hubbub.stores.memory.tables import Tables


class MemoryReads:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, keys: Collection[tuple[RoomId, UserId]]) -> dict[tuple[RoomId, UserId], Seq]:
        reads = self._tables.reads
        return {key: reads[key] for key in keys if key in reads}

    def advance(self, marks: Mapping[tuple[RoomId, UserId], Seq]) -> None:
        for key, seq in marks.items():
            self._tables.reads[key] = max(seq, self._tables.reads.get(key, seq))

    def unread(self, room_id: RoomId, user_id: UserId, after: Seq) -> int:
        room = self._tables.rooms.get(room_id)
        if room is None:
            return 0
        newer = (room.messages.get(Seq(seq)) for seq in range(after + 1, room.head + 1))
        unread = (message for message in newer if message and message.user_id != user_id and not message.deleted)
        return sum(1 for _ in islice(unread, UNREAD_MAX))
