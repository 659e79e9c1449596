"""`hubbub simulate --replay FILE`: a replay from start to end, and what is said about it."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from hubbub.domain.errors import ChatError
from hubbub.services.ports import Store
from hubbub.simulator.replays.comparisons import Comparison
from hubbub.simulator.replays.replays import Refused, Replay
from hubbub.simulator.replays.transcripts import Skipped, StepKind, Transcript, read_transcript

MAX_NAMED = 20  # malformed lines that are named one by one
LINE_EVERY = 10_000  # steps, where there is no progress bar

_GO_ON = "What was committed is safe. Started again, the replay goes on from there."


async def run(store: Store, path: Path, console: Console, *, channel: str, strict: bool) -> int:
    """Play a transcript; 0 = all of it is in the channel, 1 = it is not, 2 = nothing was played.

    That is so when nothing can come of any line, or some are malformed and `strict`.
    """
    with path.open("rb") as lines:
        transcript = read_transcript(lines)
    malformed = [skipped for skipped in transcript.skipped if skipped.malformed]
    _name_malformed(console, path, malformed)
    if strict and malformed:
        return 2
    if not transcript.steps:
        _print_skipped(console, transcript.skipped, [])
        console.print(f"There is nothing in {path.name} that could be replayed.", style="red")
        return 2
    replay = Replay(store, transcript)
    try:
        return await _run(replay, transcript, console, channel)
    except ChatError as error:
        console.print(f"Stopped ({error.code}): {error}.\n{_GO_ON}", style="red")
        return 1
    except asyncio.CancelledError:  # Ctrl-C
        console.print(f"Interrupted.\n{_GO_ON}", style="red")
        raise
    finally:
        await replay.close()


async def _run(replay: Replay, transcript: Transcript, console: Console, channel: str) -> int:
    began = time.perf_counter()
    before = await replay.prepare(channel)
    if before.changed:
        line = before.changed[0].line
        console.print(
            f"The channel {channel} holds another transcript: what it has of line {line} differs.", style="red"
        )
        console.print("Choose another channel with --channel.")
        return 1
    with _progress(console, len(transcript.steps), before.matched) as progressed:
        refused = await replay.submit(transcript.steps[before.matched :], progressed)
    seconds = time.perf_counter() - began
    after = await replay.check()
    _print_summary(console, transcript, before, seconds)
    _print_skipped(console, transcript.skipped, refused)
    return _print_verdict(console, transcript, after)


def _name_malformed(console: Console, path: Path, malformed: Sequence[Skipped]) -> None:
    for skipped in malformed[:MAX_NAMED]:
        console.print(f"{path.name}:{skipped.line}: {skipped.reason}", style="red")
    if len(malformed) > MAX_NAMED:
        console.print(f"{path.name}: {len(malformed) - MAX_NAMED} more malformed lines", style="red")


@contextmanager
def _progress(console: Console, total: int, completed: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, and a line now and then elsewhere; call it for each step."""
    if console.is_terminal:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("Replaying", total=total, completed=completed)
            yield lambda: progress.advance(task)
        return

    def advance() -> None:
        nonlocal completed
        completed += 1
        if completed % LINE_EVERY == 0:
            console.print(f"{completed:,} of {total:,}")

    yield advance


def _print_summary(console: Console, transcript: Transcript, before: Comparison, seconds: float) -> None:
    kinds = Counter(step.kind for step in transcript.steps)
    played = len(transcript.steps) - before.matched
    rows = [
        ("users", f"{len(transcript.nicks):,}", ""),
        (
            "messages",
            f"{kinds[StepKind.MESSAGE]:,}",
            _count(transcript.with_controls, "with control characters, made visible"),
        ),
        ("joins", f"{kinds[StepKind.JOIN]:,}", _count(transcript.joined_by_speaking, "by speaking")),
        ("leaves", f"{kinds[StepKind.LEAVE]:,}", ""),
        ("there before", f"{before.matched:,}", "events"),
        ("added now", f"{played:,}", "events"),
        ("seconds", f"{seconds:.1f}", f"{played / seconds:,.0f} events a second" if played else ""),
    ]
    for name, value, remark in rows:
        console.print(f"{name:<14}{value:>9}  {remark}".rstrip())


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number else ""


def _print_skipped(console: Console, skipped: Sequence[Skipped], refused: Sequence[Refused]) -> None:
    """Why nothing came of some lines, the commonest reason first."""
    reasons = [(skip.reason, skip.line) for skip in skipped]
    reasons += [(f"{refusal.error.code}: {refusal.error}", refusal.step.line) for refusal in refused]
    console.print(f"{'skipped':<14}{len(reasons):>9,}  lines")
    first: dict[str, int] = {}
    for reason, line in reasons:
        first.setdefault(reason, line)
    for reason, number in Counter(reason for reason, _ in reasons).most_common():
        console.print(f"  {number:,} x {reason} (first: line {first[reason]})")


def _print_verdict(console: Console, transcript: Transcript, after: Comparison) -> int:
    lost = len(transcript.steps) - after.matched
    if after.missing or after.changed or lost:
        console.print(
            f"The log, 1..{after.head}, is NOT what was sent: {after.missing} holes, {lost} events lost, "
            f"{len(after.changed)} messages changed.",
            style="red",
        )
        return 1
    console.print(f"The log is 1..{after.head} without a hole, and every message as it was sent.", style="green")
    return 0
