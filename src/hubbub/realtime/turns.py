"""What the sockets of one user read, one after the other: their number gives nobody a larger share of the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from hubbub.domain.ids import UserId


class UserTurns:
    """The turns of all users of one node. Who wants none costs nothing."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[UserId, asyncio.Lock] = WeakValueDictionary()  # held by those who want one

    @asynccontextmanager
    async def of(self, user_id: UserId) -> AsyncIterator[None]:
        """Wait for this user's turn, and keep it: never until a client does something, since all sockets wait."""
        async with self._turns.setdefault(user_id, asyncio.Lock()):
            await asyncio.sleep(0)  # a lookup may run on the event loop: others get in between, each time
            yield
