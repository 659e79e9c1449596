"""How fast a user may ask over HTTP, on each node.

Unlike attempts to log in, which are counted in the store, requests are only kept from taking the node away from others:
nobody gains by spreading them over nodes.
"""

from hubbub.domain.errors import RateLimited
from hubbub.domain.ids import UserId
from hubbub.services.ports import Clock
from hubbub.wire.limits import TokenBucket


class Pace:
    """Requests of each user: `burst` at once and `rate` a second in the long run; a rate of 0 allows everything."""

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._turn_seconds = burst / rate if rate else 0.0  # an empty bucket is full again after that
        self._turned_at = clock.monotonic()
        self._recent: dict[UserId, TokenBucket] = {}
        self._former: dict[UserId, TokenBucket] = {}  # not used since the last turn: full at the next

    def take(self, user_id: UserId) -> None:
        """Count a request. Raise RateLimited for one too many, which does not count."""
        if not self._rate:
            return
        now = self._clock.monotonic()
        if now >= self._turned_at + self._turn_seconds:
            self._turned_at, self._former, self._recent = now, self._recent, {}
        bucket = self._recent.get(user_id) or self._former.pop(user_id, None) or TokenBucket(self._rate, self._burst)
        self._recent[user_id] = bucket
        wait = bucket.take(now)
        if wait > 0:
            raise RateLimited("too many requests: slow down", retry_after=wait)
