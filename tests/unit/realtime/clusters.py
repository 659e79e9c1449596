"""Nodes that share a store and a bus, with recorders instead of sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hubbub.buses.local import Exchange, LocalBus
from hubbub.domain.events import RoomKind
from hubbub.domain.ids import RoomId, UserId
from hubbub.realtime.cluster import Cluster
from hubbub.realtime.fanout import HubFanout
from hubbub.realtime.hub import Hub
from hubbub.realtime.watch import Watch
from hubbub.services.changes import Draft
from hubbub.services.journal import Journal
from hubbub.services.logs import Logs
from hubbub.services.looks import Looks
from hubbub.services.messages import Messages
from hubbub.services.rooms import Rooms
from hubbub.stores.memory import MemoryStore
from tests.unit.realtime.listeners import Recorder, SteppedStore
from tests.unit.services.chats import Chats, open_chats, turns


class ClusterNode:
    """One of several nodes."""

    def __init__(self, chats: Chats, exchange: Exchange) -> None:
        self.store = SteppedStore(chats.store)
        self.logs = Logs(self.store)
        self.hub = Hub(self.logs)
        self.fanout = HubFanout(self.hub)
        self.bus = LocalBus(exchange)
        self.cluster = Cluster(self.hub, self.fanout, self.bus)
        self.watch = Watch(self.hub, Looks(self.store))
        journal = Journal(chats.store, chats.clock, self.cluster)
        self.rooms = Rooms(chats.store, journal)
        self.messages = Messages(chats.store, journal)

    def recorder(self, user_id: UserId, session_id: int = 1) -> Recorder:
        recorder = Recorder(self.hub, user_id, session_id)
        self.hub.attach(recorder)
        return recorder

    async def learn(self, user_id: UserId) -> None:
        """What a connection does before its `hello`."""
        memberships = await self.rooms.memberships(user_id)
        self.hub.memberships.learn(user_id, {room_id: member.joined_seq for room_id, member in memberships.items()})

    async def found(self, founder: UserId, *others: UserId) -> RoomId:
        return (await self.rooms.create(founder, RoomKind.GROUP, name="garden", member_ids=others)).room_id

    async def say(self, user_id: UserId, room_id: RoomId, text: str) -> None:
        await self.messages.post(user_id, room_id, Draft(text))
        await turns(30)


class Pair:
    """Two nodes, and the memory store of both."""

    def __init__(self, chats: Chats, memory: MemoryStore) -> None:
        self.chats = chats
        self.memory = memory
        self.exchange = Exchange()
        self.here = ClusterNode(chats, self.exchange)
        self.there = ClusterNode(chats, self.exchange)

    def restore(self, epoch: str = "restored") -> None:
        """The store is another one from now on; that it is as long as before is the worst case."""
        self.memory._tables.epoch = epoch

    async def lose_news(self) -> None:
        """The bus carries nothing any more. What a first listener has the node look for was looked for before."""
        await turns(30)
        await self.here.bus.close()
        await self.there.bus.close()


@asynccontextmanager
async def open_pair() -> AsyncIterator[Pair]:
    memory = MemoryStore()
    async with open_chats(memory) as chats:
        pair = Pair(chats, memory)
        await pair.here.cluster.start()
        await pair.there.cluster.start()
        yield pair
        await pair.lose_news()
