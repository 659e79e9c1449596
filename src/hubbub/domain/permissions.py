"""Who may do what. No other module compares roles.

An outsider is told *not found*: that a room exists is already a secret. A channel is the exception, since the directory
lists it; there an outsider is told to join. A member without the right is told *forbidden*.
"""

from collections.abc import Collection
from dataclasses import replace
from enum import Enum

from hubbub.domain.errors import ChatError, Conflict, Forbidden, NotFound
from hubbub.domain.events import Event, History, MessageEdited, RoomKind
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.domain.members import Member, Role
from hubbub.domain.messages import Message
from hubbub.domain.users import User


class Action(Enum):
    """What a member can want to do; the value completes the sentence *you may not …*."""

    READ = "read this room"
    POST = "post in this room"
    CHANGE_ROOM = "change the name or the topic of this room"
    ADD_MEMBER = "add members to this room"
    REMOVE_MEMBER = "remove members from this room"
    CHANGE_ROLE = "change roles in this room"
    LEAVE = "leave this room"
    DELETE_ROOM = "delete this room"


LEAST_ROLE = {
    Action.READ: Role.MEMBER,
    Action.POST: Role.MEMBER,
    Action.LEAVE: Role.MEMBER,
    Action.CHANGE_ROOM: Role.ADMIN,
    Action.ADD_MEMBER: Role.ADMIN,
    Action.REMOVE_MEMBER: Role.ADMIN,
    Action.CHANGE_ROLE: Role.OWNER,
    Action.DELETE_ROOM: Role.OWNER,
}

# A direct room is its two people for ever: nobody is added or leaves, and it has no name of its own.
IN_DIRECT_ROOMS = frozenset({Action.READ, Action.POST})


def outsider_error(room_id: RoomId, kind: RoomKind) -> ChatError:
    """What somebody who is not a member is told, whatever they asked for."""
    if kind is RoomKind.CHANNEL:
        return Forbidden(f"you are not a member of channel {room_id}: join it first")
    return room_not_found(room_id)


def room_not_found(room_id: RoomId) -> ChatError:
    """The same words for a room that never was, one that is gone, and one that is none of your business."""
    return NotFound(f"there is no room {room_id}")


def require_action(room_id: RoomId, kind: RoomKind, member: Member | None, action: Action) -> Member:
    """The member, who may do this; raise NotFound or Forbidden otherwise."""
    if member is None:
        raise outsider_error(room_id, kind)
    if kind is RoomKind.DIRECT and action not in IN_DIRECT_ROOMS:
        raise Forbidden(f"you may not {action.value}: it is a direct room")
    if member.role.rank < LEAST_ROLE[action].rank:
        raise Forbidden(f"you may not {action.value}")
    return member


def can_join(kind: RoomKind) -> bool:
    """May anyone become a member without being asked in?"""
    return kind is RoomKind.CHANNEL


def can_edit(member: Member, message: Message) -> bool:
    """May this member change what the message says? Its author alone: nobody puts words into another's mouth."""
    return message.user_id == member.user_id


def can_delete(kind: RoomKind, member: Member, message: Message) -> bool:
    """May this member delete the message? Its author, and in groups and channels whoever keeps order there."""
    if message.user_id == member.user_id:
        return True
    return kind is not RoomKind.DIRECT and member.role.rank >= Role.ADMIN.rank


def can_remove(actor: Member, target: Member) -> bool:
    """May the actor remove the target? Only somebody of a lower role."""
    return actor.role.rank > target.role.rank


def can_grant(actor: Member, role: Role) -> bool:
    """May the actor add somebody in this role? Only in a role below their own."""
    return actor.role.rank > role.rank


def base(history: History, member: Member) -> Seq:
    """The last seq *before* what this member may read; 0 = they may read everything."""
    return Seq(0) if history is History.ALL else Seq(member.joined_seq - 1)


def seen_by(event: Event, base: Seq) -> Event:
    """What of an event may a member see who may read what comes after `base`?

    All of it, and of an edit to an older message only that there was one: a seq must not be missing.
    """
    if isinstance(event, MessageEdited) and event.target <= base:
        return replace(event, text="")
    return event


def can_see_profile_email(viewer_id: UserId, viewer_is_admin: bool, user_id: UserId) -> bool:
    """May the viewer see this user's e-mail address?"""
    return viewer_is_admin or viewer_id == user_id


def can_find_disabled(viewer_is_admin: bool) -> bool:
    """Does a search show the viewer accounts that are disabled? To everybody else they are of no use."""
    return viewer_is_admin


def require_enabled(user: User) -> None:
    """Raise Forbidden when nobody may sign in to this account."""
    if user.disabled_at is not None:
        raise Forbidden("this account is disabled: ask whoever runs this server")


def require_administrator(is_admin: bool) -> None:
    """Raise Forbidden for who may not look after other people's accounts."""
    if not is_admin:
        raise Forbidden("you are not an administrator of this server")


def require_other(actor_id: UserId, user_id: UserId) -> None:
    """Raise Forbidden for who would lock themselves out."""
    if actor_id == user_id:
        raise Forbidden("you may not disable your own account: another administrator may")


def require_another_administrator(user_id: UserId, administrators: Collection[UserId]) -> None:
    """Raise Conflict when nobody else is left to administer the server; `administrators` are those who can sign in."""
    if set(administrators) == {user_id}:
        raise Conflict("this is the last administrator who can sign in: appoint another one first")
