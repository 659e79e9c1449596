"""Looks at the store now and then, and mends what a lost message of the bus has left behind.

It may have been the last event of a room, the news that somebody was added to one, or the end of a session: nothing
that comes later would show that. And nobody tells a node that its store was restored from a backup.
"""

import asyncio
import logging

from hubbub.domain.errors import ChatError
from hubbub.domain.ids import SessionId, UserId
from hubbub.realtime.hub import Hub
from hubbub.realtime.listeners import Listener
from hubbub.services.looks import Looks

LOOK = 5.0  # seconds between two looks, each at all rooms and sessions
ROUND = 2  # looks in which the memberships of everybody are read once

log = logging.getLogger(__name__)


class Watch:
    """Keeps one node's hub in step with the store."""

    def __init__(self, hub: Hub, looks: Looks, interval: float = LOOK) -> None:
        self._hub = hub
        self._looks = looks
        self._interval = interval
        self._queue: list[UserId] = []  # who has not been looked at in this round
        self._share = 0  # users in each look of this round
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._watch(), name="watch")

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self.look()
            except ChatError as error:
                log.warning("the store can't be looked at: %s", error.code)
            except Exception:
                log.exception("a look at the store failed because of a defect")

    async def look(self) -> None:
        """Compare what this node has told its sockets with what is so."""
        epoch, heads, listeners = self._hub.epoch, self._hub.heads(), self._hub.everybody()
        self._hub.memberships.begin_look()
        if not (heads or listeners):
            return  # nobody is here who could have missed something
        users = self._next_users()
        sight = await self._looks.look(heads, users, {listener.session_id: None for listener in listeners})
        if self._hub.epoch != epoch:
            return  # what was seen may be older than what is known by now
        another = epoch not in {None, sight.epoch}  # None: nobody here was told anything yet
        if another or any(sight.heads.get(room_id, 0) < head for room_id, head in heads.items()):
            self._hub.start_over(sight.epoch)
            return
        self._hub.catch_up(sight.heads)
        for user_id, memberships in sight.memberships.items():
            self._hub.memberships.compare(user_id, memberships)
        self._end_sessions(listeners, sight.sessions)

    def _next_users(self) -> list[UserId]:
        """Some of those who know their memberships: every `ROUND` looks, everybody's turn comes once."""
        if not self._queue:
            self._queue = self._hub.memberships.users()
            self._share = -(-len(self._queue) // ROUND)
        users, self._queue = self._queue[: self._share], self._queue[self._share :]
        return users

    def _end_sessions(self, listeners: list[Listener], going_on: set[SessionId]) -> None:
        """Of a connection that came later the session may be later too: it is not among these."""
        for listener in listeners:
            if listener.session_id not in going_on:
                listener.session_ended()
