"""The bus between simulated nodes: it drops, doubles, delays, reorders and partitions."""

import math
from collections.abc import Callable
from contextvars import Context
from random import Random

from hubbub.simulator.deterministic.loop import SimLoop
from hubbub.simulator.deterministic.pipes import latency

SUBSCRIBE = 10  # the time of so many messages passes until others reach a new subscription: it is a race to be seen

Receive = Callable[[bytes], None]


class Network:
    """What the buses of all nodes are connected to, and how well it works at the moment."""

    def __init__(self, loop: SimLoop, random: Random) -> None:
        self.loop = loop
        self.random = random
        self.buses: dict[str, SimBus] = {}  # by the name of the node
        self.drop = 0  # percent of the messages; > 0: others are doubled and reordered
        self.cut_off: dict[str, float] = {}  # nodes that hear and are heard by nobody, until then

    def carry(self, source: "SimBus", subject: str, payload: bytes) -> None:
        for target in self.buses.values():
            if target is source or self._parted(source, target) or not target.hears(subject):
                continue
            for _ in range(self._copies()):
                self._carry_one(source, target, subject, payload)

    def _carry_one(self, source: "SimBus", target: "SimBus", subject: str, payload: bytes) -> None:
        when = self.loop.time() + latency(self.random)
        if self.drop:
            when += self.random.random()
        else:
            when = target.last_from[source.name] = max(when, target.last_from.get(source.name, 0.0))
        self.loop.call_at(when, target.deliver, subject, payload, context=target.context)

    def _copies(self) -> int:
        if not self.drop:
            return 1
        return 0 if self.random.random() * 100 < self.drop else 1 + int(2 * self.random.random())

    def _parted(self, source: "SimBus", target: "SimBus") -> bool:
        now = self.loop.time()
        return any(self.cut_off.get(bus.name, 0.0) > now for bus in (source, target))


class SimBus:
    """Implements `realtime.cluster.Bus` for one life of a node."""

    def __init__(self, network: Network, name: str, context: Context) -> None:
        self.name = name
        self.context = context  # the node's
        self.last_from: dict[str, float] = {}  # when the last message of each node arrives
        self._network = network
        self._receivers: dict[str, list[Receive]] = {}
        self._since: dict[str, float] = {}  # when others reach this node on a subject
        self._when_restored: list[Callable[[], None]] = []
        network.buses[name] = self

    def publish(self, subject: str, payload: bytes) -> None:
        self._network.carry(self, subject, payload)

    def subscribe(self, subject: str, receive: Receive) -> None:
        self._receivers.setdefault(subject, []).append(receive)
        self._since.setdefault(subject, self._network.loop.time() + SUBSCRIBE * latency(self._network.random))

    def unsubscribe(self, subject: str) -> None:
        self._receivers.pop(subject, None)
        self._since.pop(subject, None)

    async def settled(self) -> None:
        loop = self._network.loop
        settled = loop.create_future()
        loop.call_at(max(self._since.values(), default=0.0), settled.set_result, None)
        await settled

    def hears(self, subject: str) -> bool:
        """Would what is published now arrive here?"""
        return self._since.get(subject, math.inf) <= self._network.loop.time()

    def when_restored(self, call: Callable[[], None]) -> None:
        self._when_restored.append(call)

    def restored(self) -> None:
        """The node was cut off, and hears the others again."""
        for call in self._when_restored:
            call()

    def deliver(self, subject: str, payload: bytes) -> None:
        """A message has arrived; the node's death since it was sent would have dropped it."""
        for receive in self._receivers.get(subject, ()):
            receive(payload)
