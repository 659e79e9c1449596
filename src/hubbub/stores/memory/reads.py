"""Read marks in memory."""

from collections.abc import Collection, Mapping

from hubbub.domain.ids import RoomId, Seq, UserId
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
