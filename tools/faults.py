"""What can happen to a cluster while people talk, one thing after the other, and what its database holds in the end."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from hubbub.domain.events import MessagePosted
from hubbub.domain.messages import Message
from hubbub.stores.sql import SqlStore
from tests.truth import check_store
from tools.clusters import Cluster, Node

RESTART = 1.0  # seconds until whoever looks after a process starts it again, as in deploy/hubbub.service


@dataclass(frozen=True, slots=True)
class Span:
    """A fault, from its beginning until everything runs again, by `time.monotonic`."""

    name: str
    begun: float
    ended: float


@dataclass
class Faults:
    """All of them, with a `pause` of seconds after each; a node is cut off from NATS for `cut` seconds."""

    cluster: Cluster
    pause: float = 8.0
    cut: float = 10.0
    spans: list[Span] = field(default_factory=list)

    async def happen(self) -> None:
        first, second, *_ = self.cluster.nodes
        await asyncio.sleep(self.pause)  # everybody has just come, and has much to load
        await self._fault("none", lambda: asyncio.sleep(self.pause))
        await self._fault("kill -9 of a node", lambda: self._kill(first))
        await self._fault("kill -9 of NATS", self._kill_nats)
        await self._fault("kill -9 of PostgreSQL", self._kill_postgres)
        await self._fault(f"a node cut off from NATS for {self.cut:g} s", lambda: self._cut_off(second))
        await self._fault("rolling restart of all nodes", self._roll)

    async def _fault(self, name: str, act: Callable[[], Awaitable[None]]) -> None:
        begun = time.monotonic()
        await act()
        self.spans.append(Span(name, begun, time.monotonic()))
        await asyncio.sleep(self.pause)

    async def _kill(self, node: Node) -> None:
        await node.kill()
        await asyncio.sleep(RESTART)
        await node.start()

    async def _kill_nats(self) -> None:
        await asyncio.to_thread(self.cluster.nats.kill)
        await asyncio.sleep(RESTART)
        await asyncio.to_thread(self.cluster.nats.start)

    async def _kill_postgres(self) -> None:
        self.cluster.kill_postgres()
        await asyncio.sleep(RESTART)
        await self.cluster.start_postgres()

    async def _cut_off(self, node: Node) -> None:
        cable = self.cluster.cables[node.number - 1]
        cable.cut()
        await asyncio.sleep(self.cut)
        cable.mend()

    async def _roll(self) -> None:
        for node in self.cluster.nodes:
            await node.stop()
            await node.start()


async def not_in_the_database(database_url: str, acknowledged: Sequence[Message]) -> list[Message]:
    """What was acknowledged and is not there, once, where it was said to be. The whole database is checked as well."""
    store = await asyncio.to_thread(SqlStore.open, database_url)
    try:
        logs = await check_store(store)
    finally:
        await store.close()
    places = {
        (event.room_id, event.seq): (event.user_id, event.message.client_id)
        for log in logs.values()
        for event in log
        if isinstance(event, MessagePosted)
    }
    return [
        message
        for message in acknowledged
        if places.get((message.room_id, message.seq)) != (message.user_id, message.client_id)
    ]
