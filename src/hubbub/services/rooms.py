"""Rooms and their members: found, list, join, rename, add, remove, delete."""

from collections.abc import Sequence
from dataclasses import dataclass

from hubbub.domain.errors import Forbidden, Invalid, NotFound
from hubbub.domain.events import Event, History, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Member, Role
from hubbub.domain.rooms import ChatRoom
from hubbub.domain.users import User
from hubbub.services.access import readable_room
from hubbub.services.changes import Change, Founding
from hubbub.services.cursors import decode_cursor, encode_cursor, page_of
from hubbub.services.journal import Journal
from hubbub.services.ports import RoomSummary, Store, Tx
from hubbub.services.reads import read_marks


@dataclass(frozen=True, slots=True)
class Membership:
    """A member with the person behind it, and how far they have read: all before they joined counts as read."""

    member: Member
    user: User
    read_seq: Seq


class Rooms:
    """Use cases about rooms. Every change goes through the journal; every read is authorised in its own snapshot."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal

    async def create(
        self,
        user_id: UserId,
        kind: RoomKind,
        *,
        name: str,
        topic: str = "",
        history: History = History.ALL,
        member_ids: Sequence[UserId] = (),
    ) -> RoomSummary:
        """Found a group or a channel, whose owner is `user_id`."""
        if kind is RoomKind.DIRECT:  # or a pair could have several
            raise Invalid("kind must be group or channel", field="kind")

        def decide(room: ChatRoom, at: Millis) -> tuple[Event, ...]:
            return room.create(user_id, kind, name=name, topic=topic, history=history, member_ids=member_ids, at=at)

        outcome = await self._journal.commit(Founding(user_id, decide, new_users=(user_id, *member_ids)))
        return await self.get(user_id, outcome.room_id)

    async def open_direct(self, user_id: UserId, peer_id: UserId) -> tuple[RoomSummary, bool]:
        """The one direct room of two people, and whether it was made just now."""

        def decide(room: ChatRoom, at: Millis) -> tuple[Event, ...]:
            return room.create(user_id, RoomKind.DIRECT, member_ids=(peer_id,), at=at)

        pair = (user_id, peer_id)
        outcome = await self._journal.commit(Founding(user_id, decide, new_users=pair, pair=pair))
        return await self.get(user_id, outcome.room_id), not outcome.duplicate

    async def get(self, user_id: UserId, room_id: RoomId) -> RoomSummary:
        """A room as its member sees it."""

        def read(tx: Tx) -> RoomSummary:
            readable_room(tx, user_id, room_id)
            summary = tx.rooms.summary(user_id, room_id)
            assert summary is not None  # they are a member: see above
            return summary

        return await self._store.read(read)

    async def page(
        self, user_id: UserId, *, cursor: str | None = None, limit: int = 50
    ) -> tuple[list[RoomSummary], str | None]:
        """The user's rooms, the latest event first, and the cursor of the next page (None = that was all)."""
        before = None
        if cursor is not None:
            last_at, room_id = decode_cursor(cursor, int, int)
            before = (Millis(last_at), RoomId(room_id))
        found = await self._store.read(lambda tx: tx.rooms.of_user(user_id, before=before, limit=limit + 1))
        return page_of(found, limit, lambda room: encode_cursor(room.last_at, room.room_id))

    async def change(
        self, user_id: UserId, room_id: RoomId, *, name: str | None = None, topic: str | None = None
    ) -> RoomSummary:
        """Rename a room, or change its topic."""
        await self._journal.commit(
            Change(room_id, user_id, lambda room, at: room.change(user_id, name=name, topic=topic, at=at))
        )
        return await self.get(user_id, room_id)

    async def delete(self, user_id: UserId, room_id: RoomId) -> None:
        """Delete a room for everybody in it."""
        await self._journal.commit(Change(room_id, user_id, lambda room, at: room.close(user_id, at=at)))

    async def members(
        self, user_id: UserId, room_id: RoomId, *, cursor: str | None = None, limit: int = 50
    ) -> tuple[list[Membership], str | None]:
        """Who is in a room, by user id."""
        after = UserId(0 if cursor is None else decode_cursor(cursor, int)[0])

        def read(tx: Tx) -> list[Membership]:
            readable_room(tx, user_id, room_id)
            members = tx.members.of_room(room_id, after=after, limit=limit + 1)
            return _memberships(tx, room_id, members)

        return page_of(await self._store.read(read), limit, lambda found: encode_cursor(found.member.user_id))

    async def put_member(
        self, user_id: UserId, room_id: RoomId, member_id: UserId, role: Role | None = None
    ) -> tuple[Membership, bool]:
        """Join a channel, add somebody, or change a role; and whether they were not a member before.

        Without a role a newcomer becomes a plain member, and who is one already keeps theirs.
        """
        added = False

        def decide(room: ChatRoom, at: Millis) -> tuple[Event, ...]:
            nonlocal added
            current = room.members.get(member_id)
            added = current is None
            if current is not None:
                return room.change_role(user_id, member_id, role or current.role, at=at)
            if user_id != member_id:
                return room.add_member(user_id, member_id, role or Role.MEMBER, at=at)
            joined = room.join(user_id, at=at)  # first of all: an outsider of a group is not told of roles
            if role not in {None, Role.MEMBER}:
                raise Forbidden("you may not give yourself a role: join first")
            return joined

        await self._journal.commit(Change(room_id, user_id, decide, members=(member_id,), new_users=(member_id,)))
        return await self._membership(user_id, room_id, member_id), added

    async def remove_member(self, user_id: UserId, room_id: RoomId, member_id: UserId) -> None:
        """Leave a room, or remove somebody from it."""
        await self._journal.commit(
            Change(
                room_id,
                user_id,
                lambda room, at: room.remove_member(user_id, member_id, at=at),
                members=(member_id,),
            )
        )

    async def memberships(self, user_id: UserId) -> dict[RoomId, Member]:
        """All current memberships of a user."""
        return await self._store.read(lambda tx: tx.members.of_user(user_id))

    async def _membership(self, user_id: UserId, room_id: RoomId, member_id: UserId) -> Membership:
        def read(tx: Tx) -> Membership:
            readable_room(tx, user_id, room_id)
            member = tx.members.get([(room_id, member_id)]).get((room_id, member_id))
            if member is None:
                raise NotFound(f"user {member_id} is not a member of room {room_id}")
            return _memberships(tx, room_id, [member])[0]

        return await self._store.read(read)


def _memberships(tx: Tx, room_id: RoomId, members: Sequence[Member]) -> list[Membership]:
    users = tx.users.get_many([member.user_id for member in members])
    marks = read_marks(tx, [(room_id, member) for member in members])
    return [Membership(member, users[member.user_id], marks[room_id, member.user_id]) for member in members]
