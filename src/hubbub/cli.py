"""The command line. Each command imports what it needs, so that help is quick."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from hubbub import __version__
from hubbub.cli_audit import audit
from hubbub.cli_simulate import simulate
from hubbub.cli_users import DatabaseUrl, users

if TYPE_CHECKING:
    from hubbub.settings import Settings

WRONG = 2  # the exit code when something has to be mended first
AWAY = 75  # the exit code when a start may succeed in a moment: EX_TEMPFAIL of sysexits.h

log = logging.getLogger(__name__)

app = typer.Typer(
    name="hubbub",
    help="A real-time chat server, and the same chat without a server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # it shows the values of variables, and a defect is for the log
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
database = typer.Typer(help="Look after the database.", no_args_is_help=True)
keys = typer.Typer(help="Look after the keys that tokens are signed with.", no_args_is_help=True)
app.add_typer(database, name="db")
app.add_typer(users, name="users")
app.add_typer(keys, name="keys")


def main() -> None:
    """The console script."""
    if os.getpid() == 1:  # of a container: the kernel keeps signals from it that it has not asked for
        signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))  # until the server has its own way
    _open_streams()
    app()


def _open_streams() -> None:
    """Lead standard streams that are closed (`>&-`) nowhere: another file would get their number, and their lines."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdin = sys.stdin or os.fdopen(0)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hubbub {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """A real-time chat server, and the same chat without a server."""


@contextmanager
def _unheard() -> Iterator[None]:
    """What could not be written until the end is given up: the interpreter would make an exit code of its own of it."""
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@app.command(
    epilog="[bold]Examples[/bold]\n\n"
    "hubbub serve\n\n"
    "hubbub serve --host 0.0.0.0 --port 9000 --database-url sqlite:////var/lib/hubbub/chat.db\n\n"
    "HUBBUB_REGISTRATION=closed hubbub serve\n\n"
    "Every setting is also an environment variable: see docs/settings.md."
)
@_unheard()
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on (127.0.0.1). [HUBBUB_HOST]", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port (8000); 0 = a free one. [HUBBUB_PORT]", show_default=False)
    ] = None,
    database_url: DatabaseUrl = None,
    bus_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="nats://host:4222, say. [HUBBUB_BUS_URL]", show_default=False),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that serve (1). [HUBBUB_WORKERS]", show_default=False)
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option(help="debug, info, warning or error (info). [HUBBUB_LOG_LEVEL]", show_default=False),
    ] = None,
) -> None:
    """Start the chat server."""
    from hubbub.buses.nats_address import UnusableBus
    from hubbub.buses.nats_server import NoNatsServer
    from hubbub.compose import run_server
    from hubbub.security.keys import UnusableKeys
    from hubbub.settings import UnusableSettings, load_settings
    from hubbub.stores.sql import DatabaseUnreachable, UnusableDatabase
    from hubbub.web.server import CannotListen
    from hubbub.workers import WorkerFailed

    given = {
        "host": host,
        "port": port,
        "workers": workers,
        "database_url": database_url,
        "bus_url": bus_url,
        "log_level": log_level,
    }
    try:
        settings = load_settings({name: value for name, value in given.items() if value is not None})
        run_server(settings, started=lambda port, warnings: _say_started(settings, port, warnings))
    except DatabaseUnreachable as error:
        _fail(str(error), AWAY)
    except (UnusableSettings, UnusableBus, UnusableDatabase, UnusableKeys, CannotListen, NoNatsServer) as error:
        _fail(str(error))
    except WorkerFailed as error:
        _fail(str(error), AWAY if error.code == AWAY else WRONG)


@app.command(hidden=True)
@_unheard()
def worker(file_number: Annotated[int, typer.Argument(help="The listening socket.")]) -> None:
    """What `hubbub serve --workers` starts."""
    from hubbub.buses.nats_address import UnusableBus
    from hubbub.compose import run_worker
    from hubbub.security.keys import UnusableKeys
    from hubbub.settings import UnusableSettings, load_settings
    from hubbub.stores.sql import DatabaseUnreachable, UnusableDatabase

    try:
        run_worker(load_settings(), file_number)
    except DatabaseUnreachable as error:
        _fail(str(error), AWAY)
    except (UnusableSettings, UnusableBus, UnusableDatabase, UnusableKeys) as error:
        _fail(str(error))


def _say_started(settings: "Settings", port: int, warnings: tuple[str, ...]) -> None:
    from hubbub.stores.sql import shown as shown_database

    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    shown = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - shown, not bound
    url = f"http://{shown}:{port}"
    lines = [f"hubbub {__version__} listens on {url}", f"  database  {shown_database(settings.database_url)}"]
    lines.append(f"  next      open {url}: make an account, and talk")
    if settings.docs:
        lines.append(f"  programs  {url}/docs has all requests to try")
    lines.append("  stop      Ctrl-C")
    with suppress(OSError):  # who does not want to read it, or has no room for it, may want the server
        typer.echo("\n".join(lines))
    for warning in warnings:
        log.warning("%s", warning)


app.command()(simulate)
app.command()(audit)


@database.command()
def upgrade(database_url: DatabaseUrl = None) -> None:
    """Bring the database's tables up to date. `hubbub serve` does so by itself."""
    from hubbub.stores.sql import UnusableDatabase
    from hubbub.stores.sql import current as current_revision
    from hubbub.stores.sql import upgrade as upgrade_schema

    url = _database_url(database_url)
    try:
        before, _ = current_revision(url)
        upgrade_schema(url)
        after, _ = current_revision(url)
    except UnusableDatabase as error:
        _fail(str(error))
    typer.echo(f"{after} (nothing to do)" if before == after else f"{before or 'no database'} -> {after}")


