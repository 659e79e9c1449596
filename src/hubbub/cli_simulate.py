"""`hubbub simulate`: what its arguments mean, and what the simulator gets to work with.

The simulator knows no database but the one in memory, no passwords and no tokens: they are put together here. Each mode
imports what it needs alone, so that the chat in a terminal starts at once and without a web framework.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from hubbub.services.ports import Store

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


def simulate(
    scenarios: Scenarios = None,
    list_them: ListThem = False,
    replay: Replay = None,
    channel: Channel = None,
    strict: Strict = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Run the chat in this terminal, without a server.

    You type what people do; or scenario files say what they do and must see; or a transcript of another chat is played.
    """
    if sum(map(bool, (scenarios, list_them, replay))) > 1:
        raise typer.BadParameter("scenarios, --list and --replay exclude each other")
    if (channel is not None or strict) and replay is None:
        raise typer.BadParameter("--channel and --strict go with --replay")
    if database_url is not None and (scenarios or list_them):
        raise typer.BadParameter("a scenario begins in an empty chat of its own: --database-url does not go with it")
    if scenarios or list_them:
        code = _scenarios(scenarios or [])
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


async def _interactive(database_url: str | None) -> int:
    from hubbub.security.keys import parse_keys
    from hubbub.security.passwords import Argon2Hasher
    from hubbub.security.tokens import JwtTokens
    from hubbub.simulator.clocks import WallClock
    from hubbub.simulator.interactive import conversations

    clock = WallClock()
    tokens = JwtTokens(parse_keys(secrets.token_urlsafe(48)), clock)  # they end with the process
    hasher = Argon2Hasher()
    try:
        async with _open_store(database_url) as store:
            return await conversations.run(store=store, hasher=hasher, tokens=tokens, clock=clock)
    finally:
        await hasher.close()


async def _replay(path: Path, channel: str, strict: bool, database_url: str | None) -> int:
    from hubbub.simulator.consoles import open_console
    from hubbub.simulator.replays import reports

    async with _open_store(database_url) as store:
        return await reports.run(store, path, open_console(), channel=channel, strict=strict)


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
