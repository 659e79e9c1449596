"""`hubbub simulate FILE…`: play scenario files, and say where something was not as they expect."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from hubbub.simulator.scenarios.plays import play
from hubbub.simulator.scenarios.scripts import Scenario, parse

SHIPPED = Path(__file__).parent


def shipped() -> Mapping[str, Path]:
    """The scenario files that come with hubbub, by name."""
    return {file.stem: file for file in sorted(SHIPPED.glob("*.chat"))}


def list_shipped(console: Console) -> int:
    """Say which there are, and what each is about: its first line."""
    for name, file in shipped().items():
        about = file.read_text("utf-8").splitlines()[0].lstrip("# ")
        console.print(f"{name}  {about}")
        console.print(f"  {file}", style="bright_black")
    return 0


def run(names: Sequence[str], console: Console) -> int:
    """Play these files; 0 = all scenarios passed, 1 = some failed, 2 = some files are none: nothing is played."""
    scenarios: list[Scenario] = []
    problems: list[str] = []
    for name in names:
        try:
            text = _read(name)
        except FileNotFoundError:
            problems.append(f"{name}: there is no such file\n  --list names the scenarios that come with hubbub")
            continue
        except OSError as error:
            problems.append(f"{name}: {error.strerror}")
            continue
        except UnicodeDecodeError:
            problems.append(f"{name}: it is not a text in UTF-8")
            continue
        found, mistakes = parse(name, text)
        scenarios += found
        problems += map(str, mistakes)
        if not found and not mistakes:
            problems.append(f"there is no scenario in {name}")
    if problems:
        for problem in problems:
            console.print(problem, style="red")
        return 2
    return asyncio.run(_play_all(scenarios, console))


async def _play_all(scenarios: Sequence[Scenario], console: Console) -> int:
    failed = 0
    for scenario in scenarios:
        failure = await play(scenario)
        console.print(
            f"{'ok  ' if failure is None else 'FAIL'}  {scenario.title}", style="" if failure is None else "red"
        )
        if failure is not None:
            failed += 1
            console.print(str(failure))
    console.print(f"{len(scenarios) - failed} passed, {failed} failed", style="red" if failed else "green")
    return 1 if failed else 0


def _read(name: str) -> str:
    """A scenario file that comes with hubbub, or any other. Raise OSError, UnicodeDecodeError."""
    return shipped().get(name, Path(name)).read_text("utf-8")
