"""Who shares a room with whom: they may know of each other's presence, and nobody else may."""

from collections.abc import Collection, Mapping

from hubbub.domain.ids import Millis, UserId
from hubbub.services.ports import Store, Tx


class Peers:
    """Questions about people who share a room."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def last_used(self, user_id: UserId, others: Collection[UserId]) -> dict[UserId, Millis | None]:
        """Those of `others` who share a room with this user, and when a session of theirs was last used, if any."""

        def read(tx: Tx) -> dict[UserId, Millis | None]:
            peers = tx.members.sharing(user_id, others)
            used = tx.sessions.last_used(peers)
            return {peer: used.get(peer) for peer in peers}

        return await self._store.read(read)

    async def sharing(self, questions: Mapping[UserId, Collection[UserId]]) -> dict[UserId, set[UserId]]:
        """For each of these users, those of the others who share a room with them."""

        def read(tx: Tx) -> dict[UserId, set[UserId]]:
            return {user_id: tx.members.sharing(user_id, others) for user_id, others in questions.items()}

        return await self._store.read(read)
