"""Many deadlines on one timer: a heap instead of a timer handle for each connection."""

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable
from typing import TypeAlias

Tick: TypeAlias = Callable[[float], float | None]
"""Called with the loop's time when it is due; returns when it is due again, or None for never."""

log = logging.getLogger(__name__)


class Deadlines:
    """Calls each `Tick` no earlier than it asked for, and no more than `SLICE` in one turn of the loop.

    One that fails is not called again, and costs the others nothing.
    """

    SLICE = 256

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Tick]] = []
        self._order = itertools.count()  # the first in, the first out among equals; ticks are not compared
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def add(self, when: float, tick: Tick) -> None:
        """`when` is in seconds of the loop's time."""
        self._push(when, tick)
        if self._heap and self._heap[0][2] is tick:
            self._arm()

    def close(self) -> None:
        """Nothing is called any more."""
        self._closed = True
        self._heap.clear()
        self._arm()

    def _push(self, when: float, tick: Tick) -> None:
        if not self._closed:
            heapq.heappush(self._heap, (when, next(self._order), tick))

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
            try:
                again = tick(now)
            except Exception:
                log.exception("what was to be done at a deadline failed")
                continue
            if again is not None:
                self._push(again, tick)
        self._arm()
