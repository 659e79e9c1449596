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
        """Tell every other bus that has subscribed to this subject."""
        loop = asyncio.get_running_loop()
        for bus in self._exchange.buses:
            if bus is not self:
                for receive in bus._receivers.get(subject, ()):
                    loop.call_soon(bus._deliver, receive, payload)

    async def subscribe(self, subject: str, receive: Receive) -> None:
        """Have `receive` called, on the event loop, with what others publish on this subject from now on."""
        self._receivers.setdefault(subject, []).append(receive)

    async def close(self) -> None:
        """Receive nothing more, not even what is on its way."""
        self._exchange.buses.pop(self, None)

    def _deliver(self, receive: Receive, payload: bytes) -> None:
        if self in self._exchange.buses:
            receive(payload)
