"""One process of the server: the real services and the real live side, over a simulated store, bus and clock."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from random import Random
from typing import Any, Protocol, TypeVar

from hubbub.domain.errors import ChatError, TokenExpired, Unauthenticated
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.rooms import ChatRoom
from hubbub.realtime.cluster import Cluster
from hubbub.realtime.fanout import HubFanout
from hubbub.realtime.gateway import Gateway
from hubbub.realtime.hub import Hub
from hubbub.realtime.presence import Tempo
from hubbub.realtime.watch import Watch
from hubbub.services.chat import Chat
from hubbub.services.logs import Logs
from hubbub.services.looks import Looks
from hubbub.services.policies import AccountsPolicy
from hubbub.simulator.deterministic.buses import Network, SimBus
from hubbub.simulator.deterministic.edges import Asked, SocketEdge
from hubbub.simulator.deterministic.loop import SimLoop, Violation
from hubbub.simulator.deterministic.oracle import Oracle
from hubbub.simulator.deterministic.pipes import Pipe, latency
from hubbub.simulator.deterministic.plan import Plan
from hubbub.simulator.deterministic.stores import Database, SimStore
from hubbub.wire.limits import Limits

T = TypeVar("T")

START = 1_800_000_000_000  # milliseconds since 1970

# Small, so that every one of them is reached again and again.
LIMITS = Limits(
    frame_bytes=4096,
    inflight=5,
    frame_rate=15,
    frame_burst=12,
    outbox_frames=6,
    outbox_bytes=3000,
    auth_timeout=2.0,
    heartbeat=4.0,
    pong_timeout=3.0,
    stuck_timeout=4.0,
)
TEMPO = Tempo(grace=1.0, beat=0.5, beats=4)
WATCH = 2.0  # seconds between looks at the store
NEVER = 1e9  # seconds


class SimClock:
    """Implements `ports.Clock`: the wall clock may jump."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self.skew = 0.0  # seconds

    def now(self) -> Millis:
        return Millis(START + int((self._loop.time() + self.skew) * 1000))

    def monotonic(self) -> float:
        return self._loop.time()


