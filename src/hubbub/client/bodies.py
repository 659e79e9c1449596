"""What REST answers with, where the wire has no body of the same form."""

from msgspec import Struct

from hubbub.client.results import Channel, Device, Membership, Profile, person
from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.domain.members import Member, Role
from hubbub.wire.frames import EventBody, MessageBody, RoomBody, UserBody
from hubbub.wire.times import parse_time


class ProfileBody(Struct, frozen=True, kw_only=True):
    id: UserId
    username: str
    display_name: str
    created_at: str
    email: str | None = None
    is_admin: bool = False
    disabled: bool = False

    def value(self) -> Profile:
        return Profile(
            id=self.id,
            username=self.username,
            display_name=self.display_name,
            created_at=parse_time(self.created_at),
            email=self.email,
            is_admin=self.is_admin,
            disabled=self.disabled,
        )


class SessionBody(Struct, frozen=True, kw_only=True):
    id: SessionId
    label: str
    created_at: str
    used_at: str
    expires_at: str
    current: bool

    def value(self) -> Device:
        return Device(
            id=self.id,
            label=self.label,
            created_at=parse_time(self.created_at),
            used_at=parse_time(self.used_at),
            expires_at=parse_time(self.expires_at),
            current=self.current,
        )


class ChannelBody(Struct, frozen=True, kw_only=True):
    id: RoomId
    name: str
    topic: str
    members: int
    created_at: str

    def value(self) -> Channel:
        return Channel(self.id, self.name, self.topic, self.members, parse_time(self.created_at))


class MemberBody(Struct, frozen=True, kw_only=True):
    user: UserBody
    role: Role
    joined_seq: Seq
    read_seq: Seq

    def value(self) -> Membership:
        return Membership(Member(self.user.id, self.role, self.joined_seq), person(self.user), self.read_seq)


class TicketBody(Struct, frozen=True, kw_only=True):
    ticket: str


class ReadBody(Struct, frozen=True, kw_only=True):
    read_seq: Seq


class ProfileList(Struct, frozen=True, kw_only=True):
    items: list[ProfileBody]
    next_cursor: str | None


class SessionList(Struct, frozen=True, kw_only=True):
    items: list[SessionBody]


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
    items: list[MessageBody]
    head: Seq


class EventTimeline(Struct, frozen=True, kw_only=True):
    items: list[EventBody]
    head: Seq
    epoch: str
