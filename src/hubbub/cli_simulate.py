"""`hubbub simulate`: what its arguments mean, and what the simulator gets to work with.

The simulator knows no database but the one in memory, no passwords and no tokens: they are put together here. Each mode
imports what it needs alone, so that the chat in a terminal starts at once and without a web framework.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from hubbub.services.ports import Store

USERS = 6  # of a seed
STEPS = 80

Scenarios = Annotated[
    list[str] | None, typer.Argument(metavar="SCENARIO", help="Scenario files to run, or names out of --list.")
]
ListThem = Annotated[bool, typer.Option("--list", help="List the scenarios that come with hubbub, and end.")]
Replay = Annotated[
    Path | None,
    typer.Option(help="Play this transcript (JSON lines) into a channel.", metavar="FILE", exists=True, dir_okay=False),
]
Channel = Annotated[
    str | None, typer.Option(help="The channel of a replay (the name of its file).", metavar="NAME", show_default=False)
]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse a transcript that has malformed lines.")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(help="Where the chat is kept (in memory): sqlite:///chat.db, say.", metavar="URL", show_default=False),
]
Seed = Annotated[
    int | None, typer.Option(help="Run a cluster and its users in virtual time; the same seed is the same run.")
]
Seeds = Annotated[
    int | None, typer.Option(help="How many seeds to run, from --seed (1) on, until one breaks a promise.", min=1)
]
Users = Annotated[int | None, typer.Option(help=f"Users of a seed ({USERS}).", min=2)]
Steps = Annotated[int | None, typer.Option(help=f"What they do and what goes wrong, taken together ({STEPS}).", min=1)]
Faults = Annotated[
    str | None,
    typer.Option(help="What goes wrong: all (if not said), none, or some of the list in docs/simulation.md."),
]
PlanFile = Annotated[
    Path | None,
    typer.Option("--plan", help="Run again what a failing seed has left.", metavar="FILE", exists=True, dir_okay=False),
]


def simulate(
    scenarios: Scenarios = None,
    list_them: ListThem = False,
    replay: Replay = None,
    channel: Channel = None,
    strict: Strict = False,
    database_url: DatabaseUrl = None,
    seed: Seed = None,
    seeds: Seeds = None,
    users: Users = None,
    steps: Steps = None,
    faults: Faults = None,
    plan: PlanFile = None,
) -> None:
    """Run the chat in this terminal, without a server.

    You type what people do; or scenario files say what they do and must see; or a transcript of another chat is played;
    or a seed decides what many users do to a cluster in which everything goes wrong.
    """
    seeded = seed is not None or seeds is not None
    if sum(map(bool, (scenarios, list_them, replay, seeded, plan))) > 1:
        raise typer.BadParameter("scenarios, --list, --replay, --seed and --plan exclude each other")
    if (channel is not None or strict) and replay is None:
        raise typer.BadParameter("--channel and --strict go with --replay")
    if not seeded and (users, steps, faults) != (None, None, None):
        raise typer.BadParameter("--users, --steps and --faults go with --seed or --seeds")
    if database_url is not None and (scenarios or list_them or seeded or plan):
        raise typer.BadParameter("this begins in an empty chat of its own: --database-url does not go with it")
    if scenarios or list_them:
        code = _scenarios(scenarios or [])
    elif seeded:
        first = 1 if seed is None else seed
        code = _seeds(first, seeds or 1, users or USERS, steps or STEPS, "all" if faults is None else faults)
    elif plan is not None:
        code = _plan(plan)
    elif replay is not None:
        code = asyncio.run(_replay(replay, channel or replay.stem, strict, database_url))
    else:
        code = asyncio.run(_interactive(database_url))
    raise typer.Exit(code)


def _scenarios(names: list[str]) -> int:
    from hubbub.simulator.consoles import open_console
    from hubbub.simulator.scenarios import files

    console = open_console()
    return files.run(names, console) if names else files.list_shipped(console)


def _seeds(first: int, count: int, users: int, steps: int, faults: str) -> int:
    from hubbub.simulator.consoles import open_console
    from hubbub.simulator.deterministic import campaigns

    try:
        kinds = campaigns.faults_of(faults)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    console = open_console()
    return campaigns.run_seeds(console, first, count, users=users, steps=steps, faults=kinds, folder=Path())


def _plan(path: Path) -> int:
    from hubbub.simulator.consoles import open_console
    from hubbub.simulator.deterministic import campaigns

    try:
        return campaigns.replay(open_console(), path)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise typer.BadParameter(f"{path}: this is not a plan, which is JSON and left by a seed that failed") from None
    except ValueError as error:
        raise typer.BadParameter(f"{path}: {error}") from None


async def _interactive(database_url: str | None) -> int:
    from hubbub.security.keys import parse_keys
    from hubbub.security.passwords import Argon2Hasher
    from hubbub.security.tokens import JwtTokens
    from hubbub.services.clocks import SystemClock
    from hubbub.simulator.interactive import conversations

    clock = SystemClock()
    tokens = JwtTokens(parse_keys(secrets.token_urlsafe(48)), clock)  # they end with the process
    hasher = Argon2Hasher()
    try:
        with _refusals_unlogged():
            async with _open_store(database_url) as store:
                return await conversations.run(
                    store=store, hasher=hasher, tokens=tokens, clock=clock, accounts_last=database_url is not None
                )
    finally:
        await hasher.close()


async def _replay(path: Path, channel: str, strict: bool, database_url: str | None) -> int:
    from hubbub.simulator.consoles import open_console
    from hubbub.simulator.replays import reports

    async with _open_store(database_url) as store:
        return await reports.run(store, path, open_console(), channel=channel, strict=strict)


@contextmanager
def _refusals_unlogged() -> Iterator[None]:
    """Let no line of the log stand between what people say, but what is broken."""
    log = logging.getLogger("hubbub")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


@asynccontextmanager
async def _open_store(database_url: str | None) -> AsyncIterator[Store]:
    store = _store(database_url)
    try:
        yield store
    finally:
        await store.close()


def _store(database_url: str | None) -> Store:
    """In memory, or the database at this URL. End with a sentence when it can't be used."""
    if database_url is None:
        from hubbub.stores.memory import MemoryStore

        return MemoryStore()
    from hubbub.stores.sql import SqlStore
    from hubbub.stores.sql.errors import DatabaseBusy, UnusableDatabase

    try:
        return SqlStore.open(database_url)
    except (DatabaseBusy, UnusableDatabase) as error:
        typer.echo(f"hubbub: {error}", err=True)
        raise typer.Exit(1) from None
