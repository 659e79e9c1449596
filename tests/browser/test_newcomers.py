"""What somebody meets who has never been here: their own name, the first rooms, and ways back from where nothing is."""

import re

import pytest

from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.engine import engine
from tests.browser.proxies import Wire
from tests.browser.test_store import found_room, say


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
