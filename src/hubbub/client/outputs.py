"""What the core asks its shell to do, and tells it: plain values, in the order in which they count."""

from dataclasses import dataclass
from typing import TypeAlias

from hubbub.domain.events import Event
from hubbub.domain.ids import RoomId, Seq
from hubbub.wire import frames as wire

# To do


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a socket after `delay` seconds, then call `connected` or `lost`."""

    delay: float


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send a text frame."""

    data: bytes


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close the socket. Whatever still comes from it does not count: do not report it."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Renew:
    """Get another access token, then call `renewed` or `not_renewed`."""


# To know


@dataclass(frozen=True, slots=True)
class Welcomed:
    hello: wire.Hello


@dataclass(frozen=True, slots=True)
class Joined:
    """The server lets us follow a room; its events go on after `position`."""

    frame: wire.Joined
    position: Seq


@dataclass(frozen=True, slots=True)
class Applied:
    """The next event of a room. None stands for a kind that this release does not know: only its seq counts."""

    room_id: RoomId
    seq: Seq
    event: Event | None


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """A room is live: everything up to its head was applied."""

    room_id: RoomId


@dataclass(frozen=True, slots=True)
class Reset:
    """What was applied of a room no longer counts; its events go on after `base`."""

    room_id: RoomId
    reason: str
    base: Seq


@dataclass(frozen=True, slots=True)
class Ended:
    """A room is not followed any more.

    `error` says why it was refused, or what was missed before a removal; None: the user was removed, nothing missed.
    """

    room_id: RoomId
    error: Exception | None


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of an exchange."""

    key: int
    answer: wire.Ack | wire.Page | Exception


@dataclass(frozen=True, slots=True)
class Signalled:
    signal: wire.Signal


@dataclass(frozen=True, slots=True)
class Stopped:
    """The connection is over and will not come back."""

    error: Exception


Output: TypeAlias = (
    Connect
    | Transmit
    | HangUp
    | Renew
    | Welcomed
    | Joined
    | Applied
    | CaughtUp
    | Reset
    | Ended
    | Answered
    | Signalled
    | Stopped
)
