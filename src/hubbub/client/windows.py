"""What a connection has asked and not been answered, and when the server's limits allow more.

A frame that the server refuses because there are too many is overtaken by those behind it. So none is to be refused,
whatever the network delays and then delivers at once: what is under way, and what the bucket lets go on top of it, fit
together into what the server takes at once.
"""

from collections.abc import Iterable

from hubbub.wire.frames import LimitsBody
from hubbub.wire.limits import TokenBucket

PACE = 0.98  # of what the server allows: its clock may be slower than ours


class Window:
    """The frames of one socket that wait for their answers, by `ref`. It has a new life with each socket."""

    def __init__(self) -> None:
        self._unanswered: dict[int, float] = {}  # when each left, the oldest first
        self._most = 0
        self._bucket = TokenBucket(0, 1)
        self.free_at = 0.0  # when there is a token for the next frame

    def open(self, limits: LimitsBody, now: float) -> None:
        """The server has said what it allows."""
        burst = max(1, limits.frame_burst // 2)
        self._bucket = TokenBucket(limits.frame_rate * PACE, burst)
        # Some room is left for what is sent without being counted here, and for what the server has not quite ended.
        self._most = limits.inflight - limits.inflight // 8
        if limits.frame_rate > 0:
            self._most = min(self._most, limits.frame_burst - burst - limits.frame_burst // 8)
        self._most = max(1, self._most)
        self.free_at = now

    def close(self) -> None:
        """No answer will come any more."""
        self._unanswered.clear()

    @property
    def full(self) -> bool:
        """Must an answer come before anything more is asked?"""
        return len(self._unanswered) >= self._most

    @property
    def oldest(self) -> float | None:
        """Since when an answer has been awaited; None = none is."""
        return next(iter(self._unanswered.values()), None)

    def take(self, now: float) -> bool:
        """Take a token for one frame; was there one?"""
        if now < self.free_at:
            return False
        wait = self._bucket.take(now)
        if wait:
            self.free_at = now + wait + 0.001  # by when rounding can't leave a part of a token missing
        return not wait

    def sent(self, ref: int, now: float) -> None:
        """It will be answered."""
        self._unanswered[ref] = now

    def goes_on(self, ref: int | None, now: float) -> None:
        """A part of an answer came: the rest may take its time again."""
        if ref is not None and self._unanswered.pop(ref, None) is not None:
            self._unanswered[ref] = now  # as the newest

    def settled(self, refs: Iterable[int]) -> None:
        """These are answered."""
        for ref in refs:
            self._unanswered.pop(ref, None)
