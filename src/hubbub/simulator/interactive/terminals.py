"""The interactive simulator on a terminal: history, completion and colours."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output
from prompt_toolkit.shortcuts import CompleteStyle
from rich.console import Console
from rich.text import Text

from hubbub.simulator.interactive.screens import Tone

Complete = Callable[[str], Sequence[str]]
"""From the line up to the cursor to the words that may end it."""


class TerminalScreen:
    """Implements `screens.Screen`. Ctrl-C cancels the line, Ctrl-D ends. The history is gone when the process ends.

    `source` and `target` stand in for the terminal; without them it is that of the process.
    """

    def __init__(self, console: Console, *, source: Input | None = None, target: Output | None = None) -> None:
        self.complete: Complete = lambda line: ()
        self._console = console
        self._pasted: deque[str] = deque()  # lines that came together with the last one
        self._lines: PromptSession[str] = PromptSession(
            completer=_Words(self),
            complete_style=CompleteStyle.READLINE_LIKE,
            complete_while_typing=False,
            input=source,
            output=target,
        )
        self._passwords: PromptSession[str] = PromptSession(is_password=True, input=source, output=target)

    async def ask(self, prompt: str) -> str | None:
        if self._pasted:
            self.show(prompt + self._pasted[0], Tone.EVENT)
            return self._pasted.popleft()
        try:
            text = await self._lines.prompt_async(prompt)
        except KeyboardInterrupt:
            return ""
        except EOFError:
            return None
        line, *pasted = text.split("\n")
        self._pasted.extend(pasted)
        return line

    async def ask_password(self, prompt: str) -> str | None:
        try:
            return await self._passwords.prompt_async(prompt)
        except (KeyboardInterrupt, EOFError):
            return None

    def show(self, text: str, tone: Tone) -> None:
        self._console.print(Text(text, style=tone.value), soft_wrap=True)


class _Words(Completer):
    def __init__(self, screen: TerminalScreen) -> None:
        self._screen = screen

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        line = document.text_before_cursor
        word = line.rpartition(" ")[2]
        for found in self._screen.complete(line):
            yield Completion(found, start_position=-len(word), display=found.rstrip())
