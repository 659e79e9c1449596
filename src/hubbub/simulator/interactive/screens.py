"""Whom the interactive simulator talks to. Here by plain lines, for pipes; `terminals` has the other one."""

import asyncio
from enum import Enum
from typing import Protocol, TextIO


class Tone(Enum):
    """What a line is; the value is its style on a terminal."""

    EVENT = ""  # what happened in the chat
    ANSWER = "cyan"
    ASIDE = "bright_black"
    ERROR = "red"


class Screen(Protocol):
    async def ask(self, prompt: str) -> str | None:
        """The next line, empty when it was cancelled; None at the end."""
        ...

    async def ask_password(self, prompt: str) -> str | None:
        """A password, typed unseen; empty when there is nobody to ask, None when it was cancelled."""
        ...

    def show(self, text: str, tone: Tone) -> None:
        """Write one or more lines."""
        ...


class PlainScreen:
    """Reads and writes lines. What was read is written too, so that the output reads as the whole conversation."""

    def __init__(self, source: TextIO, target: TextIO) -> None:
        self._source = source
        self._target = target

    async def ask(self, prompt: str) -> str | None:
        line = await asyncio.to_thread(self._source.readline)
        if not line:
            return None
        line = line.rstrip("\r\n")
        self.show(prompt + line, Tone.EVENT)
        return line

    async def ask_password(self, prompt: str) -> str | None:
        return ""

    def show(self, text: str, tone: Tone) -> None:
        print(text, file=self._target, flush=True)
