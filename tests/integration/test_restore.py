"""A server whose database was restored: its clients start anew, even where the numbers are those they know."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

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
