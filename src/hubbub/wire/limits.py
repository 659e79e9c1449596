"""What one connection may ask for and hold, and the token bucket that paces it."""

from dataclasses import dataclass

MAX_FRAME = 65_536  # bytes
MAX_WATCHED = 200  # people whose presence is told to one connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of each connection, and of all connections of a user; all of them are settings."""

    frame_bytes: int = MAX_FRAME  # of one frame from a client
    inflight: int = 64  # sends without an answer
    frame_rate: float = 50.0  # frames per second; 0 = no limit
    frame_burst: int = 200  # frames that may come at once
    outbox_frames: int = 256  # frames that wait for a slow reader
    outbox_bytes: int = 1_048_576  # the same, in bytes
    auth_timeout: float = 5.0  # seconds until the first `auth` frame
    heartbeat: float = 25.0  # seconds between pings
    pong_timeout: float = 10.0  # seconds
    stuck_timeout: float = 30.0  # seconds in which a slow reader must take something
    user_sockets: int = 100  # open at the same time


class TokenBucket:
    """Allows `burst` (at least 1) at once and `rate` a second in the long run; a rate of 0 allows everything."""

    __slots__ = ("_burst", "_filled_at", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled_at: float | None = None  # None = before the first take

    def take(self, now: float) -> float:
        """Take one token: 0.0 when there was one, otherwise the seconds until there will be, and nothing is taken.

        `now` is in seconds, of a clock that never goes back.
        """
        wait = self.wait(now)
        if not wait:
            self._tokens -= 1
        return wait

    def wait(self, now: float) -> float:
        """The seconds until `take` would find a token: 0.0 when there is one."""
        if self._rate <= 0:
            return 0.0
        if self._filled_at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        return (1 - self._tokens) / self._rate if self._tokens < 1 else 0.0
