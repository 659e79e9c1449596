"""What clients asked for, as they asked for it, and what they were told became of it."""

from dataclasses import dataclass
from typing import TypeAlias

from hubbub.domain.events import MessageDeleted, MessageEdited, MessagePosted
from hubbub.domain.ids import RoomId, Seq

Change: TypeAlias = MessagePosted | MessageEdited | MessageDeleted
"""Something acknowledged: with the words that the client sent, at the seq and the time that it was told."""


@dataclass(frozen=True, slots=True)
class Needless:
    """A change that was acknowledged without a seq: the message is said to have been so already."""

    room_id: RoomId
    target: Seq
    text: str | None  # None = it was to be deleted
