"""The log of every room in memory."""

from collections.abc import Sequence
from dataclasses import replace

from hubbub.domain.errors import Conflict
from hubbub.domain.events import Event, MessageDeleted, MessageEdited, MessagePosted
from hubbub.domain.ids import RoomId, Seq
from hubbub.stores.memory.tables import Tables


class MemoryLog:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def append(self, events: Sequence[Event]) -> None:
        with self._tables.undo.savepoint():
            for event in events:
                self._check(event)
                self._tables.apply(event)
                if isinstance(event, MessageEdited | MessageDeleted):
                    self._rewrite(event)

    def after(self, room_id: RoomId, after: Seq, *, limit: int, upto: Seq | None = None) -> list[Event]:
        log = self._tables.logs.get(room_id)
        if log is None:
            return []
        last = min(after + limit, len(log) if upto is None else min(upto, len(log)))
        return [log[Seq(seq)] for seq in range(after + 1, last + 1)]

    def epoch(self) -> str:
        return self._tables.epoch

    def _check(self, event: Event) -> None:
        room = self._tables.rooms.get(event.room_id)
        if room is None or event.seq != room.head + 1:
            raise Conflict(f"event {event.seq} does not continue the log of room {event.room_id}")
        for user_id in (event.user_id, getattr(event, "member_id", event.user_id)):
            if user_id not in self._tables.users:
                raise Conflict(f"there is no user {user_id}")
        if isinstance(event, MessagePosted):
            client_id = event.message.client_id
            if client_id is not None and (room.id, event.user_id, client_id) in self._tables.client_ids:
                raise Conflict(f"user {event.user_id} has used this client_id in room {room.id} before")

    def _rewrite(self, event: MessageEdited | MessageDeleted) -> None:
        """The log shows a message as it is now; and once it is deleted, its earlier texts are nowhere any more."""
        log = self._tables.logs[event.room_id]
        message = self._tables.rooms[event.room_id].messages.get(event.target)
        if message is None:
            return
        log[event.target] = MessagePosted(message)
        if isinstance(event, MessageDeleted):
            for earlier in (log[Seq(seq)] for seq in range(event.target + 1, event.seq)):
                if isinstance(earlier, MessageEdited) and earlier.target == event.target:
                    log[earlier.seq] = replace(earlier, text="")
