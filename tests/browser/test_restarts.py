"""The server goes away under the page, without a word, and comes back."""

import asyncio
from pathlib import Path

from tests.browser.conftest import OpenWindow
from tests.browser.proxies import Wire
from tests.browser.test_conversations import found_room
from tests.integration.processes import serving_process
from tests.integration.servers import register


async def test_a_server_that_is_killed_and_started_again_loses_nothing_that_was_said(
    open_window: OpenWindow, wire: Wire, tmp_path: Path
) -> None:
    folder = tmp_path / "process"
    await asyncio.to_thread(folder.mkdir)
    said = [f"message {number}" for number in range(12)]
    async with serving_process(folder) as server:
        wire.target = server.port
        ann, bob = await register(server, "ann"), await register(server, "bob")
        room = await found_room(ann, bob)
        ann_tab = await open_window(f"/rooms/{room}", username="ann")
        bob_tab = await open_window(f"/rooms/{room}", username="bob")
        for text in said[:6]:
            await ann_tab.say(text)
        await server.kill()
        for text in said[6:]:
            await ann_tab.say(text)
        await ann_tab.until("document.querySelectorAll('.row.pending').length >= 6")
        port = server.port
    async with serving_process(folder, port=port):
        for tab in (ann_tab, bob_tab):
            await tab.sees(*said)
            await tab.agrees(ann, room)
        await ann.client.aclose()
        await bob.client.aclose()
