"""The clock that is not simulated."""

import time

from hubbub.domain.ids import Millis


class SystemClock:
    """The clock of this machine. Implements `ports.Clock`."""

    def now(self) -> Millis:
        return Millis(time.time_ns() // 1_000_000)

    def monotonic(self) -> float:
        return time.monotonic()
