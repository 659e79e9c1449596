"""What REST answers with: the bodies of the wire where there is one, a few more of the same kind where there is not.

As on the wire, a field that is null or false by default is left out when it has that value; only `next_cursor` is
always there. A message always carries its `version` here.
"""

from msgspec import Struct
from msgspec.structs import replace

from hubbub.domain.events import Event
from hubbub.domain.ids import RoomId, Seq, SessionId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message
from hubbub.domain.users import Session, User
from hubbub.realtime.frames import room_body, user_body
from hubbub.services.accounts import Grant
from hubbub.services.logs import LogPage
from hubbub.services.messages import Page
from hubbub.services.ports import ChannelSummary, RoomSummary
from hubbub.services.rooms import Membership
from hubbub.services.users import Profile
from hubbub.wire.events import event_body, message_body
from hubbub.wire.frames import Body, EventBody, MessageBody, RoomBody, UserBody
from hubbub.wire.times import format_time


class ProfileBody(UserBody, frozen=True, kw_only=True):
    """A user; the e-mail address is there for its owner and for admins alone."""

    created_at: str
    email: str | None = None
    is_admin: bool = False


class GrantBody(Body, frozen=True, kw_only=True):
    """The tokens of a session (RFC 6749 5.1). A refresh token is good for one use."""

    access_token: str
    token_type: str
    expires_in: int  # seconds
    refresh_token: str


class TicketBody(Body, frozen=True, kw_only=True):
    """A word that opens one socket: `?ticket=`."""

    ticket: str


class SessionBody(Body, frozen=True, kw_only=True):
    """A device that is signed in; `current` is the one that asks."""

    id: SessionId
    label: str
    created_at: str
    used_at: str
    expires_at: str
    current: bool


class ChannelBody(Body, frozen=True, kw_only=True):
    """A channel in the directory."""

    id: RoomId
    name: str
    topic: str
    members: int
    created_at: str


class MemberBody(Body, frozen=True, kw_only=True):
    """A member of a room; `joined_seq` is the event of the current membership, and all up to `read_seq` is read."""

    user: UserBody
    role: Role
    joined_seq: Seq
    read_seq: Seq


class ReadBody(Body, frozen=True, kw_only=True):
    """How far you have read a room."""

    room_id: RoomId
    read_seq: Seq


class HealthBody(Body, frozen=True, kw_only=True):
    """`ok`, `degraded`, `draining` or `unavailable`; `warnings` are sentences for the server's owner."""

    status: str
    warnings: list[str]


class ProfileList(Struct, frozen=True, kw_only=True):
    items: list[ProfileBody]
    next_cursor: str | None


class SessionList(Struct, frozen=True, kw_only=True):
    items: list[SessionBody]
    next_cursor: str | None


class RoomList(Struct, frozen=True, kw_only=True):
    items: list[RoomBody]
    next_cursor: str | None


class ChannelList(Struct, frozen=True, kw_only=True):
    items: list[ChannelBody]
    next_cursor: str | None


class MemberList(Struct, frozen=True, kw_only=True):
    items: list[MemberBody]
    next_cursor: str | None


class MessageTimeline(Struct, frozen=True, kw_only=True):
    """Messages, newest first, as they were when the room's log ended at `head`."""

    items: list[MessageBody]
    head: Seq


class EventTimeline(Struct, frozen=True, kw_only=True):
    """Events, oldest first. The last one is below `head` when there are more; `epoch` names the log."""

    items: list[EventBody]
    head: Seq
    epoch: str


def profile_shape(profile: Profile | User) -> ProfileBody:
    """A profile as its viewer may see it; a whole user is for their own eyes and for admins'."""
    return ProfileBody(
        id=profile.id,
        username=profile.username,
        display_name=profile.display_name,
        email=profile.email,
        is_admin=profile.is_admin,
        disabled=profile.disabled_at is not None,
        created_at=format_time(profile.created_at),
    )


def grant_shape(grant: Grant) -> GrantBody:
    return GrantBody(
        access_token=grant.access_token,
        token_type="bearer",  # noqa: S106 - the scheme, not a secret
        expires_in=grant.expires_in,
        refresh_token=grant.refresh_token,
    )


def session_shape(session: Session, current: SessionId) -> SessionBody:
    return SessionBody(
        id=session.id,
        label=session.label,
        created_at=format_time(session.created_at),
        used_at=format_time(session.used_at),
        expires_at=format_time(session.expires_at),
        current=session.id == current,
    )


def room_shape(summary: RoomSummary) -> RoomBody:
    body = room_body(summary)
    if summary.last_message is None:
        return body
    return replace(body, last_message=message_shape(summary.last_message))


def channel_shape(channel: ChannelSummary) -> ChannelBody:
    return ChannelBody(
        id=channel.room_id,
        name=channel.name,
        topic=channel.topic,
        members=channel.members,
        created_at=format_time(channel.created_at),
    )


def member_shape(membership: Membership) -> MemberBody:
    member = membership.member
    return MemberBody(
        user=user_body(membership.user),
        role=member.role,
        joined_seq=member.joined_seq,
        read_seq=membership.read_seq,
    )


def message_shape(message: Message) -> MessageBody:
    return replace(message_body(message), version=message.version)


def message_timeline(page: Page) -> MessageTimeline:
    return MessageTimeline(items=[message_shape(message) for message in page.items], head=page.head)


def event_timeline(page: LogPage) -> EventTimeline:
    return EventTimeline(items=[_event_shape(event) for event in page.items], head=page.head, epoch=page.epoch)


def _event_shape(event: Event) -> EventBody:
    body = event_body(event)
    if body.message is None or body.message.version is not None:
        return body
    return replace(body, message=replace(body.message, version=body.seq))
