"""Looks at the store now and then, and mends what a lost message of the bus has left behind.

It may have been the last event of a room, the news that somebody was added to one, or the end of a session: nothing
that comes later would show that. And nobody tells a node that its store was restored from a backup.
"""

import asyncio
import logging

from hubbub.domain.errors import ChatError
from hubbub.domain.ids import UserId
from hubbub.realtime.hub import Hub, Listener
from hubbub.services.looks import Looks, Sight

LOOK = 5.0  # seconds between two looks
USERS = 500  # whose memberships and sessions are read in one look; the others are next

log = logging.getLogger(__name__)


class Watch:
    """Keeps one node's hub in step with the store."""

    def __init__(self, hub: Hub, looks: Looks, interval: float = LOOK) -> None:
        self._hub = hub
        self._looks = looks
        self._interval = interval
        self._queue: list[UserId] = []  # who has not been looked at in this round
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
        epoch, heads = self._hub.epoch, self._hub.heads()
        self._hub.memberships.begin_look()
        self._queue = self._queue or self._hub.users()
        users, self._queue = self._queue[:USERS], self._queue[USERS:]
        if not (heads or users):
            return  # nobody is here who could have missed something
        listeners = {user_id: self._hub.of_user(user_id) for user_id in users}
        sight = await self._looks.look(heads, users)
        if self._hub.epoch != epoch:
            return  # what was seen may be older than what is known by now
        if sight.epoch != epoch or any(sight.heads.get(room_id, 0) < head for room_id, head in heads.items()):
            self._hub.start_over(sight.epoch)
            return
        self._hub.catch_up(sight.heads)
        self._compare(sight, listeners)

    def _compare(self, sight: Sight, listeners: dict[UserId, list[Listener]]) -> None:
        for user_id, memberships in sight.memberships.items():
            self._hub.memberships.compare(user_id, memberships)
            for listener in listeners[user_id]:  # of a later one the session may be later too
                if listener.session_id not in sight.sessions[user_id]:
                    listener.session_ended()
