"""A visit begins and ends: where a room opens, what a session leaves behind, and what a bad network does to either."""

import asyncio
from typing import Any

from playwright.async_api import Route, WebSocketRoute

from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.engine import engine
from tests.browser.tabs import Tab, until
from tests.browser.test_store import beside, flood, found_room, in_room, opened, say
from tests.integration.servers import LiveServer, Person

LONG = 5_000  # milliseconds: longer than the page waits for its connection
TALL = "\n\n\n\nand more"  # two dozen of these are more than a screen


async def test_who_signs_in_comes_to_the_first_new_message_however_long_it_takes(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    tab = await open_window("/docs")
    there = asyncio.Event()
    there.set()

    async def connect(socket: WebSocketRoute) -> None:
        await there.wait()
        socket.connect_to_server()

    await tab.page.route_web_socket("**/ws", connect)
    await tab.page.clock.install()
    await tab.page.goto(f"{tab.origin}/rooms/{room}")
    page = engine(tab)
    for visit in ("who types a long password", "who comes again", "whose connection is slow"):
        seqs = await flood(live, bob, room, *(f"{visit}, {number}{TALL}" for number in range(24)))
        await tab.page.get_by_role("button", name="Sign in").wait_for()
        await tab.page.clock.fast_forward(LONG)
        if "slow" in visit:
            there.clear()
        await tab.sign_in("ann")
        await tab.page.clock.fast_forward(LONG)
        there.set()
        await opened(page, room)
        await tab.page.locator(f".new-line + .row[data-seq='{seqs[0]}']").wait_for()
        assert await unread(ann) > 0, visit
        await tab.page.get_by_role("button", name="new messages").click()
        await until(lambda: all_read(ann), "all of them read, as the server knows")
        await page.call("session", "m.signOut()")


async def unread(person: Person) -> int:
    count: int = (await person.client.get("/rooms")).json()["items"][0]["unread"]
    return count


async def all_read(person: Person) -> bool:
    return await unread(person) == 0


async def test_a_dialog_ends_with_the_session(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, _ = await make_user("ann"), await make_user("bob")
    tab = await open_window("/", username="ann")
    await tab.page.get_by_role("button", name="@ann").click()
    await tab.page.get_by_role("menuitem", name="Your profile").click()
    await tab.page.get_by_role("dialog").get_by_text("ann@example.org").or_(tab.page.get_by_label("E-mail")).wait_for()
    await end_sessions(ann)
    await tab.page.get_by_role("button", name="Sign in").wait_for()
    await tab.until("document.activeElement.name === 'username'")
    assert await tab.page.get_by_role("dialog").count() == 0
    await tab.sign_in("bob")
    assert await tab.page.get_by_role("dialog").count() == 0


async def end_sessions(person: Person) -> None:
    """All but that of `person.client`."""
    for session in (await person.client.get("/auth/sessions")).json()["items"]:
        if not session["current"]:
            (await person.client.delete(f"/auth/sessions/{session['id']}")).raise_for_status()


async def test_the_last_room_is_left_once(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(bob, ann)
    tab, page = await in_room(open_window, ann, room)
    await page.caught_up(room)
    await page.until("cache", "m.recalledList().then((list) => list?.rooms.length === 1)")
    await page.call("rooms", "m.leaveRoom(a)", room)
    await page.until("cache", "m.recalledList().then((list) => list.rooms.length === 0)")
    again = await beside(tab, "/")
    await again.live()
    await again.until("live", "m.api.get('rooms').then(() => true)")  # what was asked before is answered
    assert await again.call("announce", "m.toasts.value") == []
    await tab.was_shut_out()


async def test_what_cannot_be_had_at_once_is_asked_for_again(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob, cat = await make_user("ann"), await make_user("bob"), await make_user("cat")
    room = await found_room(ann, bob, cat)
    await say(cat, room, "**hello** from cat")
    await say(bob, room, "hello")
    # Without the list of members, which tells names as well.
    tab = await open_window("/docs", locale="de-DE", viewport={"width": 1000, "height": 700})
    failed = [await fail_once(tab, pattern) for pattern in ("**/markdown.js", "**/users?id=*")]
    german = await fail_once(tab, "**/i18n/de.js")
    await tab.page.clock.install()
    await tab.page.goto(f"{tab.origin}/rooms/{room}")
    await tab.page.get_by_role("heading", name="Welcome", exact=True).wait_for()  # better than nothing
    assert german.is_set()
    await tab.sign_in("ann")
    for each in failed:
        await each.wait()
    await tab.page.clock.fast_forward(LONG)
    await tab.page.locator(".row strong", has_text="hello").wait_for()
    await tab.page.locator(".row", has_text="from cat").get_by_text("cat", exact=True).wait_for()
    accounts = await fail_once(tab, "**/ui/accounts.js")
    await tab.page.goto(f"{tab.origin}/accounts")
    await accounts.wait()
    await tab.page.get_by_role("button", name="Erneut versuchen").click()  # and this time there is German
    await tab.page.locator(".accounts").wait_for()


async def fail_once(tab: Tab, pattern: str) -> asyncio.Event:
    """Let the first request of this kind fail; the event says that it has."""
    failed = asyncio.Event()

    async def answer(route: Route) -> Any:
        if failed.is_set():
            return await route.fallback()
        failed.set()
        return await route.abort()

    await tab.page.context.route(pattern, answer)
    return failed
