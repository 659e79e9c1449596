"""What an audit found."""

from dataclasses import dataclass, field
from typing import Protocol

MAX_SHOWN = 20  # of each kind; the rest is only counted


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be. `kind` is one word or two, for the table."""

    kind: str
    detail: str
    room_id: int | None = None
    seq: int | None = None


@dataclass(slots=True)
class Findings:
    """All of them: counted by kind, and the first ones of each kind kept, whatever their number.

    A remark is something that is odd and may have a good reason: it does not count as a finding.
    """

    counts: dict[str, int] = field(default_factory=dict)
    remarks: dict[str, int] = field(default_factory=dict)
    shown: list[Finding] = field(default_factory=list)

    def add(self, kind: str, detail: str, room_id: int | None = None, seq: int | None = None) -> None:
        self._count(self.counts, Finding(kind, detail, room_id, seq))

    def remark(self, kind: str, detail: str, room_id: int | None = None, seq: int | None = None) -> None:
        self._count(self.remarks, Finding(kind, detail, room_id, seq))

    def __len__(self) -> int:
        return sum(self.counts.values())

    def of(self, kind: str) -> list[Finding]:
        return [finding for finding in self.shown if finding.kind == kind]

    def _count(self, counts: dict[str, int], finding: Finding) -> None:
        counts[finding.kind] = counts.get(finding.kind, 0) + 1
        if counts[finding.kind] <= MAX_SHOWN:
            self.shown.append(finding)


class Progress(Protocol):
    """Told how far an audit has come."""

    def begin(self, what: str, total: float) -> None:
        """A step of this size begins, and the one before has ended."""
        ...

    def advance(self, amount: float) -> None: ...
