"""What a user reads, over sockets and HTTP, a few at a time: who asks more often has no larger share of a node."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hubbub.domain.errors import RateLimited
from hubbub.domain.ids import UserId

AT_A_TIME = 2  # reads of a user; one by one, each page would cost a round of the loop of its own
MAX_REQUESTS = 100  # of a user that wait for their turn


class UserTurns:
    """The turns of all users of one node. Different users read beside each other.

    A lookup may run on the event loop: in each of its rounds a user has so many turns, and others get in between.
    """

    def __init__(self) -> None:
        self._users: dict[UserId, _Turns] = {}  # of whom somebody reads

    @asynccontextmanager
    async def of(self, user_id: UserId) -> AsyncIterator[None]:
        """Wait for a turn of this user, and keep it: never until a client does something, since their reads wait.

        For sockets, which have a limit of their own: of each only one read waits.
        """
        await self._take(user_id)
        try:
            yield
        finally:
            self.give_back(user_id)

    async def take(self, user_id: UserId) -> None:
        """The same for a request, until `give_back`. Raise RateLimited when too many wait."""
        turns = self._users.get(user_id)
        if turns is not None and len(turns.waiting) >= MAX_REQUESTS:
            raise RateLimited("too many requests at the same time: wait for the others", retry_after=1.0)
        await self._take(user_id)

    def give_back(self, user_id: UserId) -> None:
        """Whoever has waited longest begins in the next round of the loop; whoever comes later may begin then."""
        if not self._users[user_id].pass_on():
            asyncio.get_running_loop().call_soon(self._end, user_id)

    async def _take(self, user_id: UserId) -> None:
        turns = self._users.get(user_id)
        if turns is None:
            turns = self._users[user_id] = _Turns()
        if turns.taken < AT_A_TIME:
            turns.taken += 1
            return
        turn = asyncio.get_running_loop().create_future()
        turns.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had come in the same moment
                self.give_back(user_id)
            raise

    def _end(self, user_id: UserId) -> None:
        turns = self._users[user_id]
        if turns.pass_on():
            return
        turns.taken -= 1
        if not turns.taken:
            del self._users[user_id]


class _Turns:
    """Those of one user."""

    def __init__(self) -> None:
        self.taken = 0
        self.waiting: deque[asyncio.Future[None]] = deque()

    def pass_on(self) -> bool:
        """Give a turn to the next one; False when nobody waits."""
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():  # or whoever asked has gone
                turn.set_result(None)
                return True
        return False
