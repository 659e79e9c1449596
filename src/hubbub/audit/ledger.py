"""What is known of every event, for the question whether two readers were told the same."""

from dataclasses import replace

from hubbub.domain.events import Event, MessageEdited, MessagePosted
from hubbub.domain.ids import RoomId, Seq
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom


class Ledger:
    """One entry for each event, compared with everything that is seen of it later.

    What an event says for ever must be equal at each sight. The text of a message may differ: read again, it is the one
    of that time, so that only texts of one version are compared, and a deletion empties them.
    """

    def __init__(self) -> None:
        self._lasting: dict[tuple[RoomId, Seq], int] = {}
        self._texts: dict[tuple[RoomId, Seq], int] = {}  # by the seq of the post or edit that made it

    def agrees(self, event: Event) -> bool:
        """Is this what was seen of this event before, if anything was?"""
        key = (event.room_id, event.seq)
        lasting = hash(_lasting(event))
        if self._lasting.setdefault(key, lasting) != lasting:
            return False
        words = _words(event)
        if words is None:
            return True
        version, text = words
        return self._texts.setdefault((event.room_id, version), hash(text)) == hash(text)

    def text_of(self, room_id: RoomId, seq: Seq) -> int | None:
        """The hash of the text that this post or edit made; None = nobody has seen it."""
        return self._texts.get((room_id, seq))


def _lasting(event: Event) -> Event:
    """The event without what may change when it is read again."""
    if isinstance(event, MessagePosted):
        message = event.message
        return MessagePosted(
            Message(message.room_id, message.seq, message.user_id, message.at, "", message.client_id, message.reply_to)
        )
    return replace(event, text="") if isinstance(event, MessageEdited) else event


def _words(event: Event) -> tuple[Seq, str] | None:
    """A text and the event that made it; None where there is none, or no longer."""
    if isinstance(event, MessagePosted) and not event.message.deleted:
        return event.message.version, event.message.text
    if isinstance(event, MessageEdited) and event.text:
        return event.seq, event.text
    return None


def state_of(room: ChatRoom) -> tuple[object, ...]:
    """Everything that a fold says, in a form that two folds can be compared in, whatever they came by."""
    return (
        room.id,
        room.kind,
        room.name,
        room.topic,
        room.history,
        room.head,
        room.created_at,
        room.last_at,
        room.deleted,
        sorted((member.user_id, member.role.value, member.joined_seq) for member in room.members.values()),
        [message for _, message in sorted(room.messages.items())],
    )
