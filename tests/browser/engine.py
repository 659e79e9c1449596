"""The store of the page, reached as its own modules reach it: by import, which gives the very same instances."""

import itertools
from typing import Any

from playwright.async_api import Page

from tests.browser.tabs import Tab, until
from tests.integration.servers import PASSWORD

# Not one promise that Chromium would wait for: it holds those weakly, and says of some that they were collected.
_ASK = """([number, a]) => {
  const answers = (globalThis.answers ??= {});
  answers[number] = null;
  const main = document.querySelector("script[type=module]").src;
  import(new URL("store/%s.js", main))
    .then(async (m) => (%s))
    .then((value) => (answers[number] = { value }), (error) => (answers[number] = { error: String(error) }));
}"""
_ANSWER = """(number) => {
  const answers = globalThis.answers ?? { [number]: { error: "the page was left" } };
  const answer = answers[number];
  if (answer !== null) delete answers[number];
  return answer;
}"""
_numbers = itertools.count()


class Engine:
    """What a page can do without its surface."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def call(self, module: str, script: str, argument: Any = None) -> Any:
        """The value of this expression of `m`, the module, and `a`, the argument."""
        number = next(_numbers)
        await self.page.evaluate(_ASK % (module, script), [number, argument])
        answer = await until(lambda: self.page.evaluate(_ANSWER, number), script)
        assert "error" not in answer, answer["error"]
        return answer.get("value")

    async def until(self, module: str, script: str, argument: Any = None) -> Any:
        """The value of this expression once it is true."""
        return await until(lambda: self.call(module, script, argument), script)

    async def sign_in(self, username: str) -> None:
        await self.until("session", "m.boot.value === 'signed-out'")  # before that there is no form
        await self.call("session", "m.signIn(...a)", [username, PASSWORD])
        await self.live()

    async def live(self) -> None:
        await self.until("live", "m.connection.value.status === 'live'")

    async def caught_up(self, room_id: int) -> None:
        """Wait until what is said in the room comes over the open socket, as it is said, and in no other way."""
        await self.until("live", "m.line.isLive(a)", room_id)

    async def texts(self, room_id: int) -> list[str]:
        """What the room shows, and what waits for it."""
        rows: list[str] = await self.call(
            "timelines",
            """[...m.timeline(a).rows.value.map(({ message }) => message.text),
                ...m.timeline(a).pending.value.map(({ text, state }) => `${state}: ${text}`)]""",
            room_id,
        )
        return rows

    async def shows(self, room_id: int, *texts: str) -> None:
        """Wait until the room shows these, and nothing waits."""

        async def look() -> bool:
            return await self.texts(room_id) == list(texts)

        await until(look, f"{texts} in room {room_id}")

    async def say(self, room_id: int, *texts: str) -> None:
        await self.call(
            "compose", "a[1].forEach((text) => { m.setText(a[0], text); m.submit(a[0]); })", [room_id, list(texts)]
        )


def engine(tab: Tab) -> Engine:
    return Engine(tab.page)
