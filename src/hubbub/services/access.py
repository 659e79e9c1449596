"""May this user read this room? Asked inside the transaction that then reads it."""

from dataclasses import dataclass

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
    room = tx.rooms.load([room_id]).get(room_id)
    if room is None:
        raise room_not_found(room_id)
    room.members.update((member.user_id, member) for member in tx.members.get([(room_id, user_id)]).values())
    member = room.require(user_id, Action.READ)
    return ReadableRoom(room, member, base(room.history, member))
