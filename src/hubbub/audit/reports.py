"""Findings, figures and progress, for people."""

from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from hubbub.audit.findings import MAX_SHOWN, Findings


class Bar:
    """Implements `findings.Progress` with a bar in the terminal; elsewhere it writes nothing."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True
        )
        self._task: TaskID | None = None

    def __enter__(self) -> "Bar":
        if self._progress.console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._progress.console.is_terminal:
            self._progress.stop()

    def begin(self, what: str, total: float) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(what, total=total or 1)

    def advance(self, amount: float) -> None:
        assert self._task is not None
        self._progress.advance(self._task, amount)


def show(console: Console, findings: Findings, figures: Mapping[str, object]) -> None:
    """A line of figures, then every finding, or that there is none."""
    console.print(Text(", ".join(f"{value:,} {name}" for name, value in figures.items())), soft_wrap=True)
    if findings.counts or findings.remarks:
        console.print(_table(findings))
    for kind, count in {**findings.counts, **findings.remarks}.items():
        if count > MAX_SHOWN:
            console.print(Text(f"{count - MAX_SHOWN} more: {kind}"))
    if findings.counts:
        console.print(Text(f"{len(findings)} finding{'s' * (len(findings) > 1)}", style="bold red"))
    else:
        console.print(Text("nothing wrong was found", style="bold green"))


def _table(findings: Findings) -> Table:
    table = Table("what", "room", "seq", "detail")
    for finding in findings.shown:
        room = "" if finding.room_id is None else str(finding.room_id)
        seq = "" if finding.seq is None else str(finding.seq)
        style = "red" if finding.kind in findings.counts else "yellow"
        table.add_row(Text(finding.kind, style=style), room, seq, Text(finding.detail))
    return table
