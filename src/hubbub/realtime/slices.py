"""Few at a time, where many go on at the same moment: the event loop has time for everybody else in between."""

import asyncio
from collections import deque


class Slices:
    """A few go on in each turn of the event loop, in the order in which they came."""

    SLICE = 16  # a step takes some 100 µs

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def turn(self) -> None:
        """Wait until it is one's turn to go on."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        if len(self._waiting) == 1:
            loop.call_soon(self._begin)
        await turn

    def _begin(self) -> None:
        for _ in range(min(self.SLICE, len(self._waiting))):
            turn = self._waiting.popleft()
            if not turn.done():  # or whoever waited has gone
                turn.set_result(None)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._begin)
