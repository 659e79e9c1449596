"""Runs of many seeds, and of plans out of files, as somebody sees them in a terminal."""

from collections.abc import Collection
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hubbub.simulator.deterministic.plan import FAULTS, Plan, make_plan
from hubbub.simulator.deterministic.run import Result, run_plan
from hubbub.simulator.deterministic.shrink import shrink


def faults_of(text: str) -> list[str]:
    """The kinds of faults that a text names: `all`, `none`, or some with commas between them. Raise ValueError."""
    if text in {"all", "none"}:
        return list(FAULTS) if text == "all" else []
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in FAULTS]
    if unknown:
        raise ValueError(f"there is no fault {unknown[0]!r}: there are {', '.join(FAULTS)}, and all and none")
    return names


def run_seeds(
    console: Console, first: int, count: int, *, users: int, steps: int, faults: Collection[str], folder: Path
) -> int:
    """Run seeds until one breaks a promise, which is then shrunk and written to a file. Return an exit code."""
    events = 0
    with _progress(console, shown=count > 1) as progress:
        task = progress.add_task("seeds", total=count)
        for seed in range(first, first + count):
            plan = make_plan(seed, users=users, steps=steps, faults=faults)
            result = run_plan(plan)
            if result.violation is not None:
                progress.stop()
                console.print(f"seed {seed} broke a promise after {result.seconds:.2f} s: {result.violation}")
                _report(console, plan, result.violation.rule, folder / f"hubbub-seed-{seed}.json")
                return 1
            events += result.events
            progress.advance(task)
            if count == 1:
                _praise(console, result)
    if count > 1:
        console.print(f"{count} seeds kept every promise: {events:,} events")
    return 0


def replay(console: Console, path: Path) -> int:
    """Run the plan in a file. Return an exit code. Raise ValueError when it is none."""
    plan = Plan.from_json(path.read_text(encoding="utf-8"))
    result = run_plan(plan)
    if result.violation is None:
        _praise(console, result)
        return 0
    _show(console, plan)
    console.print(f"after {result.seconds:.2f} s, trace {result.trace}\n{result.violation}")
    return 1


def _praise(console: Console, result: Result) -> None:
    console.print(
        f"every promise was kept: {result.events:,} events in {result.seconds:.0f} simulated seconds, "
        f"{result.steps:,} steps, trace {result.trace}"
    )


def _report(console: Console, plan: Plan, rule: str, path: Path) -> None:
    """Shrink a plan that breaks a rule, and say how to run what is left."""
    with console.status("shrinking"):
        smaller, runs = shrink(plan, rule, lambda plan: run_plan(plan).violation)
    path.write_text(smaller.to_json(), encoding="utf-8")
    console.print(f"{len(smaller.items)} of its {len(plan.items)} items are enough ({runs} runs):")
    _show(console, smaller)
    console.print(f"to run them again: hubbub simulate --plan {path}")


def _show(console: Console, plan: Plan) -> None:
    for item in plan.items:
        args = " ".join(f"{name}={value}" for name, value in item.args.items())
        console.print(f"  {item.at:8.3f}  {item.do:<10} {args}")


def _progress(console: Console, *, shown: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not shown)
