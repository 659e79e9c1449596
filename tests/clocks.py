"""A clock that stands still until a test moves it."""

from hubbub.domain.ids import Millis


class ManualClock:
    """Implements `ports.Clock`. It begins at a whole second."""

    def __init__(self, now: int = 1_800_000_000_000) -> None:
        self._now = now  # milliseconds

    def now(self) -> Millis:
        return Millis(self._now)

    def monotonic(self) -> float:
        return self._now / 1000

    def advance(self, seconds: float) -> None:
        self._now += round(seconds * 1000)
