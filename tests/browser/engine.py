"""The store of the page, reached as its own modules reach it: by import, which gives the very same instances."""

from typing import Any

from playwright.async_api import Page

from tests.browser.tabs import Tab, until
from tests.integration.servers import PASSWORD

_CALL = """async (a) => {
  const main = document.querySelector("script[type=module]").src;
  const m = await import(new URL("store/%s.js", main));
  return %s;
}"""


class Engine:
    """What a page can do without its surface."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def call(self, module: str, script: str, argument: Any = None) -> Any:
        """The value of this expression of `m`, the module, and `a`, the argument."""
        return await self.page.evaluate(_CALL % (module, script), argument)

    async def until(self, module: str, script: str, argument: Any = None) -> Any:
        """The value of this expression once it is true."""
        return await until(lambda: self.call(module, script, argument), script)

    async def sign_in(self, username: str) -> None:
        await self.call("session", "m.signIn(...a)", [username, PASSWORD])
        await self.live()

    async def live(self) -> None:
        await self.until("live", "m.connection.value.status === 'live'")

    async def texts(self, room_id: int) -> list[str]:
        """What the room shows, and what waits for it."""
        rows: list[str] = await self.call(
            "timeline",
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
