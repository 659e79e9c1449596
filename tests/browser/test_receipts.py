"""Below one's own last message it says who has read it: told by signals, which come once, and asked for on a reload."""

import asyncio
import json
import re

from playwright.async_api import Route, WebSocketRoute

from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.engine import engine
from tests.browser.tabs import Tab
from tests.browser.test_conversations import found_room
from tests.integration.servers import Person

ASKED = re.compile(r"/members\?limit=50$")  # what is asked for the receipt; the list of members has longer pages
MARKS = "Object.fromEntries(m.reads(a).value)"


async def post(person: Person, room: int, text: str) -> int:
    answer = await person.client.post(f"/rooms/{room}/messages", json={"text": text})
    seq: int = answer.raise_for_status().json()["seq"]
    return seq


async def read(person: Person, room: int, seq: int) -> None:
    (await person.client.put(f"/rooms/{room}/read", json={"seq": seq})).raise_for_status()


async def receipt(tab: Tab, text: str) -> None:
    await tab.page.locator(".seen", has_text=text).wait_for()


async def test_who_has_read_is_still_known_after_a_reload(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob, cleo = [await make_user(name) for name in ("ann", "bob", "cleo")]
    room = await found_room(ann, bob)
    tab = await open_window(f"/rooms/{room}", username="ann")
    await tab.say("Tea is ready")
    await receipt(tab, "Sent")
    other = await open_window(f"/rooms/{room}", username="bob")
    await other.sees("Tea is ready")
    await receipt(tab, "Read by 1")
    await ann.client.put(f"/rooms/{room}/members/{cleo.id}")  # what was before her counts as read, but she has not
    await tab.page.reload()
    await receipt(tab, "Read by 1")
    assert await engine(tab).call("reads", MARKS, room) == {str(bob.id): 4}


async def test_a_mark_never_goes_back_whether_the_list_or_the_signal_comes_first(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann, bob, cleo = [await make_user(name) for name in ("ann", "bob", "cleo")]
    room = await found_room(ann, bob, cleo)
    first = await post(ann, room, "one")
    for person in (bob, cleo):
        await read(person, room, first)
    second = await post(ann, room, "two")
    asked, released = asyncio.Event(), asyncio.Event()
    sockets: list[WebSocketRoute] = []

    async def late(route: Route) -> None:
        answer = await route.fetch()
        asked.set()
        await released.wait()
        await route.fulfill(response=answer)

    def connect(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    tab = await open_window("/")
    await tab.page.route(ASKED, late)
    await tab.page.route_web_socket("**/ws", connect)
    await tab.page.goto(f"{tab.origin}/rooms/{room}")
    await tab.sign_in("ann")
    page = engine(tab)
    await asked.wait()
    await page.caught_up(room)  # who does not listen yet is never told
    await read(bob, room, second)
    await page.until("reads", "m.reads(a[0]).value.get(a[1]) === a[2]", [room, bob.id, second])
    released.set()
    await page.until("reads", "m.reads(a[0]).value.get(a[1]) === a[2]", [room, cleo.id, first])
    assert await page.call("reads", MARKS, room) == {str(bob.id): second, str(cleo.id): first}
    for user_id, seq in ((bob.id, first), (cleo.id, second)):  # the first of them is late
        sockets[-1].send(
            json.dumps({"type": "signal", "kind": "read", "room_id": room, "user_id": user_id, "seq": seq})
        )
    await receipt(tab, "Read by 2")
    assert await page.call("reads", MARKS, room) == {str(bob.id): second, str(cleo.id): second}


async def test_of_a_large_room_one_page_is_asked_for_and_nobody_is_named(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann, bob, cleo = [await make_user(name) for name in ("ann", "bob", "cleo")]
    room = await found_room(ann, bob, cleo)
    await read(bob, room, await post(ann, room, "Tea is ready"))
    pages: list[list[str]] = []
    answered = asyncio.Event()

    async def two(route: Route) -> None:
        """To the server it is two members of three: a page of a room that goes on."""
        answer = await route.fetch(url=route.request.url.replace("limit=50", "limit=2"))
        await route.fulfill(response=answer)
        pages.append([member["user"]["username"] for member in (await answer.json())["items"]])
        answered.set()

    tab = await open_window("/")
    await tab.page.route(ASKED, two)
    await tab.page.goto(f"{tab.origin}/rooms/{room}")
    await tab.sign_in("ann")
    await receipt(tab, "Sent")
    await tab.say("It is getting cold")
    await tab.sees("Tea is ready", "It is getting cold")
    await answered.wait()
    await read(cleo, room, 6)
    await receipt(tab, "Read by 1")
    assert await engine(tab).call("reads", MARKS, room) == {str(cleo.id): 6}
    assert pages == [["ann", "bob"]]
