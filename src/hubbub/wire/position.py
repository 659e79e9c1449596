"""How far a reader of a room's log has come, and the arithmetic that proves that nothing is missing."""

from enum import Enum

from hubbub.domain.ids import Seq


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
