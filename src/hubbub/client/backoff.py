"""How long to wait before the next attempt."""

from collections.abc import Callable


class Backoff:
    """Exponential with full jitter: the n-th delay is anything up to `base * 2**n`, at most `cap`.

    Jitter over the whole range spreads the clients of a server that comes back better than a part of it does.
    """

    __slots__ = ("_attempts", "_base", "_cap", "_free", "_random")

    def __init__(self, random: Callable[[], float], *, base: float = 0.5, cap: float = 30.0, free: int = 0) -> None:
        """`random` gives numbers in [0, 1), `base` and `cap` are seconds; the first `free` delays are 0."""
        self._random = random
        self._base = base
        self._cap = cap
        self._free = free
        self._attempts = 0

    def next(self) -> float:
        """Seconds until the next attempt."""
        waited = self._attempts - self._free
        self._attempts += 1
        return 0.0 if waited < 0 else min(self._cap, self._base * 2 ** min(waited, 32)) * self._random()

    def reset(self) -> None:
        """It worked: begin with short delays again."""
        self._attempts = 0
