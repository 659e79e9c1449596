"""What clients received, compared with the log of the room."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

from hubbub.audit.changes import Change, Needless
from hubbub.audit.findings import Findings
from hubbub.audit.ledger import Ledger, state_of
from hubbub.domain.events import Event, MessageDeleted, MessageEdited, MessagePosted
from hubbub.domain.ids import RoomId, Seq
from hubbub.domain.rooms import ChatRoom

_Key: TypeAlias = tuple[int, str | int | None]
"""An author with a client_id; a message with the hash of its new text, or None where it is deleted."""


class RoomLog:
    """The log of a room as it was read in the end: what everything else is measured by."""

    def __init__(self, room_id: RoomId, events: Sequence[Event], ledger: Ledger, findings: Findings) -> None:
        self.room_id = room_id
        self.head = events[-1].seq if events else Seq(0)
        self._ledger = ledger
        self._findings = findings
        self._fold = ChatRoom(room_id)
        self._events = {event.seq: event for event in events}
        self._places: dict[_Key, Seq] = {}  # where each change was made first
        self._unseen: dict[Seq, None] = {}  # messages with an edit whose text was erased before anybody saw it
        check_order("the log", room_id, events, self.head, findings)
        for event in events:
            self._read(event)

    def check_acknowledged(self, name: str, change: Change) -> None:
        """What was acknowledged is in the log, in the words that were sent, at the place that was told."""
        found, place = self._events.get(change.seq), self._place(change)
        if found is not None and _subject(found) == _subject(change):
            if not self._ledger.agrees(change):
                detail = f"{name} has sent another {change.kind}, which was acknowledged"
                self._findings.add("altered", detail, self.room_id, change.seq)
        elif place is None:
            detail = f"{change.kind} was acknowledged to {name}, and is not in the log"
            self._findings.add("lost", detail, self.room_id, change.seq)
        else:
            detail = f"{change.kind} was acknowledged to {name}, and is in the log at {place}"
            self._findings.add("misplaced", detail, self.room_id, change.seq)

    def check_needless(self, name: str, needless: Needless) -> None:
        """What was acknowledged as being so already was made so by an event."""
        target = needless.target
        if (target, needless.text and hash(needless.text)) not in self._places and target not in self._unseen:
            detail = f"{name} was told that it is so already, and no event has made it so"
            self._findings.add("lost", detail, self.room_id, target)

    def check_calls(self, name: str, changes: Iterable[Change]) -> None:
        """What a client asked for, in the order in which it did, is in the log in this order.

        It is the first place that counts. That there is a second one was found when the log was read.
        """
        last = Seq(0)
        for change in changes:
            place = self._place(change)
            if place is None:
                continue
            if place < last:
                detail = f"{name} asked for this {change.kind} after what is at {last}"
                self._findings.add("reordered", detail, self.room_id, place)
            last = max(last, place)

    def check_taken(self, name: str, events: Sequence[Event]) -> None:
        """A program was given every event once, in order, and as it is."""
        check_order(name, self.room_id, events, self.head, self._findings)
        for event in events:
            if not self._ledger.agrees(event):
                self._findings.add("altered", f"{name} was given another {event.kind}", self.room_id, event.seq)

    def check_fold(self, name: str, fold: ChatRoom) -> None:
        """What a program sees of the room in the end is what the log makes of it."""
        if state_of(fold) != state_of(self._fold):
            self._findings.add("different fold", f"{name} sees another room than the log", self.room_id, fold.head)

    def _read(self, event: Event) -> None:
        self._fold.apply(event)
        if not self._ledger.agrees(event):
            self._findings.add("altered", f"clients were told another {event.kind}", self.room_id, event.seq)
        key = self._key(event)
        first = event.seq if key is None else self._places.setdefault(key, event.seq)
        if first != event.seq:
            detail = f"the {event.kind} at {first} is in the log once more"
            self._findings.add("doubled", detail, self.room_id, event.seq)
        elif key is None and isinstance(event, MessageEdited):
            self._unseen[event.target] = None

    def _place(self, change: Change) -> Seq | None:
        key = self._key(change)
        return None if key is None else self._places.get(key)

    def _key(self, event: Event) -> _Key | None:
        """What tells this change from every other one of the room; None = that is not known."""
        match event:
            case MessagePosted():
                return None if event.message.client_id is None else (event.user_id, event.message.client_id)
            case MessageEdited():
                text = hash(event.text) if event.text else self._ledger.text_of(event.room_id, event.seq)
                return None if text is None else (event.target, text)
            case MessageDeleted():
                return event.target, None
        return None


def _subject(event: Event) -> tuple[object, ...]:
    """Whose event it is, of what kind, and about which message."""
    message = event.message.client_id if isinstance(event, MessagePosted) else getattr(event, "target", None)
    return event.kind, event.user_id, message


def check_order(name: str, room_id: RoomId, events: Sequence[Event], head: Seq, findings: Findings) -> None:
    """Exactly the seqs 1 to `head`, in this order."""
    seqs = [int(event.seq) for event in events]
    if seqs == list(range(1, head + 1)):
        return
    counts = Counter(seqs)
    for seq in range(1, head + 1):
        if not counts[seq]:
            findings.add("missing", f"{name} does not have it", room_id, seq)
    for seq, count in counts.items():
        if count > 1:
            findings.add("doubled", f"{name} has it {count} times", room_id, seq)
        if not 1 <= seq <= head:
            findings.add("beyond", f"{name} has it, and the log does not", room_id, seq)
    for before, after in pairwise(seqs):
        if after < before:
            findings.add("reordered", f"{name} has it after {before}", room_id, after)
