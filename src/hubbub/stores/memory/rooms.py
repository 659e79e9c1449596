"""Rooms in memory."""

from collections.abc import Collection, Iterator
from itertools import islice, takewhile

from hubbub.domain.errors import Conflict, NotFound
from hubbub.domain.events import RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.messages import Message
from hubbub.domain.permissions import base
from hubbub.domain.rooms import ChatRoom
from hubbub.domain.users import User
from hubbub.services.ports import SUMMARY_REACH, UNREAD_MAX, ChannelSummary, RoomSummary
from hubbub.stores.memory.tables import Tables, copy_of


class MemoryRooms:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def add(self, pair: tuple[UserId, UserId] | None = None) -> RoomId:
        if pair is not None:
            self._require_free(pair)
        room_id = RoomId(self._tables.next_id("rooms"))
        if pair is not None:
            self._tables.pairs[min(pair), max(pair)] = room_id
        self._tables.add_room(room_id)
        return room_id

    def of_pair(self, user_id: UserId, other_id: UserId) -> RoomId | None:
        return self._tables.pairs.get((min(user_id, other_id), max(user_id, other_id)))

    def load(self, room_ids: Collection[RoomId]) -> dict[RoomId, ChatRoom]:
        rooms = self._tables.rooms
        return {room_id: copy_of(rooms[room_id]) for room_id in room_ids if room_id in rooms}

    def heads(self, room_ids: Collection[RoomId]) -> dict[RoomId, Seq]:
        rooms = self._tables.rooms
        return {room_id: rooms[room_id].head for room_id in room_ids if room_id in rooms}

    def of_user(self, user_id: UserId, *, before: tuple[Millis, RoomId] | None, limit: int) -> list[RoomSummary]:
        theirs = [room for room in self._tables.rooms.values() if user_id in room.members]
        if before is not None:
            theirs = [room for room in theirs if (room.last_at, room.id) < before]
        theirs.sort(key=lambda room: (room.last_at, room.id), reverse=True)
        return [self._summary(room, user_id) for room in theirs[:limit]]

    def summary(self, user_id: UserId, room_id: RoomId) -> RoomSummary | None:
        room = self._tables.rooms.get(room_id)
        return self._summary(room, user_id) if room and user_id in room.members else None

    def channels(self, query: str, *, after: RoomId, limit: int) -> list[ChannelSummary]:
        wanted = query.lower()
        found = [
            ChannelSummary(room.id, room.name, room.topic, len(room.members), room.created_at)
            for room_id, room in sorted(self._tables.rooms.items())
            if room_id > after and room.kind is RoomKind.CHANNEL and not room.deleted
            if wanted in room.name.lower() or wanted in room.topic.lower()
        ]
        return found[:limit]

    def _require_free(self, pair: tuple[UserId, UserId]) -> None:
        for user_id in pair:
            if user_id not in self._tables.users:
                raise NotFound(f"there is no user {user_id}")
        if self.of_pair(*pair) is not None:
            raise Conflict(f"users {pair[0]} and {pair[1]} have a direct room already")

    def _summary(self, room: ChatRoom, user_id: UserId) -> RoomSummary:
        member = room.members[user_id]
        first = base(room.history, member)
        read_seq = max(member.joined_seq, self._tables.reads.get((room.id, user_id), Seq(0)))
        last = next((message for message in _end(room, first) if not message.deleted), None)
        return RoomSummary(
            room_id=room.id,
            kind=room.kind,
            name=room.name,
            topic=room.topic,
            head=room.head,
            last_at=room.last_at,
            role=member.role,
            base=first,
            read_seq=read_seq,
            unread=_unread(room, user_id, read_seq),
            peer=self._peer(room, user_id),
            last_message=last,
            last_author=None if last is None else self._tables.users[last.user_id],
        )

    def _peer(self, room: ChatRoom, user_id: UserId) -> User | None:
        if room.kind is not RoomKind.DIRECT:
            return None
        return next((self._tables.users[other] for other in room.members if other != user_id), None)


def _unread(room: ChatRoom, user_id: UserId, after: Seq) -> int:
    unread = (message for message in _end(room, after) if message.user_id != user_id and not message.deleted)
    return sum(1 for _ in islice(unread, UNREAD_MAX))


def _end(room: ChatRoom, after: Seq) -> Iterator[Message]:
    """Newest first."""
    newer = takewhile(lambda seq: seq > after, reversed(room.messages))
    return (room.messages[seq] for seq in islice(newer, SUMMARY_REACH))
