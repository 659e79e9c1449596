"""How far a reader of a room's log has come, and the arithmetic that proves that nothing is missing."""

import re
from enum import Enum

from hubbub.domain.errors import Invalid
from hubbub.domain.ids import MAX_ID, Seq

PLACE = r"^([A-Za-z0-9_-]{1,64}:)?[0-9]{1,16}$"  # what `parse_place` takes


class Step(Enum):
    APPLY = "apply"  # the next one: apply it
    KNOWN = "known"  # applied before: drop it
    GAP = "gap"  # something is missing in between: join again with `after`


class Position:
    """The last seq that was applied; 0 = none. Every seq up to it was applied, each once."""

    __slots__ = ("applied",)

    def __init__(self, applied: Seq = Seq(0)) -> None:
        self.applied = applied

    def __repr__(self) -> str:
        return f"Position({self.applied})"

    def take(self, seq: Seq) -> Step:
        """Say what to do with the event at `seq`; the position moves on only when that is to apply it."""
        if seq <= self.applied:
            return Step.KNOWN
        if seq > self.applied + 1:
            return Step.GAP
        self.applied = seq
        return Step.APPLY


def format_place(epoch: str, seq: Seq) -> str:
    """A position and the log that it is in, as one word: `epoch:seq`."""
    return f"{epoch}:{seq}"


def parse_place(text: str) -> tuple[str | None, Seq]:
    """What `format_place` was given; a seq alone may be of any log. Raise Invalid."""
    if not re.fullmatch(PLACE, text):
        raise Invalid("a position is a seq, or epoch:seq")
    epoch, _, digits = text.rpartition(":")
    seq = int(digits)
    if seq > MAX_ID:
        raise Invalid("a position is at most 2^53 - 1")
    return epoch or None, Seq(seq)
