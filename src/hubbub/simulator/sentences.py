"""Events and messages in words."""

from collections.abc import Mapping, Sequence

from hubbub.domain.events import (
    Event,
    MemberJoined,
    MemberLeft,
    MemberRoleChanged,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    RoomChanged,
    RoomCreated,
    RoomDeleted,
    RoomKind,
)
from hubbub.domain.ids import Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message


def people_of(event: Event) -> tuple[UserId, ...]:
    """Everybody whose name `describe` needs."""
    match event:
        case MemberJoined() | MemberLeft() | MemberRoleChanged():
            return event.user_id, event.member_id
        case _:
            return (event.user_id,)


def describe(event: Event, names: Mapping[UserId, str]) -> str:
    """What happened, in one sentence that begins with who did it."""
    who = names[event.user_id]
    match event:
        case RoomCreated(room_kind=RoomKind.DIRECT):
            return f"{who} opened a direct room"
        case RoomCreated():
            return f'{who} created the {event.room_kind.value} "{event.name}"'
        case RoomChanged():
            return f'{who} changed the room: name "{event.name}", topic "{event.topic}"'
        case RoomDeleted():
            return f"{who} deleted the room"
        case MemberJoined():
            did = "joined" if event.member_id == event.user_id else f"added {names[event.member_id]}"
            return f"{who} {did}" if event.role is Role.MEMBER else f"{who} {did} as {event.role.value}"
        case MemberLeft():
            return f"{who} left" if event.member_id == event.user_id else f"{who} removed {names[event.member_id]}"
        case MemberRoleChanged():
            return f"{who} made {names[event.member_id]} {event.role.value}"
        case MessagePosted():
            return describe_message(event.message, names)
        case MessageEdited():
            return f"{who} edited [{event.target}]: {event.text}"
        case MessageDeleted():
            return f"{who} deleted [{event.target}]"


def describe_message(message: Message, names: Mapping[UserId, str]) -> str:
    """A message as it is now."""
    author = names[message.user_id]
    if message.deleted:
        return f"{author}: (deleted)"
    return f"{author}: {message.text}" + (" (edited)" if message.edited_at is not None else "")


def describe_seqs(seqs: Sequence[Seq]) -> str:
    """From where to where a log goes, and whether anything is missing in between. There is at least one."""
    missing = seqs[-1] - seqs[0] + 1 - len(seqs)
    return f"{seqs[0]}..{seqs[-1]} " + (f"with {missing} missing" if missing else "without a hole")
