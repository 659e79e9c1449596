"""What may happen in a room, before it is decided, and what has become of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from hubbub.domain.errors import ChatError
from hubbub.domain.events import Event
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.rooms import ChatRoom
from hubbub.domain.texts import check_client_id

Decide: TypeAlias = Callable[[ChatRoom, Millis], tuple[Event, ...]]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a message is to say: by this a repeat of a client_id is told from another message.

    Raise Invalid for a client_id that no message can have, so that no store is asked for it.
    """

    text: str
    client_id: str | None = None
    reply_to: Seq | None = None

    def __post_init__(self) -> None:
        if self.client_id is not None:
            check_client_id(self.client_id)


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Something that `user_id` wants to happen in an existing room.

    `decide(room, at)` is pure and may be called more than once. The room it gets holds the actor and `members` as far
    as they are members, and the messages at `targets` as far as they exist. `new_users` must exist, or it is refused.
    """

    room_id: RoomId
    user_id: UserId
    decide: Decide
    members: tuple[UserId, ...] = ()
    targets: tuple[Seq, ...] = ()
    new_users: tuple[UserId, ...] = ()
    draft: Draft | None = None
    text: str = ""  # that a message is to have from now on; nobody has looked at it yet


@dataclass(frozen=True, slots=True, eq=False)
class Founding:
    """The creation of a room. With a `pair` it is answered with the room of these two if they have one."""

    user_id: UserId
    decide: Decide
    new_users: tuple[UserId, ...] = ()
    pair: tuple[UserId, UserId] | None = None
    text: ClassVar[str] = ""  # its name is no burden


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change. `duplicate`: nothing happened now, and `events` holds what the first one did."""

    room_id: RoomId
    events: tuple[Event, ...]
    duplicate: bool = False


Answer: TypeAlias = Outcome | ChatError
Done: TypeAlias = Callable[[Answer], None]
