"""What somebody meets who has never been here: their own name, the first rooms, and ways back from where nothing is."""

import re

import pytest
from playwright.async_api import Page

from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.engine import engine
from tests.browser.proxies import Wire
from tests.browser.test_store import found_room, say
from tests.integration.servers import PASSWORD
from tools.browser import PHONE


async def test_one_is_called_by_ones_display_name_after_a_load_and_a_reconnect(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    await ann.client.patch("/users/me", json={"display_name": "Ann Arbor"})
    room = await found_room(ann, bob)
    await say(ann, room, "hello")
    tab = await open_window(f"/rooms/{room}", username="ann")
    page = engine(tab)
    author = tab.page.locator(".row .author")
    for again in (tab.page.reload, None):
        await author.get_by_text("Ann Arbor", exact=True).wait_for()
        if again is not None:
            await again()
    await page.live()
    wire.cut()
    await page.until("live", "m.connection.value.status !== 'live'")
    wire.restore()
    await page.call("live", "m.retryNow()")
    await page.live()
    assert await author.all_inner_texts() == ["Ann Arbor"]
    assert await page.call("people", "(m.learn([{ id: a, username: 'ann' }]), m.nameOf(a))", ann.id) == "Ann Arbor"


@pytest.mark.parametrize("locale", ["en-US", "en-AU", "de"])
async def test_the_time_of_a_later_message_stays_beside_its_text(
    open_window: OpenWindow, make_user: MakeUser, locale: str
) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    await say(ann, room, "first", "second")
    tab = await open_window(f"/rooms/{room}", locale=locale)
    await engine(tab).sign_in("ann")
    row = tab.page.locator(".row", has_text="second")
    await row.hover()
    shown = row.locator(".gutter time")
    assert re.fullmatch(r"\d\d:\d\d", await shown.inner_text())
    text, beside = await row.locator(".said").bounding_box(), await shown.bounding_box()
    assert text is not None
    assert beside is not None
    assert beside["x"] + beside["width"] <= text["x"]


async def test_an_owner_who_would_leave_is_told_what_comes_first(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    tab = await open_window(f"/rooms/{room}", **PHONE)
    await engine(tab).sign_in("ann")
    page = tab.page
    await leave(page)
    dialog = page.get_by_role("dialog", name="Leave tea?")
    await dialog.get_by_text("Make another member the owner first, or delete the room.").wait_for()
    await dialog.get_by_role("button", name="Show members").click()
    await page.get_by_role("complementary", name="Members").get_by_text("bob", exact=True).wait_for()
    assert len((await ann.client.get("/rooms")).json()["items"]) == 1


async def test_a_member_leaves_from_a_menu_that_says_what_it_is(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    tab = await open_window(f"/rooms/{room}", username="bob")
    await engine(tab).caught_up(room)
    await leave(tab.page)
    await tab.page.get_by_role("dialog").get_by_role("button", name="Leave the room").click()
    await tab.page.get_by_text("You have left tea.").wait_for()
    await tab.was_shut_out()


async def leave(page: Page) -> None:
    await page.get_by_role("button", name="What to do with this room").click()
    await page.get_by_role("menuitem", name="Leave the room").click()


@pytest.mark.parametrize("kind", ["channel", "group"])
async def test_the_first_visitor_of_an_empty_server_comes_to_a_room(open_window: OpenWindow, kind: str) -> None:
    tab = await open_window("/")
    page = tab.page
    await page.get_by_role("heading", name="Welcome", exact=True).wait_for()
    await page.get_by_role("button", name="Create account").click()
    for label, value in (
        ("Your name", "Ann Arbor"),
        ("Username", "ann"),
        ("E-mail", "ann@example.org"),
        ("Password", PASSWORD),
    ):
        await page.get_by_label(label, exact=True).fill(value)
    await page.get_by_role("button", name="Create account").click()
    first = page.get_by_role("main")
    await first.get_by_role("heading", name="Welcome, Ann Arbor").wait_for()
    await first.get_by_role("button", name=f"New {kind}").click()
    await page.get_by_label("Name", exact=True).fill("tea")
    await page.get_by_role("button", name="Create", exact=True).click()
    await tab.say("hello")
    await tab.sees("hello")


async def test_a_quote_and_a_preview_show_words_and_no_marks(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    (seq,) = await say(bob, room, "**welcome** to `tea`\n\n| when | where |\n|---|---|\n| *noon* | 5 * 3 |")
    answer = await ann.client.post(f"/rooms/{room}/messages", json={"text": "~~thanks~~", "reply_to": seq})
    answer.raise_for_status()
    tab = await open_window(f"/rooms/{room}", username="ann")
    await tab.page.locator(".quote").get_by_text("welcome to tea when where noon 5 * 3", exact=True).wait_for()
    await tab.page.get_by_role("navigation").locator(".last").get_by_text("thanks", exact=True).wait_for()
    await tab.page.locator(".row").first.hover()
    await tab.page.get_by_role("button", name="Reply").click()
    await tab.page.locator(".about").get_by_text("Replying to bob · welcome to tea when where").wait_for()
    assert len(await engine(tab).call("../markdown", "m.brief(a)", "*word* " * 2000)) < 400  # and reads no more


@pytest.mark.parametrize("path", ["/nonsense", "/rooms", "/rooms/", "/rooms/abc", "/a/b/c/d"])
async def test_a_wrong_address_leads_back_to_the_rooms(open_window: OpenWindow, make_user: MakeUser, path: str) -> None:
    await found_room(await make_user("ann"))
    tab = await open_window(path, **PHONE)
    await engine(tab).sign_in("ann")
    page = tab.page
    await page.get_by_role("heading", name="There is nothing at this address").wait_for()
    await page.get_by_role("button", name="To the list").tap()
    await page.get_by_role("navigation").get_by_role("link").filter(has_text="tea").tap()
    await page.get_by_role("heading", name="tea", exact=True).wait_for()
