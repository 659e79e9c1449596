"""The clock of a scenario."""

from hubbub.domain.ids import Millis


class StepClock:
    """Stands still until it is told to go on, so that every run of a scenario sees the same times."""

    def __init__(self, start: Millis) -> None:
        self._start = start
        self._seconds = 0

    def advance(self) -> None:
        """One second passes."""
        self._seconds += 1

    def now(self) -> Millis:
        return Millis(self._start + self._seconds * 1000)

    def monotonic(self) -> float:
        return float(self._seconds)
