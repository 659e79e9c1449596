"""A database with people in rooms, made through the services, and their tokens."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from hubbub.compose import open_keys
from hubbub.domain.events import Event, RoomKind
from hubbub.domain.ids import RoomId, SessionId, UserId
from hubbub.security.passwords import Argon2Hasher
from hubbub.security.tokens import JwtTokens
from hubbub.services.chat import Chat
from hubbub.services.clocks import SystemClock
from hubbub.settings import Settings
from hubbub.stores.sql import SqlStore

PASSWORD = "correct horse"  # noqa: S105 - of accounts that live as long as a benchmark
TEXT = "The quick brown fox jumps over the lazy dog, and the dog does not mind at all. " * 2


class Silence:
    """A fan-out to nobody."""

    def publish(self, events: Sequence[Event], epoch: str) -> None: ...
    def resync(self, room_ids: Collection[RoomId]) -> None: ...
    def end_sessions(self, session_ids: Collection[SessionId]) -> None: ...


@dataclass(frozen=True, slots=True)
class Person:
    user_id: UserId
    token: str


def open_chat(folder: Path, database_url: str | None = None) -> tuple[Chat, SqlStore, Argon2Hasher]:
    """The services over a database, or `hubbub.db` in this folder. Passwords are hashed at next to no cost."""
    url = database_url or f"sqlite:///{folder / 'hubbub.db'}"
    settings = Settings(database_url=url, secret_file=folder / "hubbub.keys")
    store = SqlStore.open(url, reader_threads=settings.reader_threads, writer_threads=settings.writer_threads)
    clock = SystemClock()
    hasher = Argon2Hasher(workers=1, time_cost=1, memory_cost=8, parallelism=1)
    chat = Chat(
        store=store,
        clock=clock,
        fanout=Silence(),
        hasher=hasher,
        tokens=JwtTokens(open_keys(settings), clock),
        lanes=store.writers,
    )
    return chat, store, hasher


async def add_people(chat: Chat, count: int, *, first: int = 0) -> list[Person]:
    """Register and sign in user0, user1 …"""
    people = []
    for number in range(first, first + count):
        name = f"user{number}"
        user = await chat.accounts.register(name, f"{name}@example.org", PASSWORD)
        grant = await chat.accounts.login(name, PASSWORD, address=name, label="benchmark")
        people.append(Person(user.id, grant.access_token))
    return people


def one_big_room(folder: Path, members: int, database_url: str | None = None) -> tuple[list[Person], RoomId]:
    """A channel that all of them are in."""

    async def make() -> tuple[list[Person], RoomId]:
        chat, store, hasher = open_chat(folder, database_url)
        people = await add_people(chat, members)
        room = await chat.rooms.create(people[0].user_id, RoomKind.CHANNEL, name="everybody")
        joins = [chat.rooms.put_member(person.user_id, room.room_id, person.user_id) for person in people[1:]]
        await asyncio.gather(*joins)
        await chat.close()
        await store.close()
        await hasher.close()
        return people, room.room_id

    return asyncio.run(make())


def many_pairs(folder: Path, pairs: int, *, first: int = 0) -> list[tuple[Person, Person, RoomId]]:
    """Direct rooms of two people each."""

    async def make() -> list[tuple[Person, Person, RoomId]]:
        chat, store, hasher = open_chat(folder)
        people = await add_people(chat, 2 * pairs, first=first)
        made = []
        for left, right in zip(people[::2], people[1::2], strict=True):
            room, _ = await chat.rooms.open_direct(left.user_id, right.user_id)
            made.append((left, right, room.room_id))
        await chat.close()
        await store.close()
        await hasher.close()
        return made

    return asyncio.run(make())


def rooms_of(folder: Path, people: int, rooms: int) -> list[tuple[RoomId, int, list[Person]]]:
    """People spread over groups of equal size: each group's id, head and members."""

    async def make() -> list[tuple[RoomId, int, list[Person]]]:
        chat, store, hasher = open_chat(folder)
        everybody = await add_people(chat, people)
        made = []
        for number in range(rooms):
            inside = everybody[number::rooms]
            room = await chat.rooms.create(inside[0].user_id, RoomKind.CHANNEL, name=f"room {number}")
            joins = [chat.rooms.put_member(person.user_id, room.room_id, person.user_id) for person in inside[1:]]
            await asyncio.gather(*joins)
            made.append((room.room_id, room.head + len(inside) - 1, inside))
        await chat.close()
        await store.close()
        await hasher.close()
        return made

    return asyncio.run(make())
