"""Pictures of the web client for the documentation: `./dev screenshots` draws docs/images anew.

The people, what they say, and the time are always the same, so that a picture changes when the client does.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from playwright.async_api import Browser, Page

from benchmarks.processes import hubbub
from benchmarks.world import Silence
from hubbub.client import connect
from hubbub.compose import open_keys
from hubbub.domain.ids import RoomId
from hubbub.security.passwords import Argon2Hasher
from hubbub.security.tokens import JwtTokens
from hubbub.services.chat import Chat
from hubbub.services.clocks import SystemClock
from hubbub.settings import Settings
from hubbub.stores.sql import SqlStore
from tools.browser import PHONE, WIDE, chromium
from tools.scenery import HERE, NOW, PASSWORD, StoryClock, build

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"


async def tell_story(folder: Path) -> dict[str, RoomId]:
    """A database in this folder with everything in it."""
    settings = Settings(database_url=f"sqlite:///{folder / 'hubbub.db'}")
    store = SqlStore.open(settings.database_url)
    hasher = Argon2Hasher(workers=1, time_cost=1, memory_cost=8, parallelism=1)
    clock = StoryClock()
    tokens = JwtTokens(open_keys(settings), SystemClock())
    chat = Chat(store=store, clock=clock, fanout=Silence(), hasher=hasher, tokens=tokens)
    rooms = await build(chat, clock)
    await chat.close()
    await store.close()
    await hasher.close()
    return rooms


async def nothing(_: Page) -> None:
    """Show the room as it is."""


async def open_switcher(page: Page) -> None:
    await page.keyboard.press("Control+k")
    await page.get_by_role("dialog").get_by_role("option").first.wait_for()


async def open_list(page: Page) -> None:
    await page.get_by_role("button", name="Back to the list").click()
    await page.get_by_role("navigation").wait_for()


SCREENS: Mapping[str, tuple[Mapping[str, Any], Literal["light", "dark"], str, Callable[[Page], Awaitable[None]]]] = {
    "wide-light": (WIDE, "light", "engineering", nothing),
    "wide-dark": (WIDE, "dark", "engineering", nothing),
    "wide-switcher": (WIDE, "light", "engineering", open_switcher),
    "phone-light": (PHONE, "light", "engineering", nothing),
    "phone-dark": (PHONE, "dark", "tomas", nothing),
    "phone-list": (PHONE, "light", "engineering", open_list),
}
"""Each picture: the window, the colours, the room that is open, and what is done there."""


async def draw(browser: Browser, url: str, rooms: Mapping[str, RoomId], name: str) -> None:
    window, colours, room, act = SCREENS[name]
    context = await browser.new_context(
        **window, color_scheme=colours, locale="en-GB", timezone_id="UTC", reduced_motion="reduce"
    )
    await context.clock.install(time=NOW)
    page = await context.new_page()
    await page.goto(url)
    await page.get_by_label("Username or e-mail").fill("mara")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("navigation").wait_for()
    await page.goto(f"{url}/rooms/{rooms[room]}")
    await page.locator(".window .text:not(.plain)").nth(2).wait_for()
    await act(page)
    await page.evaluate("document.fonts.ready")
    await page.screenshot(path=IMAGES / f"{name}.png", animations="disabled", caret="hide")
    await context.close()


async def draw_in_chromium(url: str, rooms: Mapping[str, RoomId], name: str) -> None:
    async with AsyncExitStack() as stack:
        for person in HERE:
            await stack.enter_async_context(connect(url, username=person, password=PASSWORD))
        browser = await stack.enter_async_context(chromium())
        await draw(browser, url, rooms, name)
    print(IMAGES / f"{name}.png")


def main(args: list[str]) -> int:
    if unknown := set(args) - set(SCREENS):
        sys.exit(f"./dev screenshots: there is no {unknown.pop()}; there are {', '.join(SCREENS)}")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="hubbub-screenshots-") as name:
        folder = Path(name)
        for picture in args or SCREENS:  # each on a fresh copy: what one reads is new again in the next
            here = folder / picture
            here.mkdir()
            rooms = asyncio.run(tell_story(here))
            with hubbub(here) as server:
                asyncio.run(draw_in_chromium(f"http://127.0.0.1:{server.port}", rooms, picture))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
