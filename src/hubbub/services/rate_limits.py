"""How often somebody may try.

Knows nothing of what is tried. Its memory has a fixed size: a flood of made-up names can neither fill it nor push a
name out of it.
"""

import logging
from array import array
from ipaddress import IPv6Address, ip_address

from hubbub.domain.errors import RateLimited
from hubbub.services.ports import Clock

SLOTS = 2**16  # half a megabyte

_MINUTE = 60_000_000  # microseconds

log = logging.getLogger(__name__)


class RateLimit:
    """Attempts for each key: `per_minute` at once, then one each 60 / per_minute seconds; 0 = as many as they like.

    The generic cell rate algorithm (ITU-T I.371): all that is kept of a key is when it will have its attempts back.
    That stands in a slot assigned by a hash, which is another one in each process. Keys in the same slot share their
    attempts: that is rare, and errs on the safe side. A table that drops keys when it is full would let an attacker
    push out the one under attack.
    """

    def __init__(self, per_minute: int, clock: Clock, name: str = "attempts") -> None:
        self._interval = _MINUTE // per_minute if per_minute else 0  # microseconds
        self._tolerance = self._interval * (per_minute - 1)  # microseconds
        self._clock = clock
        self._name = name  # for the log
        self._refusing = bytearray(SLOTS)
        self._full_at = array("q", [self._now()]) * SLOTS

    def take(self, key: str, **shown: object) -> None:
        """Count an attempt. Raise RateLimited for one too many, which does not count.

        The first of those refused in a row is logged, with what is `shown`. The key is not: it may be a secret.
        """
        now = self._now()
        slot = hash(key) % SLOTS
        full_at = max(self._full_at[slot], now)
        wait = full_at - now - self._tolerance
        if wait > 0:
            if not self._refusing[slot]:
                self._refusing[slot] = True
                log.info("a rate limit is reached", extra={"limit": self._name, **shown})
            raise RateLimited("too many attempts: wait a little", retry_after=wait / 1e6)
        self._full_at[slot] = full_at + self._interval
        self._refusing[slot] = False

    def _now(self) -> int:
        return int(self._clock.monotonic() * 1e6)


def address_key(address: str) -> str:
    """Who stands behind an address. Of IPv6 a single subscriber has a whole /64 (RFC 6177), of IPv4 one address."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address  # a Unix socket, say
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or int(ip) >> 64)
