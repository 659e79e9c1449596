"""What a node looks at to find out whether it has missed something."""

from collections.abc import Collection
from dataclasses import dataclass

from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.services.ports import Store, Tx


@dataclass(frozen=True, slots=True)
class Sight:
    """How things are, all of it out of one snapshot."""

    epoch: str
    heads: dict[RoomId, Seq]
    memberships: dict[UserId, dict[RoomId, Seq]]  # the event that each current membership began with
    sessions: dict[UserId, list[SessionId]]  # those that have not ended


class Looks:
    """For the server itself: nobody is asked for permission."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def look(self, room_ids: Collection[RoomId], user_ids: Collection[UserId]) -> Sight:
        """The epoch, how far these rooms reach, and where these users are members and signed in."""

        def read(tx: Tx) -> Sight:
            return Sight(
                epoch=tx.log.epoch(),
                heads=tx.rooms.heads(room_ids),
                memberships={user_id: _memberships(tx, user_id) for user_id in user_ids},
                sessions={user_id: [session.id for session in tx.sessions.of_user(user_id)] for user_id in user_ids},
            )

        return await self._store.read(read)


def _memberships(tx: Tx, user_id: UserId) -> dict[RoomId, Seq]:
    return {room_id: member.joined_seq for room_id, member in tx.members.of_user(user_id).items()}
