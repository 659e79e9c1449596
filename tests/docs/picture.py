"""The picture in the README: what the simulator's own screen shows, as SVG. `./dev python -m tests.docs.picture`"""

import asyncio
import io
import re

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from hubbub.security.keys import parse_keys
from hubbub.security.passwords import Argon2Hasher
from hubbub.security.tokens import JwtTokens
from hubbub.services.chat import Chat
from hubbub.services.clocks import SystemClock
from hubbub.simulator.audience import Audience
from hubbub.simulator.interactive.conversations import converse
from hubbub.simulator.interactive.screens import Tone
from hubbub.simulator.interactive.sessions import Session
from hubbub.stores.memory import MemoryStore
from tests.guards.project import ROOT

PICTURE = ROOT / "docs" / "pictures" / "simulator.svg"

TYPED = """\
/register ann
/register ben
/room garden ann
Who waters the tomatos on Friday?
/edit 4 Who waters the tomatoes on Friday?
/as ann
/switch garden
I do!
/delete 4
/log
""".splitlines()

_BLACK, _RED, _GREEN, _YELLOW = (22, 22, 21), (255, 155, 147), (76, 195, 138), (229, 192, 123)
_BLUE, _MAGENTA, _CYAN, _WHITE = (122, 162, 247), (187, 154, 247), (99, 206, 191), (236, 235, 232)
_THEME = TerminalTheme(_BLACK, _WHITE, [_BLACK, _RED, _GREEN, _YELLOW, _BLUE, _MAGENTA, _CYAN, _WHITE])


class Recorder:
    """Implements `screens.Screen`: looks as the terminal's does, and its lines are typed by themselves."""

    def __init__(self, console: Console, lines: list[str]) -> None:
        self._console = console
        self._typed = iter(lines)

    async def ask(self, prompt: str) -> str | None:
        line = next(self._typed, None)
        if line is not None:
            self.show(prompt + line, Tone.EVENT)
        return line

    async def ask_password(self, prompt: str) -> str | None:
        return ""

    def show(self, text: str, tone: Tone) -> None:
        self._console.print(Text(text, style=tone.value), soft_wrap=True)


async def draw() -> str:
    """The picture of the conversation above, the same each time."""
    console = Console(file=io.StringIO(), record=True, width=88, color_system="truecolor", force_terminal=True)
    store, clock, audience = MemoryStore(), SystemClock(), Audience()
    hasher = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
    chat = Chat(
        store=store, clock=clock, fanout=audience, hasher=hasher, tokens=JwtTokens(parse_keys("drawing-" * 4), clock)
    )
    await converse(Session(chat, store, audience, Recorder(console, TYPED)))
    await chat.close()
    await hasher.close()
    svg = console.export_svg(title="./dev hubbub simulate", theme=_THEME, unique_id="simulator")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # a picture loads nothing from elsewhere
    return svg.replace("font-family: Fira Code, monospace", "font-family: ui-monospace, Menlo, Consolas, monospace")


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(asyncio.run(draw()), encoding="utf-8")
