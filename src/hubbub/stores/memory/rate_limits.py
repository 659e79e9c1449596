"""Attempts in memory."""

from hubbub.domain.ids import Millis
from hubbub.stores.memory.tables import Tables


class MemoryRateLimits:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def take(self, key: bytes, at: Millis, *, interval: int, burst: int) -> int:
        full_at = self._tables.rate_limits.get(key, at)
        if not at <= full_at <= at + interval * burst:
            full_at = at
        wait = full_at - at - interval * (burst - 1)
        if wait > 0:
            return wait
        self._tables.rate_limits[key] = Millis(full_at + interval)
        return 0

    def purge(self, before: Millis) -> None:
        for key in [key for key, full_at in self._tables.rate_limits.items() if full_at < before]:
            del self._tables.rate_limits[key]
