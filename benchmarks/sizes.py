"""What a message takes on the disk, and what a socket costs that says nothing: figures for `benchmarks.capacity`.

A message has 158 characters and a client_id of 32. Counted is what the file of SQLite has grown by, and the database of
PostgreSQL with its indexes. A heartbeat is a ping and its pong. A look is that of `realtime.watch`, of users who are in
ten rooms.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.processes import Served, hubbub
from benchmarks.report import Row, show
from benchmarks.world import TEXT, Person, add_people, one_big_room, open_chat
from hubbub.domain.events import History, MemberJoined, MessagePosted, RoomCreated, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message
from hubbub.realtime.watch import ROUND
from hubbub.services.imports import UNUSABLE_HASH
from hubbub.services.looks import Looks
from hubbub.services.ports import Tx
from hubbub.stores.sql import SqlStore
from tests.postgres import connect as connect_postgres
from tests.postgres import running_postgres

BATCH = 5000  # messages in one transaction
PING = 0.5  # seconds between the pings of a socket, and for its answer
ROOMS_EACH = 10
ROUNDS = 20  # looks
NOW = 1_700_000_000_000  # milliseconds


def found(tx: Tx) -> tuple[UserId, RoomId]:
    """Somebody with a room."""
    at = Millis(NOW)
    user = tx.users.add(username="ann", email="ann@example.org", display_name="Ann", password_hash=UNUSABLE_HASH, at=at)
    room_id = tx.rooms.add()
    created = RoomCreated(room_id, Seq(1), user.id, at, RoomKind.GROUP, "room", "", History.ALL)
    tx.log.append([created, MemberJoined(room_id, Seq(2), user.id, at, user.id, Role.OWNER)])
    return user.id, room_id


def say(user_id: UserId, room_id: RoomId, first: int, tx: Tx) -> None:
    """The next messages in the room."""
    tx.log.append(
        [
            MessagePosted(Message(room_id, Seq(seq), user_id, Millis(NOW + seq), TEXT, f"{seq:032x}"))
            for seq in range(first, first + BATCH)
        ]
    )


async def fill(url: str, messages: int) -> None:
    """So many messages in one room."""
    store = await asyncio.to_thread(SqlStore.open, url)
    user_id, room_id = await store.write(found)
    for first in range(3, 3 + messages, BATCH):
        await store.write(partial(say, user_id, room_id, first))
    await store.close()


def on_sqlite(folder: Path, messages: int) -> float:
    """Bytes of a message."""
    file = folder / "sizes.db"
    asyncio.run(fill(f"sqlite:///{file}", 0))
    before = file.stat().st_size
    file.unlink()
    asyncio.run(fill(f"sqlite:///{file}", messages))
    return (file.stat().st_size - before) / messages


def on_postgres(messages: int) -> float:
    """Bytes of a message and of its places in indexes."""
    sizes: list[int] = []
    with running_postgres() as server:
        for count in (0, messages):
            url = server.create_database()
            asyncio.run(fill(url, count))
            with connect_postgres(url) as connection:
                row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            assert row is not None
            sizes.append(row[0])
    empty, full = sizes
    return (full - empty) / messages


async def looked(folder: Path, people: int) -> float:
    """CPU µs of a node for each of its users, whenever it looks at the store for what the bus may have lost."""
    chat, store, hasher = open_chat(folder)
    everybody = [person.user_id for person in await add_people(chat, people)]
    rooms = [
        await chat.rooms.create(inside[0], RoomKind.GROUP, name=f"room {number}", member_ids=inside[1:])
        for number in range(ROOMS_EACH)
        for inside in (everybody[number * people // ROOMS_EACH :] + everybody[: number * people // ROOMS_EACH],)
    ]
    room_ids = [room.room_id for room in rooms]
    session_ids = await store.read(
        lambda tx: [session.id for user_id in everybody for session in tx.sessions.of_user(user_id)]
    )
    looks, started = Looks(store), time.process_time()
    for _ in range(ROUNDS):
        await looks.look(room_ids, everybody[: people // ROUND], session_ids)
    used = (time.process_time() - started) / ROUNDS / people * 1e6
    await chat.close()
    await store.close()
    await hasher.close()
    return used


async def beat(server: Served, room_id: RoomId, people: Sequence[Person], seconds: float) -> float:
    """CPU µs of the server for each ping and pong, all sockets being silent otherwise."""
    beats = 0

    async def answer(socket: ClientConnection) -> None:
        nonlocal beats
        async for text in socket:
            frame = json.loads(text)
            if frame["type"] == "ping":
                beats += 1
                await socket.send(json.dumps({"type": "pong", "n": frame["n"]}))

    url = f"ws://127.0.0.1:{server.port}/ws/chat/{room_id}"
    options = {"compression": None, "proxy": None, "ping_interval": None}
    headers = [{"Authorization": f"Bearer {person.token}"} for person in people]
    sockets = [await connect(url, additional_headers=each, **options) for each in headers]  # type: ignore[arg-type]
    answering = [asyncio.create_task(answer(socket)) for socket in sockets]
    await asyncio.sleep(1.0)
    beats, cpu = 0, server.cpu()
    await asyncio.sleep(seconds)
    used = (server.cpu() - cpu) / beats * 1e6
    for task in answering:
        task.cancel()
    for socket in sockets:
        await socket.close()
    return used


def main(
    messages: Annotated[int, typer.Option(min=BATCH, help="Messages that are stored.")] = 100_000,
    sockets: Annotated[int, typer.Option(min=1, max=2000, help="Silent sockets.")] = 200,
    seconds: Annotated[float, typer.Option(min=0.5, help="How long they are silent.")] = 4.0,
) -> None:
    """Measure the disk of a message, and the heartbeats of a socket."""
    with TemporaryDirectory(prefix="hubbub-bench-", dir=".") as name:
        folder = Path(name).resolve()
        row = {"SQLite B/message": on_sqlite(folder, messages), "PostgreSQL B/message": on_postgres(messages)}
        row["CPU µs/look, for each user"] = asyncio.run(looked(folder, sockets))
        (folder / "hubbub.db").unlink()
        people, room_id = one_big_room(folder, sockets)
        with hubbub(folder, heartbeat_seconds=PING, pong_seconds=PING, frame_rate=0) as server:
            row["CPU µs/heartbeat"] = asyncio.run(beat(server, room_id, people, seconds))
    show("sizes", f"{messages} messages of {len(TEXT)} characters, {sockets} silent sockets", [Row("hubbub", row)])


if __name__ == "__main__":
    typer.run(main)
