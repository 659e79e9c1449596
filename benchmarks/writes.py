"""Durable messages a second: many senders, each waiting for its ack before it sends the next.

Three ways, on the same disk, with SQLite in WAL mode and synchronous=FULL (each ack means: on disk):

- *naive*: what a tutorial does. SQLAlchemy's ORM over aiosqlite, a session and a commit for each message;
- *one at a time*: hubbub's journal with one sender, so that nothing can be grouped;
- *journal*: hubbub's services with all senders.

In process: no socket, no HTTP. CPU time is that of the whole process, all threads.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.progress import Progress
from sqlalchemy import ForeignKey, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from benchmarks.report import Row, percentile, show
from benchmarks.world import TEXT, add_people, open_chat
from hubbub.domain.events import RoomKind
from hubbub.services.changes import Draft

Post = Callable[[int, int], Awaitable[None]]
"""Post the n-th message of a sender, and return once it is durable."""

Opener = Callable[[str, int, int], AbstractAsyncContextManager[Post]]
"""Open a way of posting to an empty database at a URL, for so many senders in so many rooms."""


class Base(DeclarativeBase):
    pass


class NaiveUser(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]


class NaiveMessage(Base):
    __tablename__ = "messages"
    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str]
    at: Mapped[float]


@asynccontextmanager
async def naive(url: str, senders: int, rooms: int) -> AsyncIterator[Post]:
    engine = _engine(url)
    sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with sessions() as session:
        session.add_all(NaiveUser(id=sender + 1, username=f"user{sender}") for sender in range(senders))
        await session.commit()

    async def post(sender: int, number: int) -> None:
        async with sessions() as session:
            user = await session.get(NaiveUser, sender + 1)
            assert user is not None
            message = NaiveMessage(room_id=sender % rooms, user_id=user.id, text=TEXT, at=time.time())
            session.add(message)
            await session.commit()
            await session.refresh(message)

    yield post
    await engine.dispose()


def _engine(url: str) -> AsyncEngine:
    if not url.startswith("sqlite"):
        return create_async_engine(url)
    engine = create_async_engine(url.replace("sqlite", "sqlite+aiosqlite", 1), connect_args={"timeout": 60})

    @event.listens_for(engine.sync_engine, "connect")
    def _pragmas(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    return engine


@asynccontextmanager
async def journal(url: str, senders: int, rooms: int) -> AsyncIterator[Post]:
    with TemporaryDirectory(prefix="hubbub-bench-") as folder:
        chat, store, hasher = open_chat(Path(folder), url)
    user_ids = [person.user_id for person in await add_people(chat, senders)]
    room_ids = []
    for room in range(rooms):
        members = user_ids[room::rooms]
        summary = await chat.rooms.create(members[0], RoomKind.GROUP, name=f"room {room}", member_ids=members[1:])
        room_ids.append(summary.room_id)

    async def post(sender: int, number: int) -> None:
        draft = Draft(TEXT, client_id=f"{sender}-{number}")
        await chat.messages.post(user_ids[sender], room_ids[sender % rooms], draft)

    yield post
    await chat.close()
    await store.close()
    await hasher.close()


async def measure(post: Post, senders: int, seconds: float) -> Row:
    """Let all senders post for a while, after a warm-up of a tenth of the time."""
    waits: list[float] = []
    started = time.perf_counter()
    counting_from, until = started + seconds / 10, started + seconds * 1.1
    cpu = 0.0

    async def send(sender: int) -> None:
        nonlocal cpu
        number = 0
        while (before := time.perf_counter()) < until:
            await post(sender, number)
            number += 1
            if before >= counting_from:
                cpu = cpu or time.process_time()
                waits.append(time.perf_counter() - before)

    await asyncio.gather(*(send(sender) for sender in range(senders)))
    elapsed = time.perf_counter() - counting_from
    return Row(
        "",
        {
            "messages/s": len(waits) / elapsed,
            "CPU µs/message": (time.process_time() - cpu) / len(waits) * 1e6,
            "ack p50 ms": percentile(waits, 50) * 1000,
            "ack p99 ms": percentile(waits, 99) * 1000,
        },
    )


def main(
    senders: Annotated[int, typer.Option(min=1, max=10_000, help="Concurrent senders.")] = 100,
    rooms: Annotated[int, typer.Option(min=1, max=10_000, help="Rooms they are spread over.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.5, max=600, help="How long each way is measured.")] = 5.0,
) -> None:
    """Measure durable messages a second, beside the naive way."""
    rooms = min(rooms, senders)
    ways = [
        (f"naive ORM, {senders} senders", naive, senders),
        ("journal, 1 sender", journal, 1),
        (f"journal, {senders} senders", journal, senders),
    ]
    rows: list[Row] = []
    with Progress(transient=True) as progress:
        task = progress.add_task("measuring", total=len(ways))
        for way, opener, count in ways:
            progress.update(task, description=way)
            rows.append(Row(way, asyncio.run(_run(opener, count, min(rooms, count), seconds)).figures))
            progress.advance(task)
    rate = "messages/s"
    for row in rows:
        row.figures["times naive"] = row.figures[rate] / rows[0].figures[rate]
    show("writes", f"Durable messages, {rooms} room(s), SQLite, synchronous=FULL", rows)


async def _run(opener: Opener, senders: int, rooms: int, seconds: float) -> Row:
    with TemporaryDirectory(prefix="hubbub-bench-", dir=".") as folder:
        async with opener(f"sqlite:///{folder}/hubbub.db", senders, rooms) as post:
            return await measure(post, senders, seconds)


if __name__ == "__main__":
    typer.run(main)
