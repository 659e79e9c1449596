"""What waits in a lane of the journal, and how much of it goes into the next transaction.

It must not know what a transaction is, nor what the answers are.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from hubbub.services.changes import Change, Done, Founding

MAX_BATCH = 1000  # changes in one transaction; the rest waits for the next
MAX_BATCH_TEXT = 1_048_576  # bytes of text in one transaction, unless a single change has more

Party: TypeAlias = Callable[[Change | Founding], Hashable]


@dataclass(slots=True, eq=False)
class Waiting:
    """A change, and who is told what became of it."""

    change: Change | Founding
    done: Done


class Queue:
    """The changes that wait in one lane.

    While they fit into one transaction they go in the order in which they were submitted. When there are more, those
    of each party (a user, say) stay in that order, and the parties take turns: whoever has little to say waits for one
    change of each of the others, however many these have.
    """

    def __init__(self, party: Party) -> None:
        self._party = party
        self._new: list[Waiting] = []
        # What did not fit, older than the new; whose turn is next comes first.
        self._lines: OrderedDict[Hashable, deque[Waiting]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._new or self._lines)

    def add(self, waiting: Waiting) -> None:
        self._new.append(waiting)

    def take(self, most: int) -> list[Waiting]:
        """What goes into the next transaction: at most `most`, and no more text than fits, but at least one."""
        if not self._lines and len(self._new) <= most and _fit(self._new):
            taken, self._new = self._new, []
            return taken
        self._line_up(self._new)
        self._new = []
        return self._take_in_turn(most)

    def put_back(self, taken: list[Waiting]) -> None:
        """Nothing of this happened: it comes first again."""
        later, self._lines = self._lines, OrderedDict()
        self._line_up(taken)
        for line in later.values():
            self._line_up(line)

    def remove(self, unwanted: Callable[[Change | Founding], bool]) -> list[Waiting]:
        """Let go of some, and return them: those of a party in their order."""
        removed: list[Waiting] = []
        for line in (*self._lines.values(), self._new):
            waiting = list(line)
            line.clear()
            for one in waiting:
                (removed if unwanted(one.change) else line).append(one)
        self._lines = OrderedDict((party, line) for party, line in self._lines.items() if line)
        return removed

    def _line_up(self, waiting: Iterable[Waiting]) -> None:
        for one in waiting:
            self._lines.setdefault(self._party(one.change), deque()).append(one)

    def _take_in_turn(self, most: int) -> list[Waiting]:
        taken: list[Waiting] = []
        size = 0
        while self._lines and len(taken) < most:
            party, line = next(iter(self._lines.items()))
            size += _size(line[0])
            if taken and size > MAX_BATCH_TEXT:
                break
            taken.append(line.popleft())
            del self._lines[party]
            if line:
                self._lines[party] = line  # behind the others
        return taken


def _fit(waiting: list[Waiting]) -> bool:
    """May these texts be in one transaction? Few characters are few bytes, and then no text is encoded to know it."""
    characters = sum([len(one.change.text) for one in waiting])
    return 4 * characters <= MAX_BATCH_TEXT or sum(map(_size, waiting)) <= MAX_BATCH_TEXT


def _size(waiting: Waiting) -> int:
    """Bytes of text."""
    return len(waiting.change.text.encode(errors="replace"))
