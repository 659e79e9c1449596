"""Things that end by themselves a fixed time after they were last renewed, on one timer however many they are."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")

log = logging.getLogger(__name__)


class Lapses(Generic[K]):
    """Calls `lapsed(key)` when `seconds` have passed since the key was last set; at most `SLICE` in one turn."""

    SLICE = 256

    def __init__(self, seconds: float, lapsed: Callable[[K], object]) -> None:
        self._seconds = seconds
        self._lapsed = lapsed
        self._due: OrderedDict[K, float] = (
            OrderedDict()
        )  # loop times; all last equally long, so the first is the oldest
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def __contains__(self, key: K) -> bool:
        return key in self._due

    def __len__(self) -> int:
        return len(self._due)

    def set(self, key: K) -> None:
        """Begin, or begin again."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        self._due[key] = loop.time() + self._seconds
        self._due.move_to_end(key)
        if self._timer is None:
            self._timer = loop.call_at(self._due[key], self._run)

    def drop(self, key: K) -> None:
        """It has ended another way."""
        self._due.pop(key, None)

    def close(self) -> None:
        """Nothing lapses any more."""
        self._closed = True
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        for _ in range(self.SLICE):
            if not self._due or next(iter(self._due.values())) > now:
                break
            key, _ = self._due.popitem(last=False)
            try:
                self._lapsed(key)
            except Exception:
                log.exception("what was to be done at a lapse failed")
        if self._due and self._timer is None:
            self._timer = loop.call_at(next(iter(self._due.values())), self._run)
