"""axe finds nothing on the main screens, light and dark, wide and on a phone."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.tabs import Tab
from tests.browser.test_store import found_room, in_room, say
from tests.guards.project import ROOT
from tests.integration.servers import LiveServer
from tools.browser import PHONE, WIDE
from tools.scenery import StoryClock, build

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
# Each rule that is broken, and by what.
_RUN = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
  .map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`)])"""


async def violations(page: Page) -> list[Any]:
    source = await asyncio.to_thread(AXE.read_text, encoding="utf-8")
    await page.evaluate(source)
    found: list[Any] = await page.evaluate(_RUN)
    return found


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_the_way_in_can_be_used_by_everybody(open_window: OpenWindow, colours: str) -> None:
    tab = await open_window("/", color_scheme=colours, reduced_motion="reduce")
    await tab.page.get_by_role("button", name="Sign in").wait_for()
    assert await violations(tab.page) == []
    await tab.page.get_by_role("button", name="Create account").click()
    await tab.page.get_by_role("button", name="Create account").click()  # with nothing filled in: problems are shown
    await tab.page.get_by_text("Enter a name.").wait_for()
    assert await violations(tab.page) == []


async def room(_: Page) -> None:
    """The room itself."""


async def switcher(page: Page) -> None:
    await page.keyboard.press("Control+k")
    await page.get_by_role("dialog").get_by_role("option").first.wait_for()


async def shortcuts(page: Page) -> None:
    await page.locator(".window").focus()
    await page.keyboard.press("?")
    await page.get_by_role("dialog").wait_for()


async def message_tools(page: Page) -> None:
    await page.locator(".window .row").last.hover()
    await page.get_by_role("group", name="What to do with this message").wait_for()


SCREENS: dict[str, tuple[Any, Callable[[Page], Awaitable[None]]]] = {
    "room": (WIDE, room),
    "room on a phone": (PHONE, room),
    "switcher": (WIDE, switcher),
    "shortcuts": (WIDE, shortcuts),
    "tools of a message": (WIDE, message_tools),
}


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
async def test_the_main_screens_can_be_used_by_everybody(
    open_window: OpenWindow, live: LiveServer, screen: str, colours: str
) -> None:
    rooms = await build(live.server.chat, StoryClock())
    window, act = SCREENS[screen]
    path = f"/rooms/{rooms['engineering']}"
    tab: Tab = await open_window(path, color_scheme=colours, reduced_motion="reduce", **window)
    await sign_in_as_mara(tab)
    await act(tab.page)
    assert await violations(tab.page) == []


async def test_a_list_that_has_not_come_yet_can_be_used_by_everybody(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    await make_user("ann")
    tab = await open_window("/", reduced_motion="reduce")
    await tab.page.route_web_socket("**/ws", lambda _: None)  # which says nothing
    await tab.page.goto(f"{tab.origin}/accounts")
    await tab.sign_in("ann")
    await tab.page.locator(".rooms .bones").wait_for()
    assert await violations(tab.page) == []


async def test_of_a_long_message_the_beginning_is_spoken(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    tab, page = await in_room(open_window, ann, room)
    await page.caught_up(room)
    await say(bob, room, "word " * 3_000)
    spoken = await tab.until("document.querySelector('[role=log]').innerText")
    assert spoken.count("word") == 60


async def sign_in_as_mara(tab: Tab) -> None:
    await tab.fill_in("mara")
    await tab.page.locator(".window .text:not(.plain)").nth(2).wait_for()
    await tab.until("document.querySelectorAll('.bone').length === 0")
