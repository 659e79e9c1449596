"""What clients received, compared with the log of the room."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from hubbub.audit.findings import Findings
from hubbub.audit.ledger import Ledger, state_of
from hubbub.domain.events import Event, MessagePosted
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom


class RoomLog:
    """The log of a room as it was read in the end: what everything else is measured by."""

    def __init__(self, room_id: RoomId, events: Sequence[Event], ledger: Ledger, findings: Findings) -> None:
        self.room_id = room_id
        self.head = events[-1].seq if events else Seq(0)
        self._ledger = ledger
        self._findings = findings
        self._fold = ChatRoom(room_id)
        self._places: dict[tuple[UserId, str | None], Seq] = {}
        check_order("the log", room_id, events, self.head, findings)
        for event in events:
            self._read(event)

    def check_acknowledged(self, name: str, message: Message) -> None:
        """What was acknowledged is in the log, once, at the place that was told."""
        seq = self._places.get((message.user_id, message.client_id))
        if seq is None:
            self._findings.add(
                "lost", f"it was acknowledged to {name}, and is not in the log", self.room_id, message.seq
            )
        elif seq != message.seq:
            detail = f"it was acknowledged to {name}, and is in the log at {seq}"
            self._findings.add("misplaced", detail, self.room_id, message.seq)

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
        if isinstance(event, MessagePosted) and event.message.client_id is not None:
            first = self._places.setdefault((event.user_id, event.message.client_id), event.seq)
            if first != event.seq:
                detail = f"the client_id of {first} is in the log once more"
                self._findings.add("doubled", detail, self.room_id, event.seq)


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
