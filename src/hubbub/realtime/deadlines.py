"""Many deadlines on one timer: a heap instead of a timer handle for each connection."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import TypeAlias

Tick: TypeAlias = Callable[[float], float | None]
"""Called with the loop's time when it is due; returns when it is due again, or None for never."""


class Deadlines:
    """Calls each `Tick` no earlier than it asked for, and no more than `SLICE` in one turn of the loop."""

    SLICE = 256

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Tick]] = []
        self._order = itertools.count()  # the first in, the first out among equals; ticks are not compared
        self._timer: asyncio.TimerHandle | None = None

    def add(self, when: float, tick: Tick) -> None:
        """`when` is in seconds of the loop's time."""
        heapq.heappush(self._heap, (when, next(self._order), tick))
        if self._heap[0][2] is tick:
            self._arm()

    def close(self) -> None:
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            self._timer = asyncio.get_running_loop().call_at(self._heap[0][0], self._run)

    def _run(self) -> None:
        now = asyncio.get_running_loop().time()
        for _ in range(self.SLICE):
            if not self._heap or self._heap[0][0] > now:
                break
            _, _, tick = heapq.heappop(self._heap)
            again = tick(now)
            if again is not None:
                heapq.heappush(self._heap, (again, next(self._order), tick))
        self._arm()
