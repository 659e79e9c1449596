"""One story for the examples of the documentation: Ann, user 2, in room 9 with Ben."""

from hubbub.domain.events import MessageDeleted, MessageEdited, MessagePosted, RoomKind
from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.domain.members import Role
from hubbub.web import shapes
from hubbub.wire.frames import EventBody, MessageBody, RoomBody, UserBody

_AT = "2026-11-22T09:00:00.000Z"
_LATER = "2026-11-22T09:01:30.250Z"
_ANN, _BEN, _ROOM = UserId(2), UserId(3), RoomId(9)

_USER = UserBody(id=_ANN, username="ann", display_name="Ann Lee")
_PEER = UserBody(id=_BEN, username="ben", display_name="Ben Okri")

PROFILE = shapes.ProfileBody(id=_ANN, username="ann", display_name="Ann Lee", email="ann@example.org", created_at=_AT)
_OTHER_PROFILE = shapes.ProfileBody(id=_BEN, username="ben", display_name="Ben Okri", created_at=_AT)
DISABLED_PROFILE = shapes.ProfileBody(
    id=_BEN, username="ben", display_name="Ben Okri", email="ben@example.org", created_at=_AT, disabled=True
)
PROFILES = shapes.ProfileList(items=[PROFILE, _OTHER_PROFILE], next_cursor="YmVu")

_JWT = "eyJhbGciOiJIUzI1NiJ9…"
_SCHEME = "bearer"
GRANT = shapes.GrantBody(access_token=_JWT, token_type=_SCHEME, expires_in=900, refresh_token=_JWT)
TICKET = shapes.TicketBody(ticket="kX3cN0pD2r8mQyZ1aJ7v")
SESSIONS = shapes.SessionList(
    items=[
        shapes.SessionBody(
            id=SessionId(7),
            label="Ann's laptop",
            created_at=_AT,
            used_at=_LATER,
            expires_at="2026-12-22T09:01:30.250Z",
            current=True,
        )
    ],
    next_cursor=None,
)

MESSAGE = MessageBody(
    room_id=_ROOM,
    seq=Seq(415),
    user_id=_ANN,
    at=_AT,
    text="The first tomato is ripe.",
    client_id="7d1f0c9a",
    reply_to=Seq(412),
    version=Seq(415),
)
EDITED_MESSAGE = MessageBody(
    room_id=_ROOM,
    seq=Seq(415),
    user_id=_ANN,
    at=_AT,
    text="The first two tomatoes are ripe.",
    client_id="7d1f0c9a",
    version=Seq(417),
    edited_at=_LATER,
)
MESSAGES = shapes.MessageTimeline(items=[EDITED_MESSAGE], head=Seq(418))
EVENTS = shapes.EventTimeline(
    epoch="k3v9",
    items=[
        EventBody(
            seq=Seq(415),
            kind=MessagePosted.kind,
            user_id=_ANN,
            at=_AT,
            client_id=EDITED_MESSAGE.client_id,
            message=EDITED_MESSAGE,
        ),
        EventBody(
            seq=Seq(417),
            kind=MessageEdited.kind,
            user_id=_ANN,
            at=_LATER,
            target=Seq(415),
            text=EDITED_MESSAGE.text,
        ),
        EventBody(seq=Seq(418), kind=MessageDeleted.kind, user_id=_BEN, at=_LATER, target=Seq(416)),
    ],
    head=Seq(418),
)

ROOM = RoomBody(
    id=_ROOM,
    kind=RoomKind.GROUP,
    name="Garden",
    topic="Tomatoes and their enemies",
    head=Seq(415),
    last_at=_AT,
    base=Seq(0),
    read_seq=Seq(410),
    unread=3,
    role=Role.OWNER,
    last_message=MESSAGE,
    last_author=_USER,
)
DIRECT_ROOM = RoomBody(
    id=RoomId(12),
    kind=RoomKind.DIRECT,
    name="",
    topic="",
    head=Seq(3),
    last_at=_AT,
    base=Seq(0),
    read_seq=Seq(3),
    unread=0,
    role=Role.MEMBER,
    peer=_PEER,
)
ROOMS = shapes.RoomList(items=[ROOM, DIRECT_ROOM], next_cursor=None)
CHANNELS = shapes.ChannelList(
    items=[shapes.ChannelBody(id=RoomId(4), name="general", topic="", members=57, created_at=_AT)], next_cursor="NA"
)
MEMBER = shapes.MemberBody(user=_PEER, role=Role.MEMBER, joined_seq=Seq(3), read_seq=Seq(410))
MEMBERS = shapes.MemberList(
    items=[shapes.MemberBody(user=_USER, role=Role.OWNER, joined_seq=Seq(2), read_seq=Seq(414)), MEMBER],
    next_cursor=None,
)
READ = shapes.ReadBody(room_id=_ROOM, read_seq=Seq(415))

HEALTHY = shapes.HealthBody(status="ok", warnings=[])
DRAINING = shapes.HealthBody(status="draining", warnings=[])
STREAM = 'id: k3v9:416\nevent: event\ndata: {"type":"event","room_id":9,"seq":416,"kind":"message.deleted",…}\n\n'
