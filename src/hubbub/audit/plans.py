"""What a live audit is to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`rate` is messages a second, of all clients together."""

    url: str
    clients: int
    rooms: int
    seconds: float
    rate: float
    tokens: tuple[str, ...] = ()  # access tokens of the clients; without them, new users register
    patience: float = 120.0  # seconds for which requests are repeated, and answers and last events are waited for
