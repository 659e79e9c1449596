"""A browser that is told to block cookies: it has storage, locks and channels, and each of them refuses."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Page, async_playwright

from tests.browser.conftest import MakeUser
from tests.browser.engine import engine
from tests.browser.proxies import Wire
from tests.browser.tabs import open_tab
from tests.browser.test_store import found_room, opened
from tools.browser import FLAGS, chromium_path

BLOCKED = {"profile": {"default_content_setting_values": {"cookies": 2}}}
EXPIRE = "{ const now = Date.now; Date.now = () => now() + 16 * 60_000; }"


@pytest_asyncio.fixture(loop_scope="session")
async def blocking(tmp_path: Path) -> AsyncIterator[Page]:
    """A page of a Chromium whose profile blocks cookies."""
    profile = tmp_path / "profile" / "Default"
    profile.mkdir(parents=True)
    (profile / "Preferences").write_text(json.dumps(BLOCKED))
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile.parent, executable_path=chromium_path(), args=[*FLAGS], locale="en-GB"
        )
        try:
            yield context.pages[0]
        finally:
            await context.close()


async def test_the_page_outlives_its_token(blocking: Page, make_user: MakeUser, wire: Wire) -> None:
    room = await found_room(await make_user("ann"))
    tab = await open_tab(blocking.context, wire.address.url, f"/rooms/{room}")
    page = engine(tab)
    await page.sign_in("ann")
    await opened(page, room)
    refused = "navigator.locks.request('any', () => null).then(() => '', ({ name }) => name)"
    assert await tab.page.evaluate(refused) == "SecurityError"
    await page.say(room, "hello")
    await page.shows(room, "hello")
    await tab.page.evaluate(EXPIRE)
    await page.call("live", "m.line.start()")
    await page.live()
    await page.say(room, "still here")
    await page.shows(room, "hello", "still here")
    assert tab.faults == []
