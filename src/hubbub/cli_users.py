"""`hubbub users`: accounts, for whoever runs the server. It works on the database, and asks nobody for permission."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hubbub.domain.ids import UserId
    from hubbub.services.chat import Chat

users = typer.Typer(
    help="Look after accounts, directly in the database: a SQLite file while no server runs, PostgreSQL at any time.",
    no_args_is_help=True,
)

Login = Annotated[str, typer.Argument(metavar="USER", help="A username or an e-mail address.", show_default=False)]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        help="sqlite:///chat.db, or postgresql+psycopg://user:password@host/chat. [HUBBUB_DATABASE_URL]",
        show_default=False,
    ),
]


def _examples(*lines: str) -> str:
    return "\n\n".join(("[bold]Examples[/bold]", *lines))


@users.command("list", epilog=_examples("hubbub users list", "hubbub users list | grep administrator"))
def show(database_url: DatabaseUrl = None) -> None:
    """Show all accounts: id, username, e-mail address, and what is special about them."""

    async def act(chat: "Chat") -> None:
        async for user in chat.administration.everybody():
            special = ("administrator", user.is_admin), ("disabled", user.disabled_at is not None)
            words = " ".join(word for word, holds in special if holds)
            typer.echo(f"{user.id:>6}  {user.username:<32}  {user.email:<32}  {words}".rstrip())

    _run(act, database_url)


@users.command(
    epilog=_examples("hubbub users add ann ann@example.org", "pwgen 20 1 | hubbub users add ann ann@example.org")
)
def add(
    username: Annotated[str, typer.Argument(metavar="USERNAME", help="To sign in with.", show_default=False)],
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="To sign in with as well.", show_default=False)],
    display_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What others see (the username).", show_default=False)
    ] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make an account, also where registration is closed. The password is typed, or a line of the standard input."""
    password = _password()

    async def act(chat: "Chat") -> None:
        user = await chat.accounts.register(username, email, password, display_name)
        typer.echo(f"{user.username} has an account now, with the id {user.id}")

    _run(act, database_url)


@users.command(epilog=_examples("hubbub users grant-admin ann"))
def grant_admin(login: Login, database_url: DatabaseUrl = None) -> None:
    """Make somebody an administrator, who may disable accounts and sees e-mail addresses."""
    _change(
        login, lambda chat, user_id: chat.administration.grant_admin(user_id), "is an administrator now", database_url
    )


@users.command(epilog=_examples("hubbub users revoke-admin ann"))
def revoke_admin(login: Login, database_url: DatabaseUrl = None) -> None:
    """Take that back. The last administrator who can sign in stays one."""
    _change(
        login,
        lambda chat, user_id: chat.administration.revoke_admin(user_id),
        "is no administrator any more",
        database_url,
    )


@users.command(epilog=_examples("hubbub users disable ann", "hubbub users disable ann@example.org"))
def disable(login: Login, database_url: DatabaseUrl = None) -> None:
    """Sign somebody out everywhere, and let nobody sign in to their account. What they have said stays."""
    _change(
        login,
        lambda chat, user_id: chat.administration.disable(user_id, by=None),
        "can't sign in any more; open connections end within 15 seconds",
        database_url,
    )


@users.command(epilog=_examples("hubbub users enable ann"))
def enable(login: Login, database_url: DatabaseUrl = None) -> None:
    """Let somebody sign in again whose account was disabled."""
    _change(
        login, lambda chat, user_id: chat.administration.enable(user_id, by=None), "can sign in again", database_url
    )


@users.command(epilog=_examples("hubbub users reset-password ann", "pwgen 20 1 | hubbub users reset-password ann"))
def reset_password(login: Login, database_url: DatabaseUrl = None) -> None:
    """Set another password, and sign out all devices. It is typed, or a line of the standard input."""
    password = _password()
    _change(
        login,
        lambda chat, user_id: chat.administration.reset_password(user_id, password),
        "has another password; open connections end within 15 seconds",
        database_url,
    )


def _password() -> str:
    """Never out of an argument: others on this machine see those, and the shell keeps them."""
    if sys.stdin.isatty():
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    line: str = typer.get_text_stream("stdin", errors="surrogateescape").readline()  # the rules refuse what is no text
    return line.rstrip("\r\n")


def _change(
    login: str, change: Callable[["Chat", "UserId"], Awaitable[object]], words: str, database_url: str | None
) -> None:
    async def act(chat: "Chat") -> None:
        user = await chat.administration.find(login)
        await change(chat, user.id)
        typer.echo(f"{user.username} {words}")

    _run(act, database_url)


def _run(act: Callable[["Chat"], Awaitable[None]], database_url: str | None) -> None:
    from hubbub.compose import open_chat
    from hubbub.domain.errors import ChatError
    from hubbub.settings import UnusableSettings, load_settings
    from hubbub.stores.sql import UnusableDatabase

    async def run() -> None:
        async with open_chat(load_settings({} if database_url is None else {"database_url": database_url})) as chat:
            await act(chat)

    try:
        asyncio.run(run())
    except (UnusableSettings, UnusableDatabase, ChatError) as error:
        typer.secho(f"hubbub: {error}", err=True, fg="red")
        raise typer.Exit(2) from None
