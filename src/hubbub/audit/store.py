"""The audit of a database, read-only, also beside running servers.

Each room is read in a snapshot of its own, its log as a stream: what is in memory at a time is its members and the
changes of one message. A text that was never edited stands in one place only, so that nothing here could tell that it
was changed; the log is compared with everything that is derived from it.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from hubbub.audit.findings import Findings, Progress
from hubbub.domain.events import Event, MessageDeleted, MessageEdited, MessagePosted, RoomCreated, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom
from hubbub.stores.sql.events import EventRow, from_row
from hubbub.stores.sql.inspections import Inspection, Unreadable, open_inspection

STEP = 10_000  # events between two reports of progress

_ROOMS = "SELECT id, head FROM rooms ORDER BY id"
_ROOM = """SELECT kind, name, topic, history, head, created_at, last_at, deleted_at, pair_low, pair_high
    FROM rooms WHERE id = :room_id"""
# Both tables can be read in this order, so that they are merged as it goes.
_LOG = """
SELECT seq, 'message.posted', user_id, at, NULL, NULL, NULL, text, client_id, reply_to, version, edited_at, deleted_at
    FROM messages WHERE room_id = :room_id
UNION ALL
SELECT seq, kind, user_id, at, target, member_id, body, NULL, NULL, NULL, NULL, NULL, NULL
    FROM room_events WHERE room_id = :room_id
ORDER BY 1"""
_REVISIONS = """
SELECT e.target, e.seq, e.kind, e.user_id, e.at, e.body,
    m.seq, m.user_id, m.at, m.text, m.client_id, m.reply_to, m.version, m.edited_at, m.deleted_at
    FROM room_events AS e LEFT JOIN messages AS m ON m.room_id = e.room_id AND m.seq = e.target
    WHERE e.room_id = :room_id AND e.target IS NOT NULL ORDER BY e.target, e.seq"""
_UNEXPLAINED = """
SELECT seq FROM messages AS m
    WHERE room_id = :room_id AND (version <> seq OR edited_at IS NOT NULL OR deleted_at IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM room_events AS e WHERE e.room_id = m.room_id AND e.target = m.seq)"""
_REPLIES = """
SELECT m.seq, m.reply_to FROM messages AS m
    LEFT JOIN messages AS t ON t.room_id = m.room_id AND t.seq = m.reply_to
    WHERE m.room_id = :room_id AND m.reply_to IS NOT NULL AND (t.seq IS NULL OR t.seq >= m.seq)"""
_CLIENT_IDS = """
SELECT user_id, client_id, min(seq), max(seq) FROM messages
    WHERE room_id = :room_id AND client_id IS NOT NULL GROUP BY user_id, client_id HAVING count(*) > 1"""
_READS = (
    "SELECT user_id, seq FROM reads WHERE room_id = :room_id AND seq > (SELECT head FROM rooms WHERE id = :room_id)"
)
_MEMBERS = "SELECT user_id, role, joined_seq FROM members WHERE room_id = :room_id"
_PAIRS = """
SELECT pair_low, pair_high, min(id), max(id) FROM rooms
    WHERE pair_low IS NOT NULL GROUP BY pair_low, pair_high HAVING count(*) > 1"""


class _RoomRow(NamedTuple):
    kind: str
    name: str
    topic: str
    history: str
    head: int
    created_at: int
    last_at: int
    deleted_at: int | None
    pair_low: int | None
    pair_high: int | None


@dataclass(slots=True)
class StoreReport:
    findings: Findings = field(default_factory=Findings)
    rooms: int = 0
    events: int = 0


def audit_store(url: str, progress: Progress) -> StoreReport:
    """Check the database at a URL. Raise UnusableDatabase when there is none of this release."""
    report = StoreReport()
    findings = report.findings
    with closing(open_inspection(url)) as inspection:
        _check_database(inspection, findings, progress)
        rooms: list[tuple[int, int]] = []
        with _damage_found(findings), inspection.snapshot():
            rooms.extend(inspection.rows(_ROOMS))
        report.rooms, report.events = len(rooms), sum(head for _, head in rooms)
        progress.begin("logs", report.events)
        for room_id, _ in rooms:
            with _damage_found(findings, room_id), inspection.snapshot():
                _RoomAudit(inspection, RoomId(room_id), findings, progress).run()
    return report


@contextmanager
def _damage_found(findings: Findings, room_id: int | None = None) -> Iterator[None]:
    """What the database itself can't read is a finding, and the next part is looked at."""
    try:
        yield
    except Unreadable as error:
        findings.add("damaged file", f"can't be read to its end: {error}", room_id)