@database.command()
def current(database_url: DatabaseUrl = None) -> None:
    """Show the revision of the database's tables, and the one that this release works with."""
    from hubbub.stores.sql import UnusableDatabase
    from hubbub.stores.sql import current as current_revision

    try:
        revision, newest = current_revision(_database_url(database_url))
    except UnusableDatabase as error:
        _fail(str(error))
    if revision is None:
        typer.echo(f"there is no database yet: hubbub db upgrade makes one at revision {newest}")
    else:
        typer.echo(
            revision if revision == newest else f"{revision}, but this release needs {newest}: hubbub db upgrade"
        )


@database.command()
def backup(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The copy. It must not be there yet.", show_default=False)
    ],
    database_url: DatabaseUrl = None,
) -> None:
    """Copy a SQLite database to a new file, also while a server uses it. To restore it, put it in its place."""
    from hubbub.stores.sql import UnusableDatabase, back_up

    try:
        size = back_up(_database_url(database_url), file)
    except UnusableDatabase as error:
        _fail(str(error))
    typer.echo(f"{file}: {size:,} bytes, and whole")


@database.command()
def new_epoch(database_url: DatabaseUrl = None) -> None:
    """Let clients notice that this database was restored. A copy by `hubbub db backup` does not need it."""
    from hubbub.stores.sql import UnusableDatabase, renew_epoch

    try:
        epoch = renew_epoch(_database_url(database_url))
    except UnusableDatabase as error:
        _fail(str(error))
    typer.echo(f"the epoch is {epoch} now: every client starts anew")


@keys.command()
def rotate(
    file: Annotated[
        Path | None, typer.Option(help="The key file (beside the database). [HUBBUB_SECRET_FILE]", show_default=False)
    ] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Sign new tokens with a new key. Those of the last key stay valid; restart the server to use it."""
    from hubbub.compose import key_file
    from hubbub.security.keys import UnusableKeys, rotate_keys
    from hubbub.settings import UnusableSettings, load_settings

    overrides = {} if database_url is None else {"database_url": database_url}
    try:
        settings = load_settings(overrides)
        if file is None and settings.secret is not None:
            _fail("the keys come from HUBBUB_SECRET, not from a file: put a new one in front of them there")
        path = file or key_file(settings)
        rotated = rotate_keys(path)
    except (UnusableSettings, UnusableKeys) as error:
        _fail(str(error))
    typer.echo(f"{path.absolute()}: signs with {rotated[0].kid}, and still accepts {len(rotated) - 1} older")


def _database_url(given: str | None) -> str:
    from hubbub.settings import UnusableSettings, load_settings

    try:
        return load_settings({} if given is None else {"database_url": given}).database_url
    except UnusableSettings as error:
        _fail(str(error))


def _fail(message: str, code: int = WRONG) -> NoReturn:
    with suppress(OSError):  # then the exit code has to say it
        typer.secho(f"hubbub: {message}", err=True, fg="red")
    raise typer.Exit(code)
