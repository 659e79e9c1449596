"""What waits in a lane of the journal, and how much of it goes into the next transaction.

It must not know what a transaction is, nor what the answers are.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hubbub.services.changes import Change, Done, Founding

MAX_BATCH = 1000  # changes in one transaction; the rest waits for the next
MAX_BATCH_TEXT = 1_048_576  # bytes of text in one transaction, unless a single change has more


@dataclass(slots=True, eq=False)
class Waiting:
    """A change, and who is told what became of it."""

    change: Change | Founding
    done: Done


class Queue:
    """The changes that wait in one lane, in the order in which they were submitted."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, waiting: Waiting) -> None:
        self._waiting.append(waiting)

    def take(self, most: int) -> list[Waiting]:
        """What goes into the next transaction: at most `most`, and no more text than fits, but at least one."""
        count, size = 0, 0
        for waiting in self._waiting[:most]:
            size += waiting.change.size
            if size > MAX_BATCH_TEXT and count:
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def put_back(self, taken: list[Waiting]) -> None:
        """Nothing of this happened: it comes first again."""
        self._waiting = taken + self._waiting

    def remove(self, unwanted: Callable[[Change | Founding], bool]) -> list[Waiting]:
        """Let go of some, and return them."""
        removed = [waiting for waiting in self._waiting if unwanted(waiting.change)]
        self._waiting = [waiting for waiting in self._waiting if not unwanted(waiting.change)]
        return removed
