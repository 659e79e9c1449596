"""May this user read this room? Asked inside the transaction that then reads it."""

from collections.abc import Collection
from dataclasses import dataclass

from hubbub.domain.errors import ChatError
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.domain.members import Member
from hubbub.domain.permissions import Action, base, room_not_found
from hubbub.domain.rooms import ChatRoom
from hubbub.services.ports import Tx


@dataclass(frozen=True, slots=True)
class ReadableRoom:
    """A room (without messages), the member who may read it, and the last seq before what they may read."""

    room: ChatRoom
    member: Member
    base: Seq


def readable_room(tx: Tx, user_id: UserId, room_id: RoomId) -> ReadableRoom:
    """Raise NotFound for an outsider and Forbidden for who has not joined a channel."""
    access = readable_rooms(tx, [(room_id, user_id)])[room_id, user_id]
    if isinstance(access, ChatError):
        raise access
    return access


def readable_rooms(
    tx: Tx, keys: Collection[tuple[RoomId, UserId]]
) -> dict[tuple[RoomId, UserId], ReadableRoom | ChatError]:
    """The same for any number of rooms and users at once; a refusal stands in the place of its room.

    For reads: in a write it would lock the rooms, and whatever happens there would wait.
    """
    rooms = tx.rooms.load({room_id for room_id, _ in keys})
    for (room_id, user_id), member in tx.members.get(keys).items():
        rooms[room_id].members[user_id] = member
    return {(room_id, user_id): _readable(rooms.get(room_id), room_id, user_id) for room_id, user_id in keys}


def _readable(room: ChatRoom | None, room_id: RoomId, user_id: UserId) -> ReadableRoom | ChatError:
    if room is None:
        return room_not_found(room_id)
    try:
        member = room.require(user_id, Action.READ)
    except ChatError as error:
        return error
    return ReadableRoom(room, member, base(room.history, member))