def _check_database(inspection: Inspection, findings: Findings, progress: Progress) -> None:
    progress.begin("file", 3)
    with _damage_found(findings):
        for message in inspection.damages():
            findings.add("damaged file", message)
    progress.advance(1)
    with _damage_found(findings):
        for table, parent in inspection.dangling():
            findings.add("dangling row", f"a row of {table} names one of {parent} that does not exist")
    progress.advance(1)
    with _damage_found(findings), inspection.snapshot():
        for low, high, first, last in inspection.rows(_PAIRS):
            findings.add("doubled pair", f"users {low} and {high} have two direct rooms: {first} and {last}", last)
    progress.advance(1)


class _RoomAudit:
    """The checks of one room."""

    def __init__(self, inspection: Inspection, room_id: RoomId, findings: Findings, progress: Progress) -> None:
        self._inspection = inspection
        self._room_id = room_id
        self._findings = findings
        self._progress = progress
        self._room = ChatRoom(room_id)  # the fold of what was read so far, without its messages
        self._deleted_at: Millis | None = None

    def run(self) -> None:
        row = _RoomRow(*next(self._rows(_ROOM)))
        self._check_log(row.head)
        self._check_room(row)
        self._check_members()
        self._check_messages()

    # The log

    def _check_log(self, stored_head: int) -> None:
        expected = 1
        for row in self._rows(_LOG):
            seq = row[0]
            if seq > expected:
                self._add("hole", f"events {expected} to {seq - 1} are missing", expected)
            elif seq < expected:
                self._add("doubled seq", "two events have this number", seq)
            expected = seq + 1
            event = self._event(row)
            if event is not None:
                self._apply(event)
            if seq % STEP == 0:
                self._progress.advance(STEP)
        if expected - 1 != stored_head:
            self._add("wrong head", f"the log ends at {expected - 1}, and rooms.head says {stored_head}", expected - 1)
        self._progress.advance(stored_head % STEP)

    def _event(self, row: tuple[Any, ...]) -> Event | None:
        seq, kind, user_id, at, target, member_id, body, text, client_id, reply_to, version, edited_at, deleted_at = row
        if kind == MessagePosted.kind:
            states = (version, edited_at, deleted_at)
            return MessagePosted(Message(self._room_id, seq, user_id, at, text, client_id, reply_to, *states))
        try:
            return from_row(EventRow(self._room_id, seq, kind, user_id, at, target, member_id, body))
        except (AssertionError, ValueError, KeyError, TypeError) as error:
            self._add("unreadable event", f"{kind}: {error}", seq)
            return None

    def _apply(self, event: Event) -> None:
        room, seq = self._room, event.seq
        if room.deleted:
            self._add("after the end", "something happened after the room was deleted", seq)
        if isinstance(event, RoomCreated) != (seq == 1):
            self._add("wrong beginning", "a log begins with room.created, which occurs nowhere else", seq)
        founding = seq <= 2 or room.members.get(event.user_id) is not None
        if not founding and not _joins_by_itself(event, room.kind):
            self._add("outsider", f"user {event.user_id} did {event.kind} without being a member", seq)
        if event.at < room.last_at:
            detail = f"it happened {room.last_at - event.at} ms before its predecessor, by the server's clock"
            self._findings.remark("time goes back", detail, self._room_id, seq)
        room.apply(event)
        room.messages.clear()  # memory stays bounded; _check_messages looks at them one by one
        if room.deleted and self._deleted_at is None:
            self._deleted_at = event.at

    # What is derived from it

    def _check_room(self, row: _RoomRow) -> None:
        room = self._room
        derived = {
            "kind": room.kind.value,
            "name": room.name,
            "topic": room.topic,
            "history": room.history.value,
            "created_at": room.created_at,
            "last_at": room.last_at,
            "deleted_at": self._deleted_at,
        }
        for column, value in derived.items():
            found = getattr(row, column)
            if found != value:
                self._add("wrong room", f"rooms.{column} is {found!r}, and follows from the log to be {value!r}")
        pair = (row.pair_low, row.pair_high)
        if room.kind is not RoomKind.DIRECT:
            if pair != (None, None):
                self._add("wrong pair", f"the room is no direct room, and has the pair {pair}")
        elif tuple(sorted(room.members)) != pair:
            self._add("wrong pair", f"the pair is {pair}, and the members are {sorted(room.members)}")
        for user_id, seq in self._rows(_READS):
            self._add("wrong mark", f"user {user_id} has read up to {seq}, above the head", seq)

    def _check_members(self) -> None:
        derived = {
            member.user_id: (member.role.value, int(member.joined_seq)) for member in self._room.members.values()
        }
        for user_id, role, joined_seq in self._rows(_MEMBERS):
            state = derived.pop(UserId(user_id), None)
            if state is None:
                self._add("wrong member", f"user {user_id} is in members, and not a member by the log", joined_seq)
            elif state != (role, joined_seq):
                self._add("wrong member", f"user {user_id} is {(role, joined_seq)}, by the log {state}", joined_seq)
        for user_id, (_, joined_seq) in derived.items():
            self._add("wrong member", f"user {user_id} is a member by the log, and not in members", joined_seq)

    def _check_messages(self) -> None:
        for target, rows in groupby(self._rows(_REVISIONS), key=lambda row: Seq(row[0])):
            self._check_revisions(target, list(rows))
        for (seq,) in self._rows(_UNEXPLAINED):
            self._add("wrong message", "it shows a change that is not in the log", seq)
        for seq, reply_to in self._rows(_REPLIES):
            self._add("wrong reply", f"it answers {reply_to}, which is no earlier message", seq)
        for user_id, client_id, first, last in self._rows(_CLIENT_IDS):
            self._add("doubled client_id", f"user {user_id} posted {client_id!r} at {first} already", last)

    def _check_revisions(self, target: Seq, rows: list[tuple[Any, ...]]) -> None:
        """What a message says must be what its edits and its deletion have made of it."""
        seq, user_id, at, text, client_id, reply_to, version, edited_at, deleted_at = rows[0][6:]
        if seq is None:
            self._add("wrong target", f"there is no message {target} to change", rows[0][1])
            return
        stored = Message(self._room_id, seq, user_id, at, text, client_id, reply_to, version, edited_at, deleted_at)
        fold = ChatRoom(self._room_id)
        fold.messages[target] = Message(self._room_id, seq, user_id, at, text, client_id, reply_to)
        erased = any(row[2] == MessageDeleted.kind for row in rows)
        for _, *fields, body in (row[:6] for row in rows):
            event_seq, kind, actor_id, event_at = fields
            event = self._event((event_seq, kind, actor_id, event_at, target, None, body, *[None] * 6))
            if isinstance(event, MessageEdited | MessageDeleted):
                self._check_revision(event, fold.messages[target], erased=erased)
                fold.apply(event)
        if fold.messages[target] != stored:
            wrong = [
                name for name in Message.__slots__ if getattr(fold.messages[target], name) != getattr(stored, name)
            ]
            self._add("wrong message", f"{', '.join(wrong)}: not what its changes in the log have made of it", target)

    def _check_revision(self, event: MessageEdited | MessageDeleted, message: Message, *, erased: bool) -> None:
        if event.seq <= message.seq or message.deleted:
            self._add("wrong target", f"it changes message {message.seq}, which can't be changed there", event.seq)
        if isinstance(event, MessageDeleted):
            return
        if event.user_id != message.user_id:
            self._add("outsider", f"user {event.user_id} edited a message of user {message.user_id}", event.seq)
        if erased != (event.text == ""):
            words = "still has its text" if erased else "has lost its text"
            self._add("wrong erasure", f"this edit of message {message.seq} {words}", event.seq)

    def _rows(self, statement: str) -> Iterator[Any]:
        return self._inspection.rows(statement, self._room_id)

    def _add(self, kind: str, detail: str, seq: int | None = None) -> None:
        self._findings.add(kind, detail, self._room_id, seq)


def _joins_by_itself(event: Event, kind: RoomKind) -> bool:
    return kind is RoomKind.CHANNEL and getattr(event, "member_id", None) == event.user_id
