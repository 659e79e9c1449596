"""The server was restored from a backup: its log is another one, and the page notices, also where the numbers agree."""

import asyncio
from pathlib import Path

from hubbub.stores.sql import back_up
from tests.browser.conftest import OpenWindow
from tests.browser.proxies import DeafSockets, Wire
from tests.browser.test_store import agrees, found_room, in_room, in_room_through, say
from tests.integration.processes import database_url, serving_process
from tests.integration.servers import register
from tests.integration.test_restore import restore


async def test_a_page_of_a_restored_server_shows_the_log_that_is_there_now(
    open_window: OpenWindow, wire: Wire, tmp_path: Path
) -> None:
    folder, backup = tmp_path / "process", tmp_path / "backup.db"
    await asyncio.to_thread(folder.mkdir)
    async with serving_process(folder) as server:
        wire.target = server.port
        ann, bob = await register(server, "ann"), await register(server, "bob")
        room = await found_room(ann, bob)
        await say(bob, room, "one")
        tab, page = await in_room(open_window, ann, room)
        await asyncio.to_thread(back_up, database_url(folder), backup)
        *_, last = await say(bob, room, "lost two", "lost three", "lost four")
        await page.shows(room, "one", "lost two", "lost three", "lost four")
        await page.call("rooms", "m.markRead(...a)", [room, last])
        await server.kill()
        port = server.port
    await asyncio.to_thread(restore, backup, folder, tmp_path / "away")
    async with serving_process(folder, port=port):
        await say(bob, room, "another two", "another three")
        await page.live()
        await page.shows(room, "one", "another two", "another three")
        await agrees(page, bob, room)
        await page.say(room, "four")
        await page.shows(room, "one", "another two", "another three", "four")
        assert "reset" in {finding.kind for finding in tab.findings.shown}
        tab.findings.shown.clear()  # the ledger of the tab knows one log
        await ann.client.aclose()
        await bob.client.aclose()


async def test_what_the_lost_log_had_acknowledged_unseen_is_sent_to_the_one_that_is_there_now(
    open_window: OpenWindow, wire: Wire, tmp_path: Path
) -> None:
    folder, backup = tmp_path / "process", tmp_path / "backup.db"
    await asyncio.to_thread(folder.mkdir)
    async with serving_process(folder) as server:
        wire.target = server.port
        ann = await register(server, "ann")
        room = await found_room(ann)
        await say(ann, room, "one")
        sockets = DeafSockets()
        tab, page = await in_room_through(sockets, open_window, ann, room)
        await asyncio.to_thread(back_up, database_url(folder), backup)
        sockets.deaf = True
        await page.say(room, "acknowledged")
        await sockets.acknowledged.wait()
        await server.kill()
        port = server.port
    await asyncio.to_thread(restore, backup, folder, tmp_path / "away")
    sockets.deaf = False
    async with serving_process(folder, port=port):
        await page.call("live", "m.retryNow()")
        await page.live()
        await page.shows(room, "one", "acknowledged")
        assert "reset" in {finding.kind for finding in tab.findings.shown}
        tab.findings.shown.clear()  # the ledger of the tab knows one log
        await ann.client.aclose()
