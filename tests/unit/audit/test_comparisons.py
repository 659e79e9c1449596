"""Every fault of a server that the live audit is for, planted in what clients received."""

import pytest

from hubbub.audit.comparisons import RoomLog
from hubbub.audit.delays import Delays
from hubbub.audit.edges import Edge
from hubbub.audit.findings import Findings
from hubbub.audit.ledger import Ledger, state_of
from hubbub.domain.events import Event, MemberJoined, MessageDeleted, MessageEdited, MessagePosted, RoomCreated
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom
from hubbub.wire import frames as wire
from hubbub.wire.codec import encode
from hubbub.wire.events import encode_event, event_body

ROOM, ANN = RoomId(9), UserId(1)


def posted(seq: int, text: str = "", *, client_id: str | None = None, version: int = 0, deleted: bool = False) -> Event:
    said = "" if deleted else text or f"m{seq}"
    at = Millis(version) if version else None
    state = {"version": Seq(version), "deleted_at" if deleted else "edited_at": at}
    return MessagePosted(Message(ROOM, Seq(seq), ANN, Millis(seq), said, client_id or f"c{seq}", **state))  # type: ignore[arg-type]


def edited(seq: int, target: int, text: str) -> Event:
    return MessageEdited(ROOM, Seq(seq), ANN, Millis(seq), Seq(target), text)


LOG = [posted(1), posted(2), posted(3), posted(4)]


class Audit:
    """A log, and what is found when clients are compared with it."""

    def __init__(self, log: list[Event]) -> None:
        self.findings = Findings()
        self.ledger = Ledger()
        self.log = RoomLog(ROOM, log, self.ledger, self.findings)

    @property
    def found(self) -> dict[str, list[int | None]]:
        return {kind: [finding.seq for finding in self.findings.of(kind)] for kind in self.findings.counts}


def test_what_is_as_it_should_be_is_no_finding() -> None:
    audit = Audit(LOG)
    audit.log.check_taken("ann", LOG)
    for event in LOG:
        assert isinstance(event, MessagePosted)
        audit.log.check_acknowledged("ann", event.message)
    audit.log.check_fold("ann", _fold(LOG))
    assert audit.found == {}


@pytest.mark.parametrize(
    ("taken", "found"),
    [
        ([LOG[0], LOG[1], LOG[3]], {"missing": [3]}),
        (LOG[:3], {"missing": [4]}),
        ([], {"missing": [1, 2, 3, 4]}),
        ([LOG[0], *LOG], {"doubled": [1]}),
        ([LOG[0], LOG[2], LOG[1], LOG[3]], {"reordered": [2]}),
        ([*LOG, posted(5)], {"beyond": [5]}),
        ([*LOG[:3], posted(4, "something else")], {"altered": [4]}),
        ([*LOG[:3], posted(4, client_id="other")], {"altered": [4]}),
        ([*LOG[:3], edited(4, 1, "x")], {"altered": [4]}),
    ],
)
def test_what_a_program_was_given_wrongly_is_found(taken: list[Event], found: dict[str, list[int]]) -> None:
    audit = Audit(LOG)
    audit.log.check_taken("ann", taken)
    assert audit.found == found


def test_an_acknowledged_message_that_is_not_in_the_log_is_lost() -> None:
    audit = Audit(LOG)
    audit.log.check_acknowledged("ann", Message(ROOM, Seq(3), ANN, Millis(0), "m3", "unheard of"))
    audit.log.check_acknowledged("ann", Message(ROOM, Seq(3), ANN, Millis(0), "m2", "c2"))
    assert audit.found == {"lost": [3], "misplaced": [3]}


def test_a_message_that_is_in_the_log_twice_is_found() -> None:
    assert Audit([*LOG, posted(5, client_id="c2")]).found == {"doubled": [5]}


def test_a_hole_in_the_log_is_found() -> None:
    assert Audit([LOG[0], LOG[2]]).found == {"missing": [2]}


def test_another_fold_is_found() -> None:
    audit = Audit(LOG)
    fold = _fold(LOG)
    fold.messages[Seq(2)] = fold.messages[Seq(3)]
    audit.log.check_fold("ann", fold)
    assert audit.found == {"different fold": [4]}


def test_a_message_may_be_read_in_its_later_states() -> None:
    ledger = Ledger()
    sights = [posted(1), edited(2, 1, "new"), posted(1, "new", version=2), posted(1, deleted=True, version=3)]
    sights += [MessageDeleted(ROOM, Seq(3), ANN, Millis(3), Seq(1)), edited(2, 1, ""), posted(1)]
    assert [ledger.agrees(event) for event in sights] == [True] * 7


