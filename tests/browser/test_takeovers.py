"""Who signs in after somebody: no tab does anything as another user, and what the first one wrote waits for them."""

import asyncio
from typing import Any

from playwright.async_api import WebSocketRoute

from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.device import nothing_is_left_to_send
from tests.browser.engine import Engine, engine
from tests.browser.proxies import Wire
from tests.browser.tabs import Tab, open_tab
from tests.browser.test_store import found_room, history, in_room, opened
from tests.integration.servers import Person

RENAME = "m.changeProfile({ display_name: 'Ann Example' }).then(() => 'changed', ({ code }) => code)"


async def end_other_sessions(person: Person) -> None:
    """Sign this person out everywhere but here."""
    for session in (await person.client.get("/auth/sessions")).json()["items"]:
        if not session.get("current"):
            (await person.client.delete(f"/auth/sessions/{session['id']}")).raise_for_status()


async def second_tab_without_connection(tab: Tab, room: int, back: asyncio.Event) -> Engine:
    """Another tab of the window, which loses its connection and has none again before `back` is set."""
    sockets: list[WebSocketRoute] = []
    page = await tab.page.context.new_page()

    async def connect(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        if len(sockets) == 1 or back.is_set():
            socket.connect_to_server()
        else:
            await socket.close(code=1012)

    await page.route_web_socket("**/ws", connect)
    await page.goto(f"{tab.origin}/rooms/{room}")
    two = Engine(page)
    await opened(two, room)
    await two.live()
    await sockets[0].close(code=1012)
    await two.until("live", "m.connection.value.status !== 'live'")
    return two


async def becomes(page: Engine, username: str) -> None:
    """Wait until the page, whatever it tries, is this user's and connected as theirs."""
    is_theirs = "(m.retryNow(), m.tokens.user?.username === a && m.connection.value.status === 'live')"
    await page.until("live", is_theirs, username)
    assert await page.call("live", "m.line.hello.user.username") == username
    assert await page.call("session", "m.me.value.username") == username


async def kept_user(page: Engine) -> Any:
    return await page.call("live", "m.db.get('kv', 'session').then((kept) => kept?.user.username)")


async def test_a_tab_that_hears_that_somebody_else_has_signed_in_is_theirs_at_once(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    tab, one = await in_room(open_window, ann, room)
    back = asyncio.Event()
    two = await second_tab_without_connection(tab, room, back)
    await two.say(room, "by ann, and by nobody else")
    await two.until("live", "m.db.all('outbox').then((all) => all.length === 1)")  # or it is written later
    await end_other_sessions(ann)
    await one.until("session", "m.boot.value === 'signed-out'")
    await one.sign_in("bob")
    await two.until("session", "m.me.value?.username === 'bob'")
    back.set()
    await becomes(two, "bob")
    await two.say(room, "by bob")
    await two.shows(room, "by bob")
    assert [(message["user_id"], message["text"]) for message in await history(bob, room)] == [(bob.id, "by bob")]
    assert await kept_user(one) == "bob"
    await nothing_is_left_to_send(one.page)


async def test_a_tab_that_hears_nothing_does_nothing_as_who_has_signed_in_since(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    tab = await open_window("/docs")
    await tab.page.context.add_init_script("Object.defineProperty(window, 'BroadcastChannel', { value: undefined })")
    await tab.page.goto(f"{tab.origin}/rooms/{room}")
    one = engine(tab)
    await one.sign_in("ann")
    await opened(one, room)
    back = asyncio.Event()
    two = await second_tab_without_connection(tab, room, back)
    await two.say(room, "by ann, and by nobody else")
    await end_other_sessions(ann)
    await one.until("session", "m.boot.value === 'signed-out'")
    await one.sign_in("bob")
    assert await two.call("session", "m.me.value.username") == "ann"
    assert await two.call("session", RENAME) == "unauthenticated"
    assert (await bob.client.get("/users/me")).json()["display_name"] == "bob"
    back.set()
    await becomes(two, "bob")
    assert await kept_user(one) == "bob"
    await two.say(room, "by bob")
    await two.shows(room, "by bob")
    assert [(message["user_id"], message["text"]) for message in await history(bob, room)] == [(bob.id, "by bob")]


async def test_who_signs_in_again_in_the_same_page_has_what_they_wrote_and_it_is_sent(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire
) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    tab, page = await in_room(open_window, ann, room)
    wire.cut()
    await page.say(room, "one", "two")
    await page.until("live", "m.outbox.count().then((count) => count === 2)")
    await end_other_sessions(ann)
    wire.restore()
    await page.call("live", "m.retryNow()")
    await page.until("session", "m.boot.value === 'signed-out'")
    await page.sign_in("ann")
    await page.say(room, "three")
    await page.shows(room, "one", "two", "three")
    assert [message["text"] for message in await history(ann, room)] == ["one", "two", "three"]
    again = await open_tab(tab.page.context, tab.origin, f"/rooms/{room}")
    await engine(again).shows(room, "one", "two", "three")
    await nothing_is_left_to_send(tab.page)
