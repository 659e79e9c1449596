"""`hubbub simulate`: the whole chat at one keyboard."""

import sys
from io import TextIOWrapper
from typing import TextIO

from rich.console import Console

from hubbub.services.chat import Chat
from hubbub.services.ports import Clock, PasswordHasher, Store, Tokens
from hubbub.simulator.audience import Audience
from hubbub.simulator.interactive.commands import carry_out, complete
from hubbub.simulator.interactive.screens import PlainScreen, Tone
from hubbub.simulator.interactive.sessions import Session
from hubbub.simulator.interactive.terminals import TerminalScreen

WELCOME = """\
A chat in this terminal. Make two people and let them talk, line by line:
  /register ann
  /register ben
  /dm ann
  Hello, Ann!
  /as ann
/help lists the commands, Ctrl-D leaves."""


async def run(*, store: Store, hasher: PasswordHasher, tokens: Tokens, clock: Clock, accounts_last: bool) -> int:
    """Carry out what comes in on standard input, up to its end; the exit code of the process.

    `accounts_last`: the store is still there at the next start.

    On a terminal a refusal is part of the conversation. From a pipe it makes the exit code 1, and the rest goes on.
    """
    audience = Audience()
    chat = Chat(store=store, clock=clock, fanout=audience, hasher=hasher, tokens=tokens)
    try:
        if sys.stdin.isatty() and sys.stdout.isatty():
            terminal = TerminalScreen(Console())
            session = Session(chat, store, audience, terminal, accounts_last=accounts_last)
            terminal.complete = lambda line: complete(session, line)
            terminal.show(WELCOME, Tone.ASIDE)
            await converse(session)
            return 0
        _accept_everything(sys.stdin, sys.stdout)
        plain = PlainScreen(sys.stdin, sys.stdout)
        refused = await converse(Session(chat, store, audience, plain, accounts_last=accounts_last))
        return 1 if refused else 0
    finally:
        await chat.close()


def _accept_everything(source: TextIO, target: TextIO) -> None:
    """What is no text becomes half characters, which the chat refuses; what can't be written is spelled out."""
    if isinstance(source, TextIOWrapper):
        source.reconfigure(errors="surrogateescape")
    if isinstance(target, TextIOWrapper):
        target.reconfigure(errors="backslashreplace")


async def converse(session: Session) -> int:
    """Carry out lines until there are no more; how many were refused."""
    refused = 0
    while not session.ended:
        line = await session.screen.ask(session.prompt)
        if line is None:
            break
        if not await carry_out(session, line):
            refused += 1
    return refused
