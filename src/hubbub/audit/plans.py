"""What a live audit is to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`rate` is messages a second, of all clients together; `urls` are nodes of one server."""

    urls: tuple[str, ...]  # each connection is made to one of them, drawn by lot
    clients: int
    rooms: int
    rooms_each: int | None = None  # of each client; None = all
    seconds: float
    rate: float
    tokens: tuple[str, ...] = ()  # access tokens of the clients; without them, new users register
    patience: float = 120.0  # seconds for which requests are repeated, and answers and last events are waited for
