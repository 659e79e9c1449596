"""A server whose database was restored: its clients start anew, even where the numbers are those they know."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubbub.stores.sql import back_up
from hubbub.wire import frames as wire
from tests.integration.processes import ServerProcess, database_url, serving_process
from tests.integration.servers import Person, register
from tests.integration.sockets import dial


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a client is told that resumes."""

    reset: str | None
    epoch: str
    head: int
    texts: list[str]


async def resume(server: ServerProcess, ann: Person, after: int, epoch: str) -> Resumed:
    """Join Ann's room from this position."""
    reset = None
    async with dial(server, "/ws", token=ann.access_token) as socket:
        await socket.next(wire.Hello)
        await socket.put(type="join", room_id=1, after=after, epoch=epoch)
        frame = await socket.take()
        if isinstance(frame, wire.Reset):
            reset, frame = frame.reason, await socket.take()
        assert isinstance(frame, wire.Joined)
        events = (await socket.next(wire.Events)).events if frame.replay else []
    texts = [event.message.text for event in events if event.message is not None]
    return Resumed(reset, frame.epoch, frame.head, texts)


async def post(server: ServerProcess, ann: Person, *texts: str) -> None:
    async with server.client(ann.access_token) as client:
        for text in texts:
            (await client.post("/rooms/1/messages", json={"text": text})).raise_for_status()


def restore(backup: Path, folder: Path, away: Path) -> None:
    """What docs/operations.md says: move away the whole database, and copy the backup to where it was."""
    away.mkdir()
    for path in folder.glob("hubbub.db*"):
        path.rename(away / path.name)
    shutil.copy(backup, folder / "hubbub.db")


async def first_of_stream(server: ServerProcess, ann: Person, place: str) -> str:
    """The first `event:` of a stream that goes on from this place, and its id."""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": place}
    found = ""
    async with (
        server.client(ann.access_token) as client,
        client.stream("GET", "/rooms/1/events", headers=headers, timeout=30) as response,
    ):
        async for line in response.aiter_lines():
            if line.startswith("id: "):
                found = line.removeprefix("id: ")
            elif line.startswith("event: "):
                return f"{line.removeprefix('event: ')} {found}"
    raise AssertionError("the stream has ended")


async def page(server: ServerProcess, ann: Person, after: str) -> tuple[int, dict[str, Any]]:
    async with server.client(ann.access_token) as client:
        answer = await client.get("/rooms/1/events", params={"after": after})
    return answer.status_code, answer.json()


async def dialled(server: ServerProcess, ann: Person, after: str) -> wire.ServerFrame:
    """What a socket of one room says first about the room."""
    async with dial(server, f"/ws/chat/1?after={after}", token=ann.access_token) as socket:
        await socket.next(wire.Hello)
        return await socket.take()


async def test_a_number_that_exists_in_the_new_log_is_noticed_where_the_epoch_stands_beside_it(tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    async with serving_process(tmp_path) as server:
        ann = await register(server, "ann")
        (await ann.client.post("/rooms", json={"kind": "group", "name": "room"})).raise_for_status()
        await ann.client.aclose()
        await asyncio.to_thread(back_up, database_url(tmp_path), backup)
        await post(server, ann, "lost")
        status, known = await page(server, ann, "0")
        assert (status, known["head"]) == (200, 3)
        place = f"{known['epoch']}:3"
        assert await page(server, ann, place) == (200, {"items": [], "head": 3, "epoch": known["epoch"]})
        await server.stop()

    restore(backup, tmp_path, away=tmp_path / "away")
    async with serving_process(tmp_path) as server:
        await post(server, ann, "another")
        status, problem = await page(server, ann, place)
        assert (status, problem["code"]) == (409, "conflict")
        status, new = await page(server, ann, "0")
        assert (status, new["head"]) == (200, 3)
        assert new["epoch"] != known["epoch"]
        assert await first_of_stream(server, ann, place) == f"reset {new['epoch']}:0"
        assert await first_of_stream(server, ann, f"{new['epoch']}:2") == f"event {new['epoch']}:3"
        for told in (await dialled(server, ann, place), await dialled(server, ann, f"3&epoch={known['epoch']}")):
            assert isinstance(told, wire.Reset)
            assert told.reason == "epoch_changed"
        assert isinstance(await dialled(server, ann, f"{new['epoch']}:3"), wire.Joined)


async def test_a_client_of_a_restored_server_starts_anew_also_where_its_number_exists(tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    async with serving_process(tmp_path) as server:
        ann = await register(server, "ann")
        (await ann.client.post("/rooms", json={"kind": "group", "name": "room"})).raise_for_status()
        await ann.client.aclose()
        await post(server, ann, "kept")
        await asyncio.to_thread(back_up, database_url(tmp_path), backup)
        await post(server, ann, "lost")
        known = await resume(server, ann, 0, "")
        await server.stop()
    assert known.texts == ["kept", "lost"]

    for number in range(2):  # the same backup each time
        restore(backup, tmp_path, away=tmp_path / f"away-{number}")
        async with serving_process(tmp_path) as server:
            await post(server, ann, f"another {number}")
            resumed = await resume(server, ann, known.head, known.epoch)
            assert (resumed.reset, resumed.head) == ("epoch_changed", known.head)
            assert resumed.texts == ["kept", f"another {number}"]
            known = resumed
            assert (await resume(server, ann, known.head, known.epoch)).reset is None
            await server.stop()
