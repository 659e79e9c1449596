"""What the live connection needs from outside, as protocols: a socket, a token, a page of the log.

`connect` fills them with real ones. A test or a simulation brings its own, and nothing else reaches out: times come
from the running event loop alone.
"""

from dataclasses import dataclass, field
from typing import Protocol

from hubbub.client.results import LogPage, Membership, RoomSummary
from hubbub.domain.ids import RoomId, Seq

PAGE = 200  # items that are read at once: the most that a server gives


class ConnectionEnded(Exception):
    """A socket is closed: `code` as in RFC 6455 7.4, 1006 where there was no close frame."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class Socket(Protocol):
    """An open WebSocket. One task receives, another one sends."""

    async def send(self, data: bytes) -> None:
        """Send a text frame, and wait while too much is on its way. Raise ConnectionEnded."""
        ...

    async def recv(self) -> str | bytes:
        """The next message, whole. Raise ConnectionEnded."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close it. `recv` and `send` raise ConnectionEnded from then on."""
        ...


class Connector(Protocol):
    async def connect(self, token: str) -> Socket:
        """Open a socket to all rooms of the user whose access token this is. Raise ConnectionEnded, OSError."""
        ...


@dataclass(frozen=True, slots=True)
class AccessToken:
    value: str = field(repr=False)
    expires_at: float | None = None  # time of the event loop; None = not known here


class Credentials(Protocol):
    """Where access tokens come from. Both raise a ChatError when there is none, Unreachable when that is not known."""

    async def token(self) -> AccessToken:
        """The current one."""
        ...

    async def renew(self, rejected: str) -> AccessToken:
        """Another one than this; whoever asks at the same time gets the same."""
        ...


class Reader(Protocol):
    """What is read over REST. Raise ChatError, ClientError."""

    async def events(self, room_id: RoomId, *, after: Seq, limit: int = PAGE, epoch: str | None = None) -> LogPage:
        """Events with a seq above `after`, oldest first.

        Raise Conflict when `after` is a position in the log of another epoch (None = of any).
        """
        ...

    async def room(self, room_id: RoomId) -> RoomSummary:
        """A room as its member sees it."""
        ...

    async def members(self, room_id: RoomId) -> list[Membership]:
        """All members of a room."""
        ...
