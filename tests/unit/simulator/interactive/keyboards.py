"""An interactive simulation whose keyboard is a text."""

import io

from hubbub.security.keys import parse_keys
from hubbub.security.passwords import Argon2Hasher
from hubbub.security.tokens import JwtTokens
from hubbub.services.chat import Chat
from hubbub.services.ports import Store
from hubbub.simulator.audience import Audience
from hubbub.simulator.interactive.conversations import converse
from hubbub.simulator.interactive.screens import PlainScreen
from hubbub.simulator.interactive.sessions import Session
from hubbub.stores.memory import MemoryStore
from tests.clocks import ManualClock


class Keyboard:
    """Each call of `type` goes on where the last one ended, as the same session."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or MemoryStore()
        self._source = io.StringIO()
        self._target = io.StringIO()
        clock = ManualClock()
        audience = Audience()
        self.hasher = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
        chat = Chat(
            store=self.store,
            clock=clock,
            fanout=audience,
            hasher=self.hasher,
            tokens=JwtTokens(parse_keys("k" * 32), clock),
        )
        self.session = Session(chat, self.store, audience, PlainScreen(self._source, self._target))

    async def type(self, *lines: str) -> list[str]:
        """The lines that are printed, prompts and what was typed included."""
        self._restart("".join(f"{line}\n" for line in lines))
        await converse(self.session)
        return self._target.getvalue().splitlines()

    async def answer(self, line: str) -> list[str]:
        """What is printed for one line, without the line itself."""
        return (await self.type(line))[1:]

    async def refusals(self, *lines: str) -> int:
        self._restart("".join(f"{line}\n" for line in lines))
        return await converse(self.session)

    def _restart(self, text: str) -> None:
        for stream in (self._source, self._target):
            stream.seek(0)
            stream.truncate()
        self._source.write(text)
        self._source.seek(0)
