"""Catch-ups and pages as frames: complete, in order, and within the size that clients are promised."""

from hypothesis import given
from hypothesis import strategies as st

from hubbub.domain.events import Event, MessageEdited, MessagePosted
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message
from hubbub.domain.texts import MAX_TEXT
from hubbub.realtime.frames import events_frame, joined_frame, page_frame, reset_frame
from hubbub.services.logs import Joined, ResetReason
from hubbub.services.messages import Page
from hubbub.wire import frames as wire
from hubbub.wire.codec import decode_server
from hubbub.wire.events import domain_event, message_body
from hubbub.wire.limits import Limits

ROOM = RoomId(9)
NOW = Millis(1_800_000_000_000)
TEXTS = st.text(st.sampled_from('a"\\\n\té\u4e2d\U0001f600'), min_size=1, max_size=60)
REFS = st.none() | st.integers(-(2**53) + 1, 2**53 - 1)


def message(seq: int, text: str) -> Message:
    return Message(ROOM, Seq(seq), UserId(1), NOW, text, client_id=f"c{seq}")


def joined_with(events: list[Event], *, more: bool = False, reset: ResetReason | None = None) -> Joined:
    head = Seq((events[-1].seq if events else 3) + more)
    return Joined(ROOM, "k3v9", head, Seq(1), Seq(2), Role.MEMBER, Seq(2), events, more, reset)


@given(st.lists(TEXTS, min_size=1, max_size=12), st.integers(300, 2000), REFS, st.booleans())
def test_a_catch_up_has_as_many_events_as_fit_and_says_whether_there_are_more(
    texts: list[str], max_bytes: int, ref: int | None, more: bool
) -> None:
    events: list[Event] = [MessagePosted(message(seq, text)) for seq, text in enumerate(texts, start=4)]
    payload, told_more = events_frame(joined_with(events, more=more), ref, max_bytes)
    frame = decode_server(payload)
    assert isinstance(frame, wire.Events)
    assert (frame.ref, frame.room_id, frame.more) == (ref, ROOM, told_more)
    sent = [domain_event(ROOM, body) for body in frame.events]
    assert sent == events[: len(sent)]
    assert len(payload) <= max_bytes or len(sent) == 1
    assert told_more is (more or len(sent) < len(events))
    if len(sent) < len(events):  # the next one would not have fitted
        longer = joined_with(events[: len(sent) + 1], more=len(sent) + 1 < len(events) or more)
        assert len(events_frame(longer, ref, 10**6)[0]) > max_bytes - 2


@given(st.lists(TEXTS, max_size=12), st.integers(300, 2000), REFS)
def test_a_page_has_the_newest_messages_that_fit(texts: list[str], max_bytes: int, ref: int | None) -> None:
    items = [message(seq, text) for seq, text in enumerate(texts, start=4)][::-1]
    payload = page_frame(ROOM, Page(items, Seq(99)), ref, max_bytes)
    frame = decode_server(payload)
    assert isinstance(frame, wire.Page)
    assert (frame.ref, frame.room_id, frame.head) == (ref, ROOM, 99)
    assert frame.items == [message_body(item) for item in items[: len(frame.items)]]
    assert frame.items or not items
    assert len(payload) <= max_bytes or len(frame.items) == 1


def test_the_largest_message_and_its_edit_fit_into_a_frame() -> None:
    text = '"' * MAX_TEXT  # each is escaped
    largest = Seq(2**53 - 1)
    edit = MessageEdited(ROOM, largest, UserId(largest), NOW, largest, text)
    posted = MessagePosted(
        Message(ROOM, largest, UserId(largest), NOW, text, "\u4e2d" * 64, largest, largest, NOW, NOW)
    )
    for event in (edit, posted):
        payload, _ = events_frame(joined_with([event]), 2**53 - 1, Limits().frame_bytes)
        assert len(payload) <= Limits().frame_bytes


def test_a_snapshot_without_events_has_no_replay() -> None:
    frame = decode_server(joined_frame(joined_with([]), 7))
    assert frame == wire.Joined(
        ref=7, room_id=ROOM, epoch="k3v9", head=Seq(3), base=Seq(1), read_seq=Seq(2), role=Role.MEMBER, replay=None
    )


def test_a_snapshot_with_events_says_from_where_to_where() -> None:
    frame = decode_server(joined_frame(joined_with([MessagePosted(message(4, "hi"))], more=True), None))
    assert isinstance(frame, wire.Joined)
    assert frame.replay == (4, 5)


def test_only_a_view_that_starts_anew_is_reset() -> None:
    assert reset_frame(joined_with([])) is None
    payload = reset_frame(joined_with([], reset=ResetReason.PRUNED))
    assert payload is not None
    assert decode_server(payload) == wire.Reset(room_id=ROOM, reason="pruned", head=Seq(3), base=Seq(1))
