"""The interactive simulation on a terminal: with a keyboard that a test types on, and in a real one."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from hubbub.simulator.interactive.conversations import WELCOME
from hubbub.simulator.interactive.screens import Tone
from hubbub.simulator.interactive.terminals import TerminalScreen

CTRL_C, CTRL_D, TAB, UP = "\x03", "\x04", "\t", "\x1b[A"
ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[=>])")


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as keys:
        yield keys


def screen(keys: PipeInput) -> TerminalScreen:
    return TerminalScreen(Console(), source=keys, target=DummyOutput())


async def test_ctrl_c_cancels_the_line_and_ctrl_d_ends(keys: PipeInput) -> None:
    terminal = screen(keys)

    keys.send_text(f"half a line{CTRL_C}")
    assert await terminal.ask("> ") == ""
    keys.send_text("a line\r")
    assert await terminal.ask("> ") == "a line"
    keys.send_text(CTRL_D)
    assert await terminal.ask("> ") is None


async def test_lines_that_are_pasted_together_are_typed_one_after_the_other(
    keys: PipeInput, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = screen(keys)
    keys.send_text("\x1b[200~one\r\ntwo\nthree\x1b[201~ and more\rfour\r")

    assert [await lines.ask(f"{number}> ") for number in range(4)] == ["one", "two", "three and more", "four"]
    assert capsys.readouterr().out == "1> two\n2> three and more\n"


async def test_a_password_can_be_given_left_out_and_cancelled(keys: PipeInput) -> None:
    terminal = screen(keys)

    for typed, password in [("secret\r", "secret"), ("\r", ""), (CTRL_C, None), (CTRL_D, None)]:
        keys.send_text(typed)
        assert await terminal.ask_password("Password: ") == password


async def test_a_password_is_no_line_of_the_history(keys: PipeInput) -> None:
    terminal = screen(keys)

    keys.send_text("a line\r")
    await terminal.ask("> ")
    keys.send_text("secret\r")
    await terminal.ask_password("Password: ")
    keys.send_text(f"{UP}\r")
    assert await terminal.ask("> ") == "a line"


async def test_tab_completes_the_word_before_the_cursor(keys: PipeInput) -> None:
    terminal = screen(keys)
    terminal.complete = lambda line: ["/switch "] if line == "/sw" else ["ann+ben"] if line == "/switch an" else []

    keys.send_text(f"/sw{TAB}an{TAB}\r")
    assert await terminal.ask("> ") == "/switch ann+ben"


def test_what_is_shown_is_no_markup_and_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    text = "[red]" + "x" * 200

    with create_pipe_input() as keys:
        TerminalScreen(Console(width=40), source=keys, target=DummyOutput()).show(text, Tone.ERROR)

    assert capsys.readouterr().out == f"{text}\n"


class Terminal:
    """`hubbub simulate` on a terminal of its own."""

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from hubbub.cli import main; main()", "simulate", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", **(environment or {})},
            start_new_session=True,
        )
        os.close(slave)
        self.output = ""
        self._seen = 0  # characters that were waited for
        self._shown = ""  # what has come since, without escape codes

    def read_until(self, text: str) -> None:
        """Wait for a text behind what was read before."""
        while text not in self._shown:
            self.output += os.read(self._master, 4096).decode("utf-8", "replace")
            self._shown = ESCAPE.sub("", self.output)[self._seen :]
        length = self._shown.index(text) + len(text)
        self._seen += length
        self._shown = self._shown[length:]

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> int:
        try:
            while os.read(self._master, 65536):
                pass
        except OSError:  # Linux: the other end is closed
            pass
        os.close(self._master)
        return self._process.wait()


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}])
def test_a_conversation_on_a_real_terminal(environment: dict[str, str], tmp_path: Path) -> None:
    """Accounts that outlive the program have passwords that their owners know."""
    terminal = Terminal("--database-url", f"sqlite:///{tmp_path}/chat.db", environment=environment)
    terminal.read_until("hubbub>")
    terminal.type("/register ann\r")
    terminal.read_until("makes one up):")
    terminal.type("secret-word\r")
    terminal.read_until("ann>")
    terminal.type("/reg\tben\r")
    terminal.read_until("makes one up):")
    terminal.type("\r")
    terminal.read_until("ben>")
    terminal.type("/register cleo\r")
    terminal.read_until("makes one up):")
    terminal.type(CTRL_C)
    terminal.read_until("no account was made.")
    terminal.type("/login ann\r")
    terminal.read_until("Password of ann:")
    terminal.type("secret-word\r")
    terminal.read_until("Welcome back, ann.")
    terminal.type("/as ben\r")
    terminal.read_until("ben>")
    terminal.type("/dm a\t\r")
    terminal.read_until("ben ann+ben>")
    terminal.type("never said\x03")
    terminal.read_until("ben ann+ben>")
    terminal.type("hello\r")
    terminal.read_until("[4] ben: hello  (seen by ann, ben)")
    terminal.read_until("ben ann+ben>")
    terminal.type("/kick ann\r")
    terminal.read_until("Refused (forbidden)")
    terminal.read_until("ben ann+ben>")
    terminal.type(CTRL_D)

    assert terminal.end() == 0
    assert "secret-word" not in terminal.output
    assert ("\x1b[31m" in terminal.output) == (not environment)  # red


def test_what_the_welcome_says_can_be_pasted_and_no_line_of_it_becomes_a_password() -> None:
    terminal = Terminal()
    terminal.read_until("hubbub>")
    for line in (line for line in WELCOME.splitlines() if line.startswith("  ")):
        terminal.type(f"{line}\r")
    terminal.read_until("Welcome, ann. Your password was made up.")
    terminal.read_until("Welcome, ben. Your password was made up.")
    terminal.read_until("[4] ben: Hello, Ann!  (seen by ann, ben)")
    terminal.read_until("ann>")
    terminal.type("/login ben\r")
    terminal.read_until("Password of ben:")
    terminal.type("a-guess\r")
    terminal.read_until("Refused (unauthenticated)")
    terminal.read_until("ann>")
    terminal.type(CTRL_D)

    assert terminal.end() == 0
    assert "a log-in failed" not in terminal.output
