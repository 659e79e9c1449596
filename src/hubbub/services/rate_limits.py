"""How often somebody may try, on all nodes together.

Knows nothing of what is tried. What is kept are times under hashes, and not for long.
"""

import hashlib
import logging
from functools import partial
from ipaddress import IPv6Address, ip_address

from hubbub.domain.errors import RateLimited, Unavailable
from hubbub.domain.ids import Millis
from hubbub.services.ports import Clock, Store, Tx

PURGE = 60.0  # seconds between two deletions of what counts no more
MAX_REFUSED = 10_000  # keys that are known to be refused
MAX_COUNTING = 64  # attempts of a limit that are on their way to the store; the messages of a chat wait behind them

_MINUTE = 60_000  # milliseconds

log = logging.getLogger(__name__)


class RateLimit:
    """Attempts for each key: `per_minute` at once, then one each 60 / per_minute seconds; 0 = as many as they like.

    They are counted in the store. Until when a key is refused is remembered here too, so that who tries all the time
    costs the store nothing.
    """

    def __init__(self, per_minute: int, store: Store, clock: Clock, name: str = "attempts") -> None:
        self._burst = per_minute
        self._interval = max(1, _MINUTE // per_minute) if per_minute else 0  # milliseconds
        self._store = store
        self._clock = clock
        self._name = name
        self._refused: dict[bytes, float] = {}  # until when, by the monotonic clock
        self._counting = 0
        self._purged_at = clock.monotonic()

    async def take(self, key: str, **shown: object) -> None:
        """Count an attempt. Raise RateLimited for one too many, which does not count, and Unavailable.

        The first of those refused in a row is logged, with what is `shown`. The key is not: it may be a secret.
        """
        if not self._burst:
            return
        hashed = hashlib.blake2b(f"{self._name} {key}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
        wait = self._refused.get(hashed, 0.0) - self._clock.monotonic()
        if wait <= 0:
            wait = await self._count(hashed)
            if wait > 0 and hashed not in self._refused:
                log.info("a rate limit is reached", extra={"limit": self._name, **shown})
            self._remember(hashed, wait)
        if wait > 0:
            raise RateLimited("too many attempts: wait a little", retry_after=wait)

    async def _count(self, hashed: bytes) -> float:
        """The seconds to wait. Raise Unavailable when too many are counted at the same time."""
        if self._counting >= MAX_COUNTING:
            raise Unavailable("too many attempts at the same time: try again", retry_after=1.0)
        self._counting += 1
        try:
            count = partial(self._take, hashed, self._clock.now(), self._purge_is_due())
            return await self._store.write(count) / 1000
        finally:
            self._counting -= 1

    def _take(self, hashed: bytes, now: Millis, purge: bool, tx: Tx) -> int:
        if purge:
            tx.rate_limits.purge(now)
        return tx.rate_limits.take(hashed, now, interval=self._interval, burst=self._burst)

    def _purge_is_due(self) -> bool:
        now = self._clock.monotonic()
        due = now >= self._purged_at + PURGE
        if due:
            self._purged_at = now
        return due

    def _remember(self, hashed: bytes, wait: float) -> None:
        self._refused.pop(hashed, None)
        if wait > 0:
            self._refused[hashed] = self._clock.monotonic() + wait
            if len(self._refused) > MAX_REFUSED:
                del self._refused[next(iter(self._refused))]


def address_key(address: str) -> str:
    """Who stands behind an address. Of IPv6 a single subscriber has a whole /64 (RFC 6177), of IPv4 one address."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address  # a Unix socket, say
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or int(ip) >> 64)
