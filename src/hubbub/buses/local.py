"""The bus of nodes that run in one process."""

import asyncio
from collections.abc import Callable
from typing import TypeAlias

Receive: TypeAlias = Callable[[bytes], None]


class Exchange:
    """What the buses of one process are connected to."""

    def __init__(self) -> None:
        self.buses: dict[LocalBus, None] = {}


class LocalBus:
    """One node's way to the others."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._receivers: dict[str, list[Receive]] = {}
        exchange.buses[self] = None

    def publish(self, subject: str, payload: bytes) -> None:
        loop = asyncio.get_running_loop()
        for bus in self._exchange.buses:
            if bus is not self:
                for receive in bus._receivers.get(subject, ()):
                    loop.call_soon(bus._deliver, subject, receive, payload)

    def subscribe(self, subject: str, receive: Receive) -> None:
        self._receivers.setdefault(subject, []).append(receive)

    def unsubscribe(self, subject: str) -> None:
        self._receivers.pop(subject, None)

    async def settled(self) -> None:
        """What was subscribed is heard at once."""

    def when_restored(self, call: Callable[[], None]) -> None:
        """Nothing is ever lost."""

    async def close(self) -> None:
        self._exchange.buses.pop(self, None)

    def _deliver(self, subject: str, receive: Receive, payload: bytes) -> None:
        if self in self._exchange.buses and receive in self._receivers.get(subject, ()):
            receive(payload)
