"""`hubbub audit`: what its arguments mean. Each of the two audits imports what it needs alone."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from hubbub.audit.plans import Plan

Urls = Annotated[
    list[str] | None,
    typer.Argument(metavar="URL…", help="A running server, like http://127.0.0.1:8000; of a cluster, all its nodes."),
]
DatabaseUrl = Annotated[
    str | None, typer.Option("--database-url", metavar="URL", help="A database, like sqlite:///hubbub.db: only read.")
]
Clients = Annotated[int, typer.Option(min=1, max=1000, help="Clients that talk.")]
Rooms = Annotated[int, typer.Option(min=1, max=1000, help="Rooms that they talk in.")]
RoomsEach = Annotated[int | None, typer.Option(min=1, help="Rooms of each client; all of them without this.")]
Seconds = Annotated[float, typer.Option(min=0.1, help="How long they talk.")]
Rate = Annotated[float, typer.Option(min=0.1, help="Messages a second, of all clients together.")]
Tokens = Annotated[
    Path | None,
    typer.Option(help="A file with an access token in each line: clients of these users.", exists=True, dir_okay=False),
]
Patience = Annotated[float, typer.Option(min=0, help="Seconds for which a server that is away is waited for.")]


def audit(
    urls: Urls = None,
    database_url: DatabaseUrl = None,
    clients: Clients = 10,
    rooms: Rooms = 3,
    rooms_each: RoomsEach = None,
    seconds: Seconds = 10.0,
    rate: Rate = 50.0,
    tokens: Tokens = None,
    patience: Patience = 120.0,
) -> None:
    """Prove that nothing is lost: on a running server, or in a database.

    A running server is talked to by many clients, which register as users of their own; what each of them receives is
    compared with the log. It may be killed and started again meanwhile. The users and their rooms stay there. A
    database is checked by itself, also while a server uses it. The exit code is 1 when anything is wrong.
    """
    if (not urls) == (database_url is None):
        raise typer.BadParameter("give either the URL of a server or --database-url")
    if database_url is not None:
        raise typer.Exit(_store(database_url))
    assert urls
    given = () if tokens is None else tuple(tokens.read_text("utf-8", "replace").split())
    if tokens is not None and not given:
        raise typer.BadParameter(f"there is no token in {tokens}")
    raise typer.Exit(
        _live(
            Plan(
                urls=tuple(urls),
                clients=clients,
                rooms=rooms,
                rooms_each=rooms_each,
                seconds=seconds,
                rate=rate,
                tokens=given,
                patience=patience,
            )
        )
    )


def _store(database_url: str) -> int:
    from rich.console import Console

    from hubbub.audit.reports import Bar, show
    from hubbub.audit.store import audit_store
    from hubbub.stores.sql import UnusableDatabase

    console = Console()
    try:
        with Bar(console) as bar:
            report = audit_store(database_url, bar)
    except UnusableDatabase as error:
        typer.secho(f"hubbub: {error}", err=True, fg="red")
        return 2
    show(console, report.findings, {"rooms": report.rooms, "events": report.events})
    return 1 if report.findings else 0


def _live(plan: Plan) -> int:
    from rich.console import Console

    from hubbub.audit.live import audit_server
    from hubbub.audit.reports import Bar, show
    from hubbub.client import ClientError
    from hubbub.domain.errors import ChatError

    console = Console()
    try:
        with Bar(console) as bar:
            report = asyncio.run(audit_server(plan, bar))
    except (ChatError, ClientError) as error:
        typer.secho(f"hubbub: {error}", err=True, fg="red")
        return 2
    figures = {
        "clients": report.clients,
        "connections": report.connections,
        "rooms": report.rooms,
        "messages acknowledged": report.acknowledged,
        "events": report.events,
        "deliveries": report.deliveries,
    }
    show(console, report.findings, figures)
    console.print(f"left behind on the server: {report.left}", highlight=False, soft_wrap=True)
    return 1 if report.findings else 0
