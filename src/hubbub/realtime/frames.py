"""What services answer, as the frames of the wire. Frames stay within the size that is promised to clients."""

from collections.abc import Sequence

from msgspec.json import Encoder

from hubbub.domain.ids import RoomId
from hubbub.domain.users import Identity, User
from hubbub.services.cursors import encode_cursor
from hubbub.services.logs import Joined
from hubbub.services.messages import Page
from hubbub.services.ports import RoomSummary
from hubbub.wire import frames as wire
from hubbub.wire.codec import encode
from hubbub.wire.events import event_body, message_body
from hubbub.wire.limits import Limits
from hubbub.wire.times import format_time

HELLO_BYTES = 1024  # of `hello` without its rooms, at most

_encode = Encoder().encode


def hello_frame(
    connection_id: str,
    identity: Identity,
    epoch: str,
    limits: Limits,
    rooms: list[wire.RoomBody] | None,
    rooms_cursor: str | None,
) -> bytes:
    return encode(
        wire.Hello(
            protocol=wire.PROTOCOL,
            connection_id=connection_id,
            user=wire.UserBody(id=identity.user_id, username=identity.username, display_name=identity.display_name),
            epoch=epoch,
            heartbeat_ms=int(limits.heartbeat * 1000),
            limits=wire.LimitsBody(
                frame=limits.frame_bytes,
                inflight=limits.inflight,
                frame_rate=limits.frame_rate,
                frame_burst=limits.frame_burst,
            ),
            token_expires_at=format_time(identity.expires_at),
            rooms=rooms,
            rooms_cursor=rooms_cursor,
        )
    )


def joined_frame(joined: Joined, ref: int | None) -> bytes:
    first = joined.events[0].seq if joined.events else None
    return encode(
        wire.Joined(
            ref=ref,
            room_id=joined.room_id,
            epoch=joined.epoch,
            head=joined.head,
            base=joined.base,
            read_seq=joined.read_seq,
            role=joined.role,
            replay=None if first is None else (first, joined.head),
        )
    )


def reset_frame(joined: Joined) -> bytes | None:
    """What tells a client to drop its view before it goes on from `base`; None when it may keep it."""
    if joined.reset is None:
        return None
    return encode(wire.Reset(room_id=joined.room_id, reason=joined.reset.value, head=joined.head, base=joined.base))


def events_frame(joined: Joined, ref: int | None, max_bytes: int) -> tuple[bytes, bool]:
    """As many of the events as fit into one frame, at least one; and whether there are more."""
    head = b'{"type":"events",%b"room_id":%d,"more":' % (b"" if ref is None else b'"ref":%d,' % ref, joined.room_id)
    room_for = max_bytes - len(head) - len(b'false,"events":[]}')
    items = [_encode(event_body(event)) for event in joined.events]
    fitting = _fitting(items, room_for)
    more = joined.more or fitting < len(items)
    return b'%b%b,"events":[%b]}' % (head, b"true" if more else b"false", b",".join(items[:fitting])), more


def page_frame(room_id: RoomId, page: Page, ref: int | None, max_bytes: int) -> bytes:
    """As many of the messages as fit into one frame: the client asks for the next page from the last one it got."""
    head = b'{"type":"page",%b"room_id":%d,"head":%d,"items":[' % (
        b"" if ref is None else b'"ref":%d,' % ref,
        room_id,
        page.head,
    )
    items = [_encode(message_body(message)) for message in page.items]
    return b"%b%b]}" % (head, b",".join(items[: _fitting(items, max_bytes - len(head) - 2)]))


def room_body(summary: RoomSummary) -> wire.RoomBody:
    """A room in the list that `hello` brings."""
    peer, message, author = summary.peer, summary.last_message, summary.last_author
    return wire.RoomBody(
        id=summary.room_id,
        kind=summary.kind,
        name=summary.name,
        topic=summary.topic,
        head=summary.head,
        last_at=format_time(summary.last_at),
        base=summary.base,
        read_seq=summary.read_seq,
        unread=summary.unread,
        role=summary.role,
        peer=None if peer is None else user_body(peer),
        last_message=None if message is None else message_body(message),
        last_author=None if author is None else user_body(author),
    )


def hello_rooms(
    rooms: Sequence[RoomSummary], cursor: str | None, max_bytes: int
) -> tuple[list[wire.RoomBody], str | None]:
    """As many of the rooms as fit into `hello`, and the cursor of the next page (None = these are all)."""
    bodies = [room_body(room) for room in rooms]
    fitting = _fitting([_encode(body) for body in bodies], max_bytes - HELLO_BYTES)
    if fitting < len(rooms):
        cursor = encode_cursor(rooms[fitting - 1].last_at, rooms[fitting - 1].room_id)
    return bodies[:fitting], cursor


def user_body(user: User) -> wire.UserBody:
    """A person as others see them."""
    return wire.UserBody(
        id=user.id,
        username=user.username,
        display_name=user.display_name,
        disabled=user.disabled_at is not None,
    )


def _fitting(items: Sequence[bytes], room_for: int) -> int:
    """How many items fit, with a comma behind each; one always does, since a message is limited."""
    used = 0
    for count, item in enumerate(items):
        used += len(item) + 1
        if used > room_for and count > 0:
            return count
    return len(items)
