"""The client opens without network, from the release that a service worker keeps, and gets a newer one."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import WebSocketRoute

from hubbub.web.assets import FOLDER
from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.engine import Engine, engine
from tests.browser.proxies import Wire
from tests.browser.tabs import Tab, open_tab, until
from tests.browser.test_store import found_room, history, opened, say
from tests.integration.processes import ServerProcess, serving_process
from tests.integration.servers import LiveServer, register
from tools.browser import chromium

ADDRESSES = "async (name) => (await (await caches.open(name)).keys()).map(({ url }) => url)"
VERSION = "document.querySelector('script[type=module]').src.match(/static\\/(\\w+)\\//)[1]"
PATHS = re.compile(r"/|/accounts|/rooms/1|/static/\w{16}/[\w/-]+\.(js|css|png|svg|webmanifest)")


async def kept(tab: Tab) -> list[str]:
    """The names of the caches on the device, the oldest first. No cache is opened: that would make one just dropped."""
    found: list[str] = await tab.page.evaluate("caches.keys()")
    return found


async def of_another_release(tab: Tab, old: str) -> None:
    """Wait until the page is of another release than this one; while it loads it is of none."""
    await tab.until(f"document.querySelector('script[type=module]') && {VERSION} !== {old!r}")


async def controlled(tab: Tab) -> None:
    """Wait until a service worker has all that it keeps, and answers the page."""
    await tab.until("navigator.serviceWorker.controller?.state === 'activated'")


async def in_kept_room(open_window: OpenWindow, username: str, room_id: int) -> tuple[Tab, Engine]:
    """A page that has the room open, all of which is on the device."""
    tab = await open_window(f"/rooms/{room_id}", service_workers="allow")
    page = engine(tab)
    await page.sign_in(username)
    await opened(page, room_id)
    await controlled(tab)
    return tab, page


@asynccontextmanager
async def upgraded(folder: Path, port: int, **changes: tuple[str, str]) -> AsyncIterator[ServerProcess]:
    """The server of the folder as a later release: in the catalogue of a language one text is another."""
    source = folder / "release"
    await asyncio.to_thread(
        shutil.copytree, FOLDER.parents[1], source / "hubbub", ignore=shutil.ignore_patterns("__pycache__")
    )
    for language, (old, new) in changes.items():
        file = source / "hubbub" / "web" / "static" / "i18n" / f"{language}.js"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
    async with serving_process(folder, port=port, PYTHONPATH=str(source)) as server:
        yield server


async def test_a_room_opens_without_network_and_what_is_said_goes_out_later(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    await say(bob, room, "one", "two")
    tab, page = await in_kept_room(open_window, "ann", room)
    await page.shows(room, "one", "two")
    await page.call("cache", "m.keepNow()")
    await page.until("live", "m.db.get('rooms', a)", room)
    wire.cut()

    asked: list[str] = []
    since = asyncio.get_running_loop().time()
    tab.page.on("requestfailed", lambda request: asked.append(request.url))
    await tab.page.reload()
    await tab.sees("one", "two")
    await tab.page.get_by_text("Waiting for network").or_(tab.page.get_by_text("Reconnecting")).wait_for()
    await tab.say("three")
    await tab.until("document.querySelectorAll('.row.pending').length === 1")
    again = await open_window(f"/rooms/{room}", beside=tab)
    await again.until("document.querySelectorAll('.window .row').length >= 2")
    root = await open_window("/", beside=tab)
    await root.page.get_by_role("navigation").get_by_role("link").filter(has_text="tea").wait_for()
    assert len(await history(ann, room)) == 2
    older = [url for url in asked if "before=" in url]
    seconds = asyncio.get_running_loop().time() - since
    assert 1 <= len(older) <= 1 + seconds / 2, "once in two seconds, and not as fast as it fails"

    wire.restore()
    for one in (tab, again):
        await one.page.evaluate("dispatchEvent(new Event('online'))")
        await one.sees("one", "two", "three")
    assert [message["text"] for message in await history(ann, room)] == ["one", "two", "three"]


async def test_nothing_is_kept_but_the_client(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    tab, page = await in_kept_room(open_window, "ann", room)
    await tab.page.reload()
    await opened(page, room)
    await page.say(room, "hello")
    await page.shows(room, "hello")
    docs = await open_tab(tab.page.context, tab.origin, "/docs")
    await docs.page.get_by_role("heading", name="hubbub").wait_for()
    await docs.page.goto(f"{tab.origin}/openapi.json")
    [name] = await kept(tab)
    paths = [url.removeprefix(tab.origin) for url in await tab.page.evaluate(ADDRESSES, name)]
    assert [path for path in paths if not PATHS.fullmatch(path)] == []
    assert {"/", "/accounts", "/rooms/1"} < set(paths)
    files = await tab.page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    assert {url.removeprefix(tab.origin) for url in files if "/static/" in url} <= set(paths)


async def test_a_page_of_an_earlier_release_goes_on_and_the_next_one_is_offered(
    open_window: OpenWindow, wire: Wire, tmp_path: Path
) -> None:
    folder = tmp_path / "process"
    await asyncio.to_thread(folder.mkdir)
    async with serving_process(folder) as server:
        wire.target = server.port
        ann = await register(server, "ann")
        room = await found_room(ann)
        tab, page = await in_kept_room(open_window, "ann", room)
        other = await open_window(f"/rooms/{room}", beside=tab)
        await controlled(other)
        old = await tab.page.evaluate(VERSION)
        assert await server.stop() == 0
    async with upgraded(
        folder, server.port, en=("Reply to nobody", "Reply to no one"), de=("Niemandem antworten", "Keinem antworten")
    ):
        await page.live()
        await page.call("compose", "m.setText(...a)", [room, "half a sen"])
        await page.call("../io/release", "m.findRelease()")
        await tab.page.get_by_text("A new version is ready.").wait_for()
        await other.page.get_by_text("A new version is ready.").wait_for()
        await page.call("../i18n/language", "m.chooseLanguage('de')")  # which no page has loaded
        await tab.page.get_by_text("Eine neue Version ist bereit.").wait_for()
        assert await tab.page.evaluate(VERSION) == old

        await tab.page.get_by_role("button", name="Neu laden").click()
        await of_another_release(tab, old)
        await opened(page, room)
        assert await page.call("compose", "m.draft(a).value.text", room) == "half a sen"
        assert await other.page.evaluate(VERSION) == old
        await page.call("../io/release", "m.keepRelease()")  # which drops what nobody needs
        assert len(await kept(tab)) == 2  # the other page still has the earlier one
        await other.page.get_by_role("button", name="Reload").click()
        await of_another_release(other, old)

        async def alone() -> bool:
            return len(await kept(tab)) == 1

        await until(alone, "the earlier release is dropped")
        assert not any(old in name for name in await kept(tab))
        await ann.client.aclose()


async def test_a_page_that_is_too_old_for_the_server_begins_again_with_the_files_of_the_server(
    open_window: OpenWindow, wire: Wire, tmp_path: Path
) -> None:
    folder = tmp_path / "process"
    await asyncio.to_thread(folder.mkdir)
    outdated = False

    async def close(socket: WebSocketRoute) -> None:
        if outdated:
            await socket.close(code=4426)
        else:
            socket.connect_to_server()

    async with serving_process(folder) as server:
        wire.target = server.port
        ann = await register(server, "ann")
        room = await found_room(ann)
        tab, page = await in_kept_room(open_window, "ann", room)
        await tab.page.route_web_socket("**/ws", close)
        old = await tab.page.evaluate(VERSION)
        wire.cut_at(b"/worker.js")  # it cannot learn of the next release, and would open the old one for ever
        await tab.page.reload()  # with the route
        assert await server.stop() == 0
    outdated = True
    async with upgraded(folder, server.port, en=("Reply to nobody", "Reply to no one")):
        await tab.page.get_by_text("The server has been updated.").wait_for()
        wire.restore()
        outdated = False
        await tab.page.get_by_role("button", name="Reload").click()
        await of_another_release(tab, old)
        await opened(page, room)
        await ann.client.aclose()


async def test_a_release_of_which_a_part_cannot_be_had_is_not_kept_at_all(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire
) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    wire.cut_at(b"icons/maskable-512.png")  # which no page asks for
    tab = await open_window(f"/rooms/{room}", service_workers="allow")
    page = engine(tab)
    await page.sign_in("ann")
    await page.until("live", "m.connection.value.status === 'waiting'")
    await tab.until("navigator.serviceWorker.getRegistration().then((found) => !found?.installing)")
    assert await kept(tab) == []
    wire.restore()
    await tab.page.evaluate("dispatchEvent(new Event('online'))")
    await page.live()
    await tab.page.reload()
    await controlled(tab)
    assert len(await kept(tab)) == 1


async def test_all_but_this_works_where_there_are_no_service_workers(live: LiveServer, make_user: MakeUser) -> None:
    """No secure context: HTTP, and a host that is not this machine."""
    ann = await make_user("ann")
    room = await found_room(ann)
    async with chromium("--host-resolver-rules=MAP hubbub.test 127.0.0.1") as browser:
        context = await browser.new_context(locale="en-GB")
        tab = await open_tab(context, f"http://hubbub.test:{live.port}", f"/rooms/{room}")
        assert await tab.page.evaluate("[isSecureContext, 'serviceWorker' in navigator]") == [False, False]
        await tab.sign_in("ann")
        await tab.say("hello")
        await tab.sees("hello")
        assert (tab.faults, tab.findings.shown) == ([], [])