@pytest.mark.parametrize(
    "later",
    [
        posted(1, "another"),
        posted(1, "something else", version=2),
        edited(2, 1, "something else"),
        edited(2, 3, "new"),
    ],
)
def test_a_message_may_not_be_read_otherwise(later: Event) -> None:
    ledger = Ledger()
    assert all(ledger.agrees(event) for event in (posted(1), edited(2, 1, "new")))
    assert not ledger.agrees(later)


def test_folds_are_equal_whatever_order_their_parts_came_in() -> None:
    one, other = _fold(LOG), _fold(LOG)
    other.messages = dict(reversed(other.messages.items()))
    assert state_of(one) == state_of(other)
    other.apply(MemberJoined(ROOM, Seq(5), ANN, Millis(5), ANN, Role.MEMBER))
    assert state_of(one) != state_of(other)


# The session's edge


class Connection:
    """An edge that was asked for the room from event 1 on."""

    def __init__(self, *, after: int = 1) -> None:
        self.findings = Findings()
        self.ledger = Ledger()
        self.edge = Edge("ann#1", self.ledger, self.findings, Delays())
        self.asks(wire.Join(ref=1, room_id=ROOM, after=Seq(after)))

    def asks(self, frame: wire.ClientFrame) -> None:
        self.edge.sent(encode(frame))

    def live(self, *seqs: int) -> None:
        for seq in seqs:
            self.edge.received(encode_event(posted(seq)))

    def replay(self, *seqs: int) -> int:
        bodies = [event_body(posted(seq)) for seq in seqs]
        return self.edge.received(encode(wire.Events(ref=1, room_id=ROOM, more=False, events=bodies)))

    @property
    def found(self) -> dict[str, list[int | None]]:
        return {kind: [finding.seq for finding in self.findings.of(kind)] for kind in self.findings.counts}


def test_a_session_that_goes_on_from_where_it_was_asked_to_is_in_order() -> None:
    connection = Connection()
    assert connection.replay(2, 3) == 2
    connection.live(4, 5)
    connection.asks(wire.Sync(ref=2, rooms={ROOM: Seq(3)}))
    connection.replay(4, 5, 6)
    connection.replay(6)
    assert connection.edge.received(encode(wire.Ping(n=1, heads={}))) == 0
    assert connection.found == {}


def test_a_hole_is_found_before_the_sdk_heals_it() -> None:
    connection = Connection()
    connection.live(2, 4)
    assert connection.found == {"missing": [4]}


def test_a_replay_that_begins_too_late_is_found() -> None:
    connection = Connection()
    connection.replay(3)
    assert connection.found == {"missing": [3]}


def test_live_events_may_not_repeat() -> None:
    connection = Connection()
    connection.live(2, 3, 3, 2)
    assert connection.found == {"doubled": [3, 2]}


def test_rooms_that_nobody_asked_for_are_found() -> None:
    connection = Connection()
    connection.edge.received(encode_event(RoomCreated(RoomId(8), Seq(1), ANN, Millis(1), *_FOUNDING)))
    assert connection.found == {"unasked": [1]}


def test_two_sessions_may_not_be_told_different_things() -> None:
    connection = Connection()
    other = Edge("bob#1", connection.ledger, connection.findings, Delays())
    other.sent(encode(wire.Join(ref=1, room_id=ROOM, after=Seq(1))))
    connection.live(2)
    other.received(encode_event(posted(2, "something else")))
    assert connection.found == {"altered": [2]}


def test_resets_and_frames_that_can_not_be_read_are_found() -> None:
    connection = Connection()
    connection.edge.received(encode(wire.Reset(room_id=ROOM, reason="pruned", base=Seq(3))))
    connection.edge.received(b"{")
    broken = wire.EventFrame(room_id=ROOM, seq=Seq(2), kind="message.posted", user_id=ANN, at="today")
    connection.edge.received(encode(broken))
    assert connection.found == {"reset": [None], "unreadable frame": [None], "unreadable event": [2]}


def _fold(events: list[Event]) -> ChatRoom:
    room = ChatRoom(ROOM)
    for event in events:
        room.apply(event)
    return room


_FOUNDING = (ChatRoom(ROOM).kind, "Garden", "", ChatRoom(ROOM).history)
