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
    sessions: set[SessionId]  # those that have not ended


class Looks:
    """For the server itself: nobody is asked for permission."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def look(
        self, room_ids: Collection[RoomId], user_ids: Collection[UserId], session_ids: Collection[SessionId]
    ) -> Sight:
        """The epoch, how far these rooms reach, where these users are members, and which of these sessions go on."""

        def read(tx: Tx) -> Sight:
            return Sight(
                epoch=tx.log.epoch(),
                heads=tx.rooms.heads(room_ids),
                memberships=tx.members.of_users(user_ids),
                sessions=tx.sessions.existing(session_ids),
            )

        return await self._store.read(read)
