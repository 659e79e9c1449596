"""Runs what a document shows, in order, and compares what it shows as the outcome.

A fenced block is one of these; all others (`text`, `mermaid`, …) are pictures:

- `pycon`: a Python shell that understands a bare `await`, as `python -m asyncio` starts it. One shell for a document.
- `console`: a terminal. `$ ` begins a command; a line that begins with the prompt of an interactive program (`> `,
  `ann> `) is typed; `^C` interrupts what runs; the rest is what is printed. A word behind `console` is the name of
  another terminal. The last command of a block may go on running.
- `python name.py`, `json name.json` and the like: a file, saved under that name.

`…` stands for anything. The port of 127.0.0.1:8000 becomes a free one.
"""

import ast
import contextlib
import doctest
import inspect
import io
import os
import re
import signal
import subprocess
import sys
import threading
import traceback
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.ports import reserved_port

PATIENCE = 120.0  # seconds until a command must have printed what is shown

_FENCE = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TYPED = re.compile(r"[\w+ ]*> \S.*")
_ANSI = re.compile(r"\x1b(?:[78]|\[[0-9;]*[A-Za-z])")
_ENDED = "--- the command has ended"


class DiffersFromPage(AssertionError):
    """A block did not do what its document shows."""


@dataclass(frozen=True, slots=True)
class Block:
    line: int
    language: str
    name: str
    text: str


def blocks(markdown: str) -> Iterator[Block]:
    for match in _FENCE.finditer(markdown):
        yield Block(markdown.count("\n", 0, match.start()) + 2, match[1], match[2], match[3])


async def run_page(markdown: str) -> None:
    """Run the blocks of a document in the current folder. Raise DiffersFromPage."""
    shell = PythonShell()
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(reserved_port())
        terminals: dict[str, Terminal] = {}
        for block in blocks(markdown.replace("127.0.0.1:8000", f"127.0.0.1:{port}")):
            try:
                if block.language == "pycon":
                    await shell.run(block.text)
                elif block.language == "console":
                    if block.name not in terminals:
                        terminals[block.name] = stack.enter_context(Terminal(port))
                    terminals[block.name].run(block.text)
                elif block.name:
                    save(block)
            except DiffersFromPage as difference:
                raise DiffersFromPage(f"the block at line {block.line}: {difference}") from None


def save(block: Block) -> None:
    Path(block.name).write_text(block.text, encoding="utf-8")


def matches(shown: str, printed: str) -> bool:
    pattern = ".*?".join(map(re.escape, shown.rstrip().split("…")))
    return re.fullmatch(pattern, printed.rstrip(), re.DOTALL) is not None


def require_match(source: str, shown: str, printed: str) -> None:
    if not matches(shown, printed):
        raise DiffersFromPage(f"{source.strip()}\n--- shown:\n{shown.rstrip()}\n--- printed:\n{printed.rstrip()}")


class PythonShell:
    """What `python -m asyncio` does with the lines that are typed into it."""

    def __init__(self) -> None:
        self._names: dict[str, object] = {"__name__": "__main__"}

    async def run(self, text: str) -> None:
        for example in doctest.DocTestParser().get_examples(text):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                await self._run_statement(example.source)
            require_match(example.source, example.want, printed.getvalue())

    async def _run_statement(self, source: str) -> None:
        code = compile(source, "<page>", "single", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        try:
            result = types.FunctionType(code, self._names)()
            if inspect.iscoroutine(result):
                await result
        except Exception:  # noqa: BLE001 - a page may show any of them
            traceback.print_exc(file=sys.stdout)


class Terminal:
    """A shell in the current folder."""

    def __init__(self, port: int) -> None:
        settings = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
        self._process = subprocess.Popen(
            ["bash", "--norc"],
            env={**settings, "HUBBUB_PORT": str(port)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._changed = threading.Condition()
        self._lines: list[str] = []  # what the command printed
        self._ended = True
        self._command = self._shown = ""
        self._typed: set[str] = set()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._write("trap : INT")  # as in a shell at a keyboard, ^C is for what runs in it

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def run(self, text: str) -> None:
        for line in text.replace("\\\n", "").splitlines():
            if line.startswith("$ "):
                self._finish()
                self._start(line.removeprefix("$ "))
            elif line == "^C":
                self._expect()
                self._interrupt()
                self._shown = self._shown.rstrip() + "…"  # it may say goodbye
            elif _TYPED.fullmatch(line):
                self._expect()
                self._typed.add(line)
                self._write(line.partition("> ")[2])
            else:
                self._shown += line + "\n"
        self._expect()

    def _interrupt(self) -> None:
        """Press ^C, and once more if nothing comes of it: a shell between two commands may be all that heard it."""
        for _ in range(2):
            os.killpg(self._process.pid, signal.SIGINT)
            with self._changed:
                if self._changed.wait_for(lambda: self._ended, PATIENCE / 2):
                    return

    def _start(self, command: str) -> None:
        self._command, self._shown, self._typed = command, "", set()
        self._lines.clear()
        self._ended = False
        self._write(f"{command}; echo '{_ENDED}'")

    def _finish(self) -> None:
        """Wait for the end of the command, and compare all that it has printed."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._ended, PATIENCE):
                raise DiffersFromPage(f"{self._command}: it is still running")
        require_match(self._command, self._shown, self._printed())

    def _expect(self) -> None:
        """Wait until the command has printed what is shown."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or matches(self._shown, self._printed()), PATIENCE)
        require_match(self._command, self._shown, self._printed())

    def _printed(self) -> str:
        """Without prompts and what was typed behind them, which a terminal shows by itself."""
        lines = (_ANSI.sub("", line) for line in self._lines)
        shown = (line if line in self._typed else re.sub(r"^(> )+", "", line) for line in lines)
        return "\n".join(line for line in shown if line and line != ">" and line not in self._typed)

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                before, ended, _ = line.rstrip("\n").partition(_ENDED)
                self._lines.append(before)
                self._ended = self._ended or bool(ended)
                self._changed.notify_all()
