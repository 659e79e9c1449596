"""A page of 50 messages out of millions: CPU of the server for each page over HTTP, beside the ORM in process.

Twenty readers ask at once, each for a page at a random place of a random room, on a connection that stays open.
Making the database takes a minute or two for two million messages.
"""

import asyncio
import random
import re
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict
from rich.progress import Progress
from sqlalchemy import create_engine
from sqlalchemy import select as select_rows
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.processes import Served, hubbub
from benchmarks.report import Row, percentile, show
from benchmarks.world import TEXT, Person, add_people, open_chat
from hubbub.domain.events import MessagePosted, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq
from hubbub.domain.messages import Message
from hubbub.services.ports import Tx

PAGE = 50
ROOMS = 20
BATCH = 5000  # messages in one transaction while the database is made


class Base(DeclarativeBase):
    pass


class OrmMessage(Base):
    __tablename__ = "messages"
    room_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    at: Mapped[int]
    text: Mapped[str]
    client_id: Mapped[str | None]


class OrmBody(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    room_id: int
    seq: int
    user_id: int
    at: int
    text: str
    client_id: str | None


class OrmPage(BaseModel):
    items: list[OrmBody]


def make(folder: Path, messages: int, progress: Progress) -> tuple[Person, list[RoomId]]:
    """Rooms of equal length, filled through the store."""

    async def fill() -> tuple[Person, list[RoomId]]:
        chat, store, hasher = open_chat(folder)
        people = await add_people(chat, 40)
        task = progress.add_task(f"making {messages:,} messages", total=messages)
        others = [person.user_id for person in people[1:]]
        rooms = []
        for number in range(ROOMS):
            room = await chat.rooms.create(
                people[0].user_id, RoomKind.CHANNEL, name=f"room {number}", member_ids=others
            )
            rooms.append(room.room_id)
            head, last = room.head, room.head + messages // ROOMS
            while head < last:
                upto = Seq(min(head + BATCH, last))
                await store.write(append_messages(room.room_id, head, upto, people))
                progress.advance(task, upto - head)
                head = upto
        await chat.close()
        await store.close()
        await hasher.close()
        return people[0], rooms

    return asyncio.run(fill())


def append_messages(room_id: RoomId, head: Seq, upto: Seq, people: list[Person]) -> Callable[[Tx], None]:
    """What appends the messages from `head` (exclusive) to `upto` (inclusive) to the room."""
    now = Millis(time.time_ns() // 1_000_000)
    events = [
        MessagePosted(Message(room_id, Seq(seq), people[seq % len(people)].user_id, now, TEXT))
        for seq in range(head + 1, upto + 1)
    ]

    def append(tx: Tx) -> None:
        tx.rooms.load([room_id])
        tx.log.append(events)

    return append


class Readers:
    """HTTP connections that each ask for the next page as soon as they have one."""

    def __init__(self, port: int, count: int, next_path: Callable[[], str], token: str) -> None:
        self._next_path = next_path
        self._headers = f"HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", port))
            self._sockets[sock.fileno()] = sock
            self._poll.register(sock.fileno(), select.EPOLLIN)

    def read(self, seconds: float) -> list[float]:
        """Read for so long; return the seconds that each page took."""
        until = time.monotonic() + seconds
        waits: list[float] = []
        asked: dict[int, float] = {}
        got: dict[int, bytes] = {}
        for number in self._sockets:
            self._ask(number, asked, got)
        while asked:
            for number, _ in self._poll.poll(1.0):
                got[number] += self._sockets[number].recv(1 << 18)
                if _whole(got[number]):
                    waits.append(time.monotonic() - asked.pop(number))
                    if time.monotonic() < until:
                        self._ask(number, asked, got)
        return waits

    def _ask(self, number: int, asked: dict[int, float], got: dict[int, bytes]) -> None:
        asked[number], got[number] = time.monotonic(), b""
        self._sockets[number].sendall(f"GET {self._next_path()} {self._headers}".encode())

    def close(self) -> None:
        self._poll.close()
        for sock in self._sockets.values():
            sock.close()


def _whole(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(head.split(b"\r\n")[0].decode())
    found = re.search(rb"(?i)content-length: (\d+)", head)
    return found is not None and len(body) == int(found[1])


def over_http(server: Served, readers: Readers, seconds: float) -> dict[str, float]:
    readers.read(seconds / 5)
    usage, started = server.begin(), time.monotonic()
    waits = readers.read(seconds)
    elapsed = time.monotonic() - started
    return {
        "pages/s": len(waits) / elapsed,
        "CPU ms/page": usage.end() / len(waits) * 1000,
        "p50 ms": percentile(waits, 50) * 1000,
        "p99 ms": percentile(waits, 99) * 1000,
    }


def with_orm(folder: Path, place: Callable[[], tuple[RoomId, Seq]], seconds: float) -> dict[str, float]:
    """The same page by SQLAlchemy's ORM and pydantic, without any HTTP."""
    engine = create_engine(f"sqlite:///{folder / 'hubbub.db'}")
    waits: list[float] = []
    cpu, started = time.process_time(), time.monotonic()
    while time.monotonic() < started + seconds:
        before = time.monotonic()
        room_id, seq = place()
        with Session(engine) as session:
            query = select_rows(OrmMessage).where(OrmMessage.room_id == room_id, OrmMessage.seq < seq)
            rows = session.scalars(query.order_by(OrmMessage.seq.desc()).limit(PAGE)).all()
            OrmPage(items=[OrmBody.model_validate(row) for row in rows]).model_dump_json()
        waits.append(time.monotonic() - before)
    elapsed = time.monotonic() - started
    engine.dispose()
    return {
        "pages/s": len(waits) / elapsed,
        "CPU ms/page": (time.process_time() - cpu) / len(waits) * 1000,
        "p50 ms": percentile(waits, 50) * 1000,
        "p99 ms": percentile(waits, 99) * 1000,
    }


def main(
    messages: Annotated[int, typer.Option(min=10_000, help="Messages in the database.")] = 2_000_000,
    readers: Annotated[int, typer.Option(min=1, max=1000, help="Readers at once.")] = 20,
    seconds: Annotated[float, typer.Option(min=0.5, max=600, help="How long each way is measured.")] = 5.0,
) -> None:
    """Measure pages of history."""
    chance = random.Random(7)
    with TemporaryDirectory(prefix="hubbub-bench-", dir=".") as name, Progress(transient=True) as progress:
        folder = Path(name).resolve()
        person, rooms = make(folder, messages, progress)

        def place() -> tuple[RoomId, Seq]:
            return chance.choice(rooms), Seq(chance.randrange(100, messages // ROOMS))

        def path() -> str:
            room_id, seq = place()
            return f"/rooms/{room_id}/messages?before={seq}&limit={PAGE}"

        progress.add_task("reading", total=None)
        orm = with_orm(folder, place, seconds)
        with hubbub(folder) as server:
            crowd = Readers(server.port, readers, path, person.token)
            http = over_http(server, crowd, seconds)
            crowd.close()
    rows = [Row("hubbub, over HTTP", http), Row("ORM and pydantic, no HTTP", orm)]
    show("history", f"Pages of {PAGE} out of {messages:,} messages, {readers} readers", rows)


if __name__ == "__main__":
    typer.run(main)
