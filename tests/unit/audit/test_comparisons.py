"""Every fault of a server that the live audit is for, planted in what clients received."""

from collections.abc import Sequence

import pytest

from hubbub.audit.changes import Change, Needless
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


def posted(
    seq: int, text: str = "", *, client_id: str | None = None, version: int = 0, deleted: bool = False
) -> MessagePosted:
    said = "" if deleted else text or f"m{seq}"
    at = Millis(version) if version else None
    state = {"version": Seq(version), "deleted_at" if deleted else "edited_at": at}
    return MessagePosted(Message(ROOM, Seq(seq), ANN, Millis(seq), said, client_id or f"c{seq}", **state))  # type: ignore[arg-type]


def edited(seq: int, target: int, text: str) -> MessageEdited:
    return MessageEdited(ROOM, Seq(seq), ANN, Millis(seq), Seq(target), text)


def deleted(seq: int, target: int) -> MessageDeleted:
    return MessageDeleted(ROOM, Seq(seq), ANN, Millis(seq), Seq(target))


LOG = [posted(1), posted(2), posted(3), posted(4)]


class Audit:
    """A log, and what is found when clients are compared with it."""

    def __init__(self, log: Sequence[Event], *, seen: Sequence[Event] = ()) -> None:
        self.findings = Findings()
        self.ledger = Ledger()
        assert all(self.ledger.agrees(event) for event in seen)  # by some client, before the log was read
        self.log = RoomLog(ROOM, log, self.ledger, self.findings)

    @property
    def found(self) -> dict[str, list[int | None]]:
        return {kind: [finding.seq for finding in self.findings.of(kind)] for kind in self.findings.counts}


def test_what_is_as_it_should_be_is_no_finding() -> None:
    audit = Audit(LOG)
    audit.log.check_taken("ann", LOG)
    for event in LOG:
        audit.log.check_acknowledged("ann", event)
    audit.log.check_calls("ann", LOG)
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


@pytest.mark.parametrize(
    ("acknowledged", "found"),
    [
        (posted(3, client_id="unheard of"), {"lost": [3]}),
        (posted(9), {"lost": [9]}),
        (posted(3, client_id="c2"), {"misplaced": [3]}),
        (posted(3, "something else"), {"altered": [3]}),
        (edited(5, 2, "new"), {}),
        (edited(5, 2, "something else"), {"altered": [5]}),
        (edited(5, 3, "new"), {"lost": [5]}),
        (edited(4, 2, "new"), {"misplaced": [4]}),
        (edited(9, 2, "never"), {"lost": [9]}),
        (deleted(6, 4), {}),
        (deleted(6, 3), {"lost": [6]}),
        (deleted(5, 4), {"misplaced": [5]}),
        (deleted(9, 4), {"misplaced": [9]}),
    ],
)
def test_what_was_acknowledged_is_in_the_log_as_it_was_asked_for(
    acknowledged: Change, found: dict[str, list[int]]
) -> None:
    audit = Audit([*LOG, edited(5, 2, "new"), deleted(6, 4)])
    audit.log.check_acknowledged("ann", acknowledged)
    assert audit.found == found


def test_a_text_that_is_edited_or_erased_when_the_log_is_read_is_compared_with_what_others_were_told() -> None:
    log: list[Event] = [
        posted(1, "now", version=2),
        edited(2, 1, "now"),
        posted(3, deleted=True, version=5),
        edited(4, 3, ""),
    ]
    audit = Audit([*log, deleted(5, 3)], seen=[posted(1, "before"), edited(4, 3, "erased")])
    for acknowledged in (posted(1, "before"), edited(4, 3, "erased"), posted(3, "nobody saw it")):
        audit.log.check_acknowledged("ann", acknowledged)
    assert audit.found == {}
    for acknowledged in (posted(1, "other"), edited(4, 3, "other")):
        audit.log.check_acknowledged("ann", acknowledged)
    assert audit.found == {"altered": [1, 4]}


@pytest.mark.parametrize(
    ("needless", "lost"),
    [
        (Needless(ROOM, Seq(2), "new"), False),
        (Needless(ROOM, Seq(2), "newer"), True),
        (Needless(ROOM, Seq(3), "new"), True),
        (Needless(ROOM, Seq(4), None), False),
        (Needless(ROOM, Seq(2), None), True),
    ],
)
def test_what_was_acknowledged_as_being_so_already_was_made_so_once(needless: Needless, lost: bool) -> None:
    audit = Audit([*LOG, edited(5, 2, "new"), deleted(6, 4)])
    audit.log.check_needless("ann", needless)
    assert audit.found == ({"lost": [needless.target]} if lost else {})


def test_an_edit_whose_text_was_erased_before_anybody_saw_it_may_be_the_one_that_made_it_so() -> None:
    audit = Audit([posted(1, deleted=True, version=3), edited(2, 1, ""), deleted(3, 1)])
    audit.log.check_needless("ann", Needless(ROOM, Seq(1), "whatever"))
    assert audit.found == {}


def test_what_a_client_asked_for_later_is_later_in_the_log() -> None:
    audit = Audit([*LOG, edited(5, 2, "new"), deleted(6, 4)])
    audit.log.check_calls("ann", [LOG[0], LOG[3], edited(5, 2, "new"), LOG[2], deleted(6, 4)])
    assert audit.found == {"reordered": [3]}


@pytest.mark.parametrize(
    ("log", "found"),
    [
        ([*LOG, posted(5, client_id="c2")], [5]),
        ([*LOG, edited(5, 2, "x"), edited(6, 2, "y"), edited(7, 2, "x"), edited(8, 2, "y")], [7, 8]),
        ([*LOG, edited(5, 2, "x"), edited(6, 3, "x")], []),
        ([*LOG, deleted(5, 2), deleted(6, 3), deleted(7, 2)], [7]),
    ],
)
def test_a_change_that_is_in_the_log_twice_is_found(log: list[Event], found: list[int]) -> None:
    assert Audit(log).found == ({"doubled": found} if found else {})


def test_an_edit_that_was_erased_is_found_twice_where_a_client_saw_its_text() -> None:
    log: list[Event] = [posted(1, deleted=True, version=4), edited(2, 1, ""), edited(3, 1, ""), deleted(4, 1)]
    assert Audit(log, seen=[edited(2, 1, "x"), edited(3, 1, "x")]).found == {"doubled": [3]}
    assert Audit(log, seen=[edited(2, 1, "x"), edited(3, 1, "y")]).found == {}


def test_what_is_in_the_log_twice_is_in_order_where_it_is_first() -> None:
    changes: list[Change] = [posted(1), edited(2, 1, "x"), edited(3, 1, "y"), posted(4)]
    audit = Audit([*changes, edited(5, 1, "x"), edited(6, 1, "y")])
    audit.log.check_calls("ann", changes)
    assert audit.found == {"doubled": [5, 6]}


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
    sights: list[Event] = [
        posted(1),
        edited(2, 1, "new"),
        posted(1, "new", version=2),
        posted(1, deleted=True, version=3),
    ]
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


def _fold(events: Sequence[Event]) -> ChatRoom:
    room = ChatRoom(ROOM)
    for event in events:
        room.apply(event)
    return room


_FOUNDING = (ChatRoom(ROOM).kind, "Garden", "", ChatRoom(ROOM).history)