class OpenTokens:
    """Implements `ports.Tokens` without cryptography."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock

    def sign(self, purpose: str, claims: Mapping[str, int | str], expires_at: Millis) -> str:
        words = [f"{name}={'s' if isinstance(value, str) else 'i'}{value}" for name, value in claims.items()]
        return f"{purpose} {expires_at // 1000} {' '.join(words)}"

    def verify(self, purpose: str, token: str) -> dict[str, int | str]:
        signed_for, expires_at, *words = token.split(" ")
        if signed_for != purpose:
            raise Unauthenticated("this token is for something else")
        if int(expires_at) * 1000 <= self._clock.now():
            raise TokenExpired("this token has expired")
        pairs = [word.split("=", 1) for word in words]
        claims: dict[str, int | str] = {name: value[1:] if value[0] == "s" else int(value[1:]) for name, value in pairs}
        return claims | {"exp": int(expires_at)}


class OpenHasher:
    """Implements `ports.PasswordHasher` without hashing."""

    async def hash(self, password: str) -> str:
        return password

    async def verify(self, password: str, password_hash: str | None) -> bool:
        return password == password_hash

    def outdated(self, password_hash: str) -> bool:
        return False


class Surroundings(Protocol):
    """What a node sees of the world."""

    plan: Plan
    loop: SimLoop
    random: Random
    database: Database
    network: Network
    oracle: Oracle


class Node:
    """One life of a node. After `kill` it is of no use; the next life is another one of these."""

    def __init__(self, world: Surroundings, name: str, life: int) -> None:
        loop, random = world.loop, world.random
        self.name = name
        self.actor = f"{name}.{life}"
        self.context = loop.context_of(self.actor)
        self.alive = True
        self.serving = False  # the others can reach it, and so may clients
        self.clock = SimClock(loop)
        self.store = SimStore(random, world.database, self._check_kept_rooms)
        self.pipes: dict[Pipe, None] = {}
        self._loop = loop
        self._random = random
        self._oracle = world.oracle
        self.hub = Hub(Logs(self.store))
        self.fanout = HubFanout(self.hub)
        self.bus = SimBus(world.network, name, self.context)
        self.cluster = Cluster(self.hub, self.fanout, self.bus)
        self.chat = Chat(
            store=self.store,
            clock=self.clock,
            fanout=self.cluster,
            hasher=OpenHasher(),
            tokens=OpenTokens(self.clock),
            policy=AccountsPolicy(access_ttl=world.plan.tokens),
            lanes=2,
        )
        connections = iter(range(1, 1_000_000))
        self.gateway = Gateway(
            self.chat, self.hub, self.clock, LIMITS, lambda: f"{self.actor}.{next(connections)}", TEMPO
        )
        self.watch = Watch(self.hub, Looks(self.store), WATCH if world.plan.looks else NEVER)

    def _check_kept_rooms(self, written: Collection[RoomId]) -> None:
        """A room that the journal keeps, and whose head says that it is current, is as the store has it.

        A lane whose last transaction was in another epoch forgets them first. Of one whose last transaction is under
        way, or has failed, it is true of the rooms just written.
        """
        batches = [lane._batch for lane in self.chat.journal._lanes if lane._batch.epoch == self._oracle.epoch]
        for batch in batches:
            for room_id, kept in batch._kept.items():
                if batch._settled or room_id in written:
                    self._check_kept_room(room_id, kept)

    def _check_kept_room(self, room_id: RoomId, kept: ChatRoom) -> None:
        truth = self._oracle.truth.rooms.get(room_id)
        if truth is None or kept.head != truth.room.head:
            return
        members = {user_id: truth.room.members.get(user_id) for user_id in kept.members}
        if (members, kept.name, kept.topic) != (kept.members, truth.room.name, truth.room.topic):
            raise Violation("kept room", f"{self.name} keeps room {room_id} at {kept.head} as it is not")

    def start(self) -> None:
        """Serve. What it does from now on is its own."""
        self._loop.call_soon(self._start, context=self.context)

    def _start(self) -> None:
        self._loop.create_task(self._connect())
        self.watch.start()

    async def _connect(self) -> None:
        await self.cluster.start()
        await self.gateway.signals.connect(self.bus, self.actor)
        self.serving = True

    def kill(self) -> None:
        """kill -9."""
        self.alive = False
        self._loop.kill(self.actor)
        for pipe in self.pipes:
            pipe.cut()

    async def close(self) -> None:
        """SIGTERM: what `compose` does then."""
        self.alive = False
        await self.gateway.drain(finish=self.chat.close, hurry=asyncio.Event())
        await self.watch.close()
        await self.chat.close()
        await self.gateway.close()
        await self.cluster.close()
        await self.fanout.close()

    def accept(
        self, pipe: Pipe, user_id: UserId, token: str, room_id: RoomId | None, after: Seq | None, epoch: str | None
    ) -> None:
        """A socket was opened, with this credential. To be called in the node's context."""
        if pipe.broken or pipe.over:
            return
        self.pipes[pipe] = None
        connection = self.gateway.connect(pipe, room_id=room_id, after=after, epoch=epoch)
        pipe.attach(connection, SocketEdge(self._loop, self._oracle, connection, user_id, Asked(after, epoch)))
        self.gateway.admit(connection, self.chat.accounts.authenticate(token))

    def request(self, ask: Callable[["Node"], Coroutine[Any, Any, T]], done: Callable[[T | ChatError], None]) -> None:
        """A request over HTTP: `done` is called with the answer, or never."""
        self._loop.call_later(latency(self._random), self._begin, ask, done, context=self.context)

    def _begin(self, ask: Callable[["Node"], Coroutine[Any, Any, T]], done: Callable[[T | ChatError], None]) -> None:
        self._loop.create_task(self._answer(ask, done))

    async def _answer(
        self, ask: Callable[["Node"], Coroutine[Any, Any, T]], done: Callable[[T | ChatError], None]
    ) -> None:
        try:
            answer: T | ChatError = await ask(self)
        except ChatError as error:
            answer = error
        done(answer)
