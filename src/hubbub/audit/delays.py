"""How long messages are on their way: from the call that says one to each client that is told it."""

import time
from collections.abc import Callable


class Delays:
    """What was said when, and when it came to each of those who were to be told."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.deliveries: list[tuple[float, float]] = []  # when it came, and the seconds since it was said
        self._now = now
        self._said: dict[str, float] = {}  # by client_id

    def said(self, client_id: str) -> None:
        self._said[client_id] = self._now()

    def came(self, client_id: str) -> None:
        """A client was told it for the first time; what was not said in this audit is passed over."""
        said = self._said.get(client_id)
        if said is not None:
            now = self._now()
            self.deliveries.append((now, now - said))
