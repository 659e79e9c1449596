"""Reads that may look at everything there is: one at a time, and the users take turns, however much one of them asks.

All other reads find the store's readers free. What is looked for is for the directories to say.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from hubbub.domain.errors import RateLimited, Unavailable
from hubbub.domain.ids import UserId
from hubbub.services.ports import Store, Tx

MAX_OF_USER = 4  # searches of a user that wait; the web client makes two for each word that is typed
MAX_USERS = 64  # users whose searches wait

T = TypeVar("T")


class Searches:
    """All searches in one store by one process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running = False
        self._waiting: dict[UserId, deque[asyncio.Future[bool]]] = {}  # the next user first; True = now, False = never

    async def read(self, user_id: UserId, fn: Callable[[Tx], T]) -> T:
        """`Store.read`, once it is this user's turn.

        Of too many that wait the user's oldest gives way: who types has no use for its answer any more. Raise
        RateLimited there, and Unavailable when too many users wait.
        """
        if self._running:
            await self._turn(user_id)
        self._running = True
        try:
            return await self._store.read(fn)
        finally:
            self._pass_on()

    async def _turn(self, user_id: UserId) -> None:
        if user_id not in self._waiting and len(self._waiting) >= MAX_USERS:
            raise Unavailable("too many people search at the same time: try again", retry_after=1.0)
        turns = self._waiting.setdefault(user_id, deque())
        if len(turns) >= MAX_OF_USER:
            _tell(turns.popleft(), now=False)
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        turns.append(turn)
        try:
            now = await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.result():  # it had been told in the same moment
                self._pass_on()
            raise
        if not now:
            raise RateLimited("too many searches at the same time: wait for the others", retry_after=1.0)

    def _pass_on(self) -> None:
        """It is the next user's turn; whoever has more that wait comes after all others again."""
        self._running = False
        while self._waiting and not self._running:
            user_id = next(iter(self._waiting))
            turns = self._waiting.pop(user_id)
            self._running = _tell(turns.popleft(), now=True)
            if turns:
                self._waiting[user_id] = turns


def _tell(turn: asyncio.Future[bool], *, now: bool) -> bool:
    """False when whoever asked has gone."""
    if turn.done():
        return False
    turn.set_result(now)
    return True
