"""A message, in its current state."""

from dataclasses import dataclass

from hubbub.domain.ids import Millis, RoomId, Seq, UserId


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody said in a room.

    `seq` is the event that posted it and names it within its room. `version` is the seq of its last change, equal to
    `seq` while there was none: of two states of the same message the one with the higher version is the newer. A
    deleted message keeps its place with an empty text, so that a reader sees no hole.
    """

    room_id: RoomId
    seq: Seq
    user_id: UserId  # the author
    at: Millis
    text: str
    client_id: str | None = None
    reply_to: Seq | None = None
    version: Seq = Seq(0)  # 0 = seq
    edited_at: Millis | None = None
    deleted_at: Millis | None = None

    def __post_init__(self) -> None:
        if not self.version:
            object.__setattr__(self, "version", self.seq)

    @property
    def deleted(self) -> bool:
        return self.deleted_at is not None
