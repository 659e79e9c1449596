"""ChatRoom: the fold of a room's log, and the one place where a room's rules are decided.

Two kinds of methods, and no method is both:

- **decide** (`create`, `post`, `edit`, `delete`, …) checks permission and rules and returns the events that would
  happen. It changes nothing, and raises a `ChatError` when the answer is no.
- **apply** (`apply`) takes an event that did happen. It changes the room and never refuses.

Nothing here waits, stores or sends. The simulator, the in-memory store, the journal, a client's view of a room and the
auditor all use this class. It may be loaded in part: `decide` looks only at the room itself, at the members it names
and at the messages it targets, so the journal loads just these.
"""

from collections.abc import Collection
from dataclasses import replace

from hubbub.domain.errors import Conflict, Forbidden, Invalid, NotFound
from hubbub.domain.events import (
    Event,
    History,
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
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Member, Role
from hubbub.domain.messages import Message
from hubbub.domain.permissions import (
    Action,
    base,
    can_delete,
    can_edit,
    can_grant,
    can_join,
    can_remove,
    outsider_error,
    require_action,
    room_not_found,
)
from hubbub.domain.texts import check_client_id, check_name, check_text, check_topic

MAX_FIRST_MEMBERS = 200  # people asked in while a room is created; more can be added later


class ChatRoom:
    """A room's state after its first `head` events. A new one has none: `create` decides the first."""

    __slots__ = (
        "created_at",
        "deleted",
        "head",
        "history",
        "id",
        "kind",
        "last_at",
        "members",
        "messages",
        "name",
        "topic",
    )

    def __init__(self, id: RoomId) -> None:
        self.id = id
        self.kind = RoomKind.GROUP
        self.name = ""  # always empty in a direct room: it is called after the other person
        self.topic = ""
        self.history = History.ALL
        self.head = Seq(0)
        self.created_at = Millis(0)
        self.last_at = Millis(0)  # when its last event happened
        self.deleted = False
        self.members: dict[UserId, Member] = {}
        self.messages: dict[Seq, Message] = {}

    def __repr__(self) -> str:
        return f"ChatRoom(id={self.id}, kind={self.kind.value!r}, name={self.name!r}, head={self.head})"

    # Who is asking

    def require(self, user_id: UserId, action: Action) -> Member:
        """The member `user_id`, who may do this; raise NotFound or Forbidden otherwise."""
        if self.deleted:
            raise room_not_found(self.id)
        return require_action(self.id, self.kind, self.members.get(user_id), action)

    def base(self, user_id: UserId) -> Seq:
        """The last seq before what this member may read."""
        return base(self.history, self.require(user_id, Action.READ))

    # Decide: what would happen

    def create(
        self,
        user_id: UserId,
        kind: RoomKind,
        *,
        name: str = "",
        topic: str = "",
        history: History = History.ALL,
        member_ids: Collection[UserId] = (),
        at: Millis = Millis(0),
    ) -> tuple[Event, ...]:
        """The founding of an empty room: its creation, its creator (the owner) and its first members, in this order."""
        others = [member_id for member_id in dict.fromkeys(member_ids) if member_id != user_id]
        if kind is RoomKind.DIRECT:
            if len(others) != 1:
                raise Invalid("a direct room is between two different people", field="user_id")
            name, topic = "", ""
        else:
            check_name(name)
            check_topic(topic)
        if len(others) > MAX_FIRST_MEMBERS:
            raise Invalid(f"at most {MAX_FIRST_MEMBERS} members can be added at once", field="member_ids")
        first_role = Role.MEMBER if kind is RoomKind.DIRECT else Role.OWNER
        events: list[Event] = [
            RoomCreated(self.id, Seq(1), user_id, at, kind, name, topic, history),
            MemberJoined(self.id, Seq(2), user_id, at, user_id, first_role),
        ]
        for seq, member_id in enumerate(others, start=3):
            events.append(MemberJoined(self.id, Seq(seq), user_id, at, member_id, Role.MEMBER))
        return tuple(events)

    def post(
        self,
        user_id: UserId,
        text: str,
        *,
        client_id: str | None = None,
        reply_to: Seq | None = None,
        at: Millis = Millis(0),
    ) -> MessagePosted:
        """`user_id` says `text`; always one event."""
        member = self.require(user_id, Action.POST)
        check_text(text)
        if client_id is not None:
            check_client_id(client_id)
        if reply_to is not None and (reply_to not in self.messages or reply_to <= base(self.history, member)):
            raise Invalid(f"reply_to: there is no message {reply_to} in this room", field="reply_to")
        return MessagePosted(Message(self.id, self._next(), user_id, at, text, client_id, reply_to))

    def edit(self, user_id: UserId, target: Seq, text: str, *, at: Millis = Millis(0)) -> tuple[Event, ...]:
        """The author changes what a message says; nothing happens when it says so already."""
        member, message = self._target(user_id, target)
        if not can_edit(member, message):
            raise Forbidden("you may not edit a message of somebody else")
        if message.deleted:
            raise Conflict("a deleted message can't be edited")
        check_text(text)
        if text == message.text:
            return ()
        return (MessageEdited(self.id, self._next(), user_id, at, target, text),)

    def delete(self, user_id: UserId, target: Seq, *, at: Millis = Millis(0)) -> tuple[Event, ...]:
        """A message loses its text; nothing happens when it has lost it already."""
        member, message = self._target(user_id, target)
        if not can_delete(self.kind, member, message):
            raise Forbidden("you may not delete a message of somebody else")
        if message.deleted:
            return ()
        return (MessageDeleted(self.id, self._next(), user_id, at, target),)

    def join(self, user_id: UserId, *, at: Millis = Millis(0)) -> tuple[Event, ...]:
        """Somebody comes into a channel by themselves; nothing happens when they are a member already."""
        if self.deleted:
            raise room_not_found(self.id)
        if user_id in self.members:
            return ()
        if not can_join(self.kind):
            raise outsider_error(self.id, self.kind)
        return (MemberJoined(self.id, self._next(), user_id, at, user_id, Role.MEMBER),)

    def add_member(
        self, user_id: UserId, member_id: UserId, role: Role = Role.MEMBER, *, at: Millis = Millis(0)
    ) -> tuple[Event, ...]:
        """Somebody asks another in; nothing happens when they are a member in that role already."""
        actor = self.require(user_id, Action.ADD_MEMBER)
        if member_id in self.members:
            return self.change_role(user_id, member_id, role, at=at)
        if not can_grant(actor, role):
            raise Forbidden(f"you may not add somebody as {role.value}")
        return (MemberJoined(self.id, self._next(), user_id, at, member_id, role),)

    def remove_member(self, user_id: UserId, member_id: UserId, *, at: Millis = Millis(0)) -> tuple[Event, ...]:
        """Somebody leaves, or is removed by one of a higher role."""
        if user_id == member_id:
            member = self.require(user_id, Action.LEAVE)
            if member.role is Role.OWNER:
                raise Conflict("the owner can't leave: make another member the owner first, or delete the room")
        else:
            actor = self.require(user_id, Action.REMOVE_MEMBER)
            target = self._member(member_id)
            if not can_remove(actor, target):
                raise Forbidden(f"you may not remove a member whose role is {target.role.value}")
        return (MemberLeft(self.id, self._next(), user_id, at, member_id),)

    def change_role(
        self, user_id: UserId, member_id: UserId, role: Role, *, at: Millis = Millis(0)
    ) -> tuple[Event, ...]:
        """The owner changes a role. Making another the owner hands the room over: the old owner becomes an admin."""
        actor = self.require(user_id, Action.READ)
        target = self._member(member_id)
        if target.role is role:
            return ()
        self.require(user_id, Action.CHANGE_ROLE)
        if target.user_id == actor.user_id:
            raise Conflict("the owner's role can't be changed: make another member the owner instead")
        changed: tuple[Event, ...] = (MemberRoleChanged(self.id, self._next(), user_id, at, member_id, role),)
        if role is Role.OWNER:
            changed += (MemberRoleChanged(self.id, Seq(self.head + 2), user_id, at, user_id, Role.ADMIN),)
        return changed

    def change(
        self, user_id: UserId, *, name: str | None = None, topic: str | None = None, at: Millis = Millis(0)
    ) -> tuple[Event, ...]:
        """A new name or topic, or both; None leaves it. Nothing happens when both are as they were."""
        self.require(user_id, Action.CHANGE_ROOM)
        new_name = self.name if name is None else check_name(name)
        new_topic = self.topic if topic is None else check_topic(topic)
        if (new_name, new_topic) == (self.name, self.topic):
            return ()
        return (RoomChanged(self.id, self._next(), user_id, at, new_name, new_topic),)

    def close(self, user_id: UserId, *, at: Millis = Millis(0)) -> tuple[Event, ...]:
        """The owner deletes the room."""
        self.require(user_id, Action.DELETE_ROOM)
        return (RoomDeleted(self.id, self._next(), user_id, at),)

    # Apply: what did happen

    def apply(self, event: Event) -> None:
        """Take the next event. What it refers to and is not loaded is passed over."""
        self.head = event.seq
        self.last_at = event.at
        match event:
            case MessagePosted(message):
                self.messages[message.seq] = message
            case MessageEdited():
                self._revise(event.target, event.seq, event.at, event.text)
            case MessageDeleted():
                self._revise(event.target, event.seq, event.at, None)
            case MemberJoined():
                self.members[event.member_id] = Member(event.member_id, event.role, event.seq)
            case MemberLeft():
                self.members.pop(event.member_id, None)
            case MemberRoleChanged():
                member = self.members.get(event.member_id)
                if member is not None:
                    self.members[event.member_id] = replace(member, role=event.role)
            case RoomCreated():
                self.kind, self.history, self.created_at = event.room_kind, event.history, event.at
                self.name, self.topic = event.name, event.topic
            case RoomChanged():
                self.name, self.topic = event.name, event.topic
            case RoomDeleted():  # pragma: no branch
                self.deleted = True
                self.members.clear()

    def _revise(self, target: Seq, version: Seq, at: Millis, text: str | None) -> None:
        """Edit (a text) or delete (None) a message, unless it already shows this change or a later one.

        A replayed `message.posted` carries the message as it is now; the edits behind it must not take it back.
        """
        message = self.messages.get(target)
        if message is None or message.version >= version:
            return
        if text is None:
            self.messages[target] = replace(message, text="", version=version, deleted_at=at)
        else:
            self.messages[target] = replace(message, text=text, version=version, edited_at=at)

    # What both need

    def _next(self) -> Seq:
        return Seq(self.head + 1)

    def _target(self, user_id: UserId, target: Seq) -> tuple[Member, Message]:
        member = self.require(user_id, Action.READ)
        message = self.messages.get(target)
        if message is None or target <= base(self.history, member):
            raise NotFound(f"there is no message {target} in room {self.id}")
        return member, message

    def _member(self, user_id: UserId) -> Member:
        member = self.members.get(user_id)
        if member is None:
            raise NotFound(f"user {user_id} is not a member of room {self.id}")
        return member
