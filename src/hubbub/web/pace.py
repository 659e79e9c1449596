"""How much a user may ask for on each node: requests over HTTP, new sockets, and changes over all their sockets.

Unlike attempts to log in, which are counted in the store, these are only kept from taking the node away from others:
nobody gains by spreading them over nodes.
"""

from typing import Generic, TypeVar

from hubbub.domain.errors import RateLimited
from hubbub.services.ports import Clock
from hubbub.wire.limits import TokenBucket

Id = TypeVar("Id", bound=int)


class Pace(Generic[Id]):
    """Requests of each of many, users say: `burst` at once and `rate` a second in the long run; 0 allows everything."""

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._turn_seconds = burst / rate if rate else 0.0  # an empty bucket is full again after that
        self._turned_at = clock.monotonic()
        self._recent: dict[Id, TokenBucket] = {}
        self._former: dict[Id, TokenBucket] = {}  # not used since the last turn: full at the next

    def require(self, id: Id) -> None:
        """Raise RateLimited where `take` would; count nothing."""
        bucket = self._recent.get(id) or self._former.get(id)
        if bucket is not None:
            _require(bucket.wait(self._clock.monotonic()))

    def take(self, id: Id) -> None:
        """Count a request. Raise RateLimited for one too many, which does not count."""
        if not self._rate:
            return
        now = self._clock.monotonic()
        if now >= self._turned_at + self._turn_seconds:
            self._turned_at, self._former, self._recent = now, self._recent, {}
        bucket = self._recent.get(id) or self._former.pop(id, None) or TokenBucket(self._rate, self._burst)
        self._recent[id] = bucket
        _require(bucket.take(now))


def _require(wait: float) -> None:
    if wait > 0:
        raise RateLimited("too many requests: slow down", retry_after=wait)
