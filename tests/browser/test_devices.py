"""What a page keeps on its device and shares with other tabs, and what it does when device or network play tricks."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import WebSocketRoute

from hubbub.domain.ids import UserId
from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.device import nothing_is_left_to_send, stored
from tests.browser.engine import engine
from tests.browser.proxies import Wire
from tests.browser.tabs import until
from tests.browser.test_store import beside, found_room, history, in_room, opened, say
from tests.integration.servers import LiveServer

RENEW = "m.tokens.renew(await m.tokens.token())"


async def test_twenty_messages_of_a_tab_that_is_closed_at_once_arrive_once_and_in_order(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    tab, page = await in_room(open_window, ann, room)
    texts = [f"message {number}" for number in range(20)]
    other = await beside(tab, "/")
    await other.live()
    await page.say(room, *texts)
    await page.page.close()

    async def arrived() -> bool:
        return len(await history(ann, room)) >= len(texts)

    await until(arrived, "all of them in the room, sent by the other tab")
    await other.until("live", "m.outbox.count().then((count) => count === 0)")
    assert [message["text"] for message in await history(ann, room)] == texts
    tab.page = other.page


async def test_what_a_closed_tab_could_not_send_is_sent_by_the_next_one(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire
) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    tab, page = await in_room(open_window, ann, room)
    await page.say(room, "first")
    await page.shows(room, "first")
    wire.cut()
    await page.say(room, *"abc")
    await page.until("live", "m.outbox.count().then((count) => count === 3)")
    context = tab.page.context
    await tab.page.close()
    wire.restore()
    tab.page = await context.new_page()
    await tab.page.goto(f"{tab.origin}/rooms/{room}")
    await engine(tab).shows(room, "first", *"abc")
    await nothing_is_left_to_send(tab.page)


async def test_edits_and_deletions_wait_for_the_network_too(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire
) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    one, two = await say(ann, room, "one", "two")
    _, page = await in_room(open_window, ann, room)
    wire.cut()
    await page.call("compose", "(m.startEdit(...a), m.setText(a[0], 'ONE'), m.submit(a[0]))", [room, one])
    await page.call("compose", "m.remove(...a)", [room, two])
    rows = await page.call("timelines", "m.timeline(a).rows.value.map(({ change }) => change?.kind)", room)
    assert rows == ["edit", "delete"]
    wire.restore()
    await page.shows(room, "ONE", "")
    await page.until("timelines", "m.timeline(a).rows.value.every(({ change }) => change === undefined)", room)


async def test_a_message_that_is_refused_says_why_and_can_be_taken_back(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    _, page = await in_room(open_window, ann, room)
    await page.say(room, "x" * 20_000, "fits")
    await page.until(
        "timelines", "m.timeline(a).pending.value.length === 1 && m.timeline(a).rows.value.length === 1", room
    )
    [failed] = await page.call("timelines", "m.timeline(a).pending.value", room)
    assert (failed["state"], failed["problem"]["key"]) == ("failed", "error.too_large")
    await page.page.reload()
    await opened(page, room)
    await page.until("timelines", "m.timeline(a).pending.value[0]?.state === 'failed'", room)
    assert await page.call("compose", "m.cancel(a)", failed["key"]) is True
    await page.shows(room, "fits")


async def test_many_tabs_that_refresh_at_once_stay_signed_in(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    tab, page = await in_room(open_window, ann, room)
    pages = [page, *[await beside(tab, f"/rooms/{room}") for _ in range(3)]]
    for one in pages:
        await one.live()
    for _ in range(3):
        await asyncio.sleep(1)  # two tokens of the same second are the same
        stale = await page.call("live", "m.tokens.token()")
        tokens = await asyncio.gather(*(one.call("live", "m.tokens.renew(a)", stale) for one in pages))
        assert len(set(tokens)) == 1
    for one in pages:
        await one.say(room, "still here")
    for one in pages:
        await one.shows(room, *["still here"] * 4)
    devices = (await ann.client.get("/auth/sessions")).json()["items"]
    assert len(devices) == 2  # this browser, and the one of `make_user`


async def test_devices_that_cannot_be_listed_say_why_and_are_asked_for_again(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    await make_user("ann")
    tab = await open_window("/", username="ann")
    await tab.page.route("**/auth/sessions", lambda route: route.abort())
    await tab.page.get_by_role("button", name="@ann").click()
    await tab.page.get_by_role("menuitem", name="Devices").click()
    dialog = tab.page.get_by_role("dialog")
    await dialog.get_by_text("The server cannot be reached.").wait_for()
    await tab.page.unroute_all()
    await tab.page.route("**/auth/sessions", lambda route: route.fulfill(status=502))
    await dialog.get_by_role("button", name="Try again").click()
    await dialog.get_by_text("The server cannot do this just now.").wait_for()
    await tab.page.unroute_all()
    await dialog.get_by_role("button", name="Try again").click()
    await dialog.get_by_text("This device").wait_for()
    assert await dialog.get_by_role("alert").count() == 0


async def test_a_read_mark_and_a_draft_are_the_same_in_all_tabs(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room, quiet = await found_room(ann, bob), await found_room(ann, bob)
    tab, page = await in_room(open_window, ann, room)
    other = await beside(tab, f"/rooms/{room}")
    await opened(other, room)
    [seq] = await say(bob, quiet, "psst")
    await other.until("rooms", "m.roomView(a).value.unread === 1", quiet)
    await page.call("rooms", "m.markRead(...a)", [quiet, seq])
    await other.until("rooms", "m.roomView(a).value.unread === 0", quiet)
    await page.call("compose", "m.setText(...a)", [quiet, "half a sen"])
    await other.until("compose", "m.draft(a).value.text === 'half a sen'", quiet)
    assert await other.call("rooms", "m.roomView(a).value.draft", quiet) is True
    await page.page.reload()
    await page.until("compose", "m.draft(a).value.text === 'half a sen'", quiet)
    await page.until("rooms", "m.roomView(a).value?.draft", quiet)


async def test_signing_out_clears_the_device_and_all_tabs(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    await say(bob, room, "for ann alone")
    tab, page = await in_room(open_window, ann, room)
    other = await beside(tab, f"/rooms/{room}")
    await opened(other, room)
    await page.call("compose", "m.setText(...a)", [room, "half a sen"])
    await page.call("cache", "m.keepNow()")
    await page.until("live", "m.db.get('rooms', a)", room)
    await page.call("session", "m.signOut()")
    await other.until("session", "m.boot.value === 'signed-out' && m.ended.value.key === 'ended.tab'")
    assert all(values == [] for values in (await stored(page.page)).values())
    for one in (page, other):
        assert await one.call("rooms", "m.rooms.value") == []
        assert await one.call("timelines", "m.timeline(a).rows.value", room) == []
    assert (await ann.client.get("/users/me")).status_code == 200  # another device
    await other.sign_in("ann")
    await page.live()


async def test_who_signs_in_after_another_finds_nothing_of_them(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    _, page = await in_room(open_window, ann, room)
    await page.call("compose", "m.setText(...a)", [room, "half a sen"])
    for session in (await ann.client.get("/auth/sessions")).json()["items"]:
        if not session.get("current"):
            await ann.client.delete(f"/auth/sessions/{session['id']}")
    await page.until("session", "m.boot.value === 'signed-out' && m.ended.value.key === 'ended.session'")

    async def forgotten() -> bool:
        kept = await stored(page.page)
        return kept["rooms"] == kept["people"] == []

    await until(forgotten, "the rooms and the people of who was signed out are gone")
    assert [draft["text"] for draft in (await stored(page.page))["drafts"]] == ["half a sen"]
    await page.sign_in("bob")
    assert (await stored(page.page))["drafts"] == []
    assert await page.call("compose", "m.draft(a).value.text", room) == ""


async def test_an_account_that_is_disabled_is_signed_out_and_told_why_it_stays_out(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    ann = await make_user("ann")
    tab = await open_window(username="ann")
    await live.server.chat.administration.disable(UserId(ann.id), by=None)
    await engine(tab).until("session", "m.boot.value === 'signed-out' && m.ended.value.key === 'ended.session'")
    await tab.fill_in("ann")
    await tab.page.get_by_text("This account is disabled.").wait_for()


async def test_the_last_rooms_open_without_a_connection(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    one, _ = await say(bob, room, "one", "two")
    tab, page = await in_room(open_window, ann, room)
    await page.call("cache", "m.keepNow()")
    await page.until("live", "m.db.get('rooms', a)", room)
    context = tab.page.context
    unreachable = False

    async def refuse(route: Any) -> None:
        await (route.abort() if unreachable and "/static/" not in route.request.url else route.continue_())

    def cut(socket: WebSocketRoute) -> None:
        if not unreachable:
            socket.connect_to_server()

    await context.route(lambda url: "/messages" in url or "/auth/" in url or "/users" in url, refuse)
    await context.route_web_socket("**/ws", cut)
    unreachable = True
    again = await beside(tab, f"/rooms/{room}")
    await again.shows(room, "one", "two")
    assert await again.call("timelines", "m.timeline(a).status.value", room) == "stale"
    assert await again.call("rooms", "m.roomView(a).value.name", room) == "tea"
    assert await again.call("people", "m.nameOf(a)", bob.id) == "bob"
    await say(bob, room, "three")
    await bob.client.patch(f"/rooms/{room}/messages/{one}", json={"text": "ONE"})
    unreachable = False
    await again.page.clock.install()
    await again.page.clock.fast_forward(20_000)
    await again.shows(room, "ONE", "two", "three")
    await again.until("timelines", "m.timeline(a).status.value === 'ready'", room)


@pytest.mark.parametrize(
    "trick", ["indexedDB", "IDBDatabase.prototype.transaction", "navigator.locks", "BroadcastChannel", "localStorage"]
)
async def test_a_browser_that_keeps_nothing_or_lacks_something_still_chats(
    open_window: OpenWindow, make_user: MakeUser, trick: str
) -> None:
    """Blocked storage has no database; a page that does not come over HTTPS has no locks."""
    ann = await make_user("ann")
    room = await found_room(ann)
    tab = await open_window("/")
    owner, _, name = trick.rpartition(".")
    script = f"Object.defineProperty({owner or 'window'}, {name!r}, {{ value: undefined }})"
    await tab.page.context.add_init_script(script)
    await tab.page.goto(f"{tab.origin}/rooms/{room}")
    page = engine(tab)
    await page.sign_in("ann")
    await opened(page, room)
    await page.say(room, "hello")
    await page.shows(room, "hello")
    keeps_nothing = trick.upper().startswith("I")
    assert await page.call("session", "m.storage.value") == ("memory" if keeps_nothing else "durable")
    assert await page.call("live", RENEW)
    await page.page.reload()
    await page.until("session", "m.boot.value === a", "signed-out" if keeps_nothing else "signed-in")


async def test_a_full_disk_is_told_and_one_can_chat_all_the_same(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    tab = await open_window("/docs")
    devtools = await tab.page.context.new_cdp_session(tab.page)
    await devtools.send("Storage.overrideQuotaForOrigin", {"origin": tab.origin, "quotaSize": 1})
    await tab.page.goto(f"{tab.origin}/rooms/{room}")
    page = engine(tab)
    await page.sign_in("ann")
    assert await page.call("session", "m.storage.value") == "full"
    await opened(page, room)
    await page.say(room, "hello")
    await page.shows(room, "hello")
    assert await page.call("live", RENEW)
    await devtools.send("Storage.overrideQuotaForOrigin", {"origin": tab.origin})
    assert await page.call("live", RENEW)
    assert await page.call("session", "m.storage.value") == "durable"
    await page.page.reload()
    await page.shows(room, "hello")


async def test_a_socket_that_opens_and_never_answers_is_given_up(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    tab = await open_window("/")
    sockets: list[WebSocketRoute] = []

    def answer(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        if len(sockets) > 1:
            socket.connect_to_server()

    await tab.page.route_web_socket("**/ws", answer)
    await tab.page.clock.install()
    await tab.page.goto(f"{tab.origin}/rooms/{room}")
    page = engine(tab)
    await page.call("session", "m.signIn(...a)", ["ann", "correct horse battery"])
    await until(lambda: answered(sockets, 1), "a socket that is silent")
    await tab.page.clock.fast_forward(11_000)
    await page.until("live", "['waiting', 'connecting', 'live'].includes(m.connection.value.status)")
    await tab.page.clock.fast_forward(1_000)
    await page.live()
    await opened(page, room)


async def answered(sockets: list[WebSocketRoute], count: int) -> bool:
    return len(sockets) >= count


@pytest.mark.parametrize("hours", [1, 24 * 60])
async def test_a_page_that_has_slept_shows_what_it_missed(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire, hours: int
) -> None:
    """The lid is closed: no timer runs, the connection dies without a word, and then it is hours later at once."""
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    tab = await open_window("/")
    await tab.page.clock.install()
    await tab.page.goto(f"{tab.origin}/rooms/{room}")
    page = engine(tab)
    await page.sign_in("ann")
    await opened(page, room)
    wire.cut()
    await say(bob, room, "while she slept")
    await tab.page.clock.fast_forward(hours * 3_600_000)
    wire.restore()
    await tab.page.evaluate("dispatchEvent(new Event('online'))")
    await tab.page.clock.fast_forward(1_000)
    await page.shows(room, "while she slept")


# In one go: what came in between would have been heard of just now.
_AWAKE = "() => { const now = Date.now; Date.now = () => now() + 60000; dispatchEvent(new Event('focus')); }"


async def test_a_dead_socket_is_noticed_at_once_when_the_page_is_looked_at_again(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    """In some computers that sleep the clock of the page stands still, and only that on the wall goes on."""
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    tab = await open_window("/")
    sockets: list[WebSocketRoute] = []

    def connect(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        server = socket.connect_to_server()
        if len(sockets) == 1:
            server.on_message(
                lambda data: None if '"seq"' in str(data) and '"event"' in str(data) else socket.send(data)
            )

    await tab.page.route_web_socket("**/ws", connect)
    await tab.page.goto(f"{tab.origin}/rooms/{room}")
    page = engine(tab)
    await page.sign_in("ann")
    await opened(page, room)
    await page.caught_up(room)  # or the first socket would bring it by catching up, which is let through
    await say(bob, room, "into a void")
    await tab.page.evaluate(_AWAKE)
    await page.shows(room, "into a void")
    assert len(sockets) == 2


@pytest.mark.parametrize("days", [-400, 400])
async def test_a_clock_that_is_set_changes_nothing(open_window: OpenWindow, make_user: MakeUser, days: int) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    tab, page = await in_room(open_window, ann, room)
    await page.say(room, "before")
    await page.shows(room, "before")
    await tab.page.evaluate("(days) => { const now = Date.now; Date.now = () => now() + days * 86400000; }", days)
    await page.say(room, "after")
    await page.shows(room, "before", "after")
    assert await page.call("live", RENEW)
    await page.page.reload()
    await page.shows(room, "before", "after")
