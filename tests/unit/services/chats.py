"""A chat put together as the server does it, over a store that fails when it is told to; and what people do in it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from typing import TypeVar

from hubbub.domain.errors import Unavailable
from hubbub.domain.events import Event, History, MessagePosted, RoomKind
from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.domain.rooms import ChatRoom
from hubbub.services.changes import Answer, Draft, Outcome
from hubbub.services.channels import ChannelDirectory
from hubbub.services.journal import Journal
from hubbub.services.logs import Logs
from hubbub.services.messages import Messages
from hubbub.services.ports import Store, Tx
from hubbub.services.reads import Reads
from hubbub.services.rooms import Rooms
from hubbub.services.searches import Searches
from hubbub.stores.memory import MemoryStore
from tests.clocks import ManualClock

T = TypeVar("T")

PEOPLE = ("ann", "bob", "cyd", "dan")
ANN, BOB, CYD, DAN = (UserId(number) for number in range(1, 5))
NOBODY = UserId(99)
NO_ROOM = RoomId(99)


class Failure(Enum):
    """How a write comes to be Unavailable."""

    BEFORE = "the transaction did not begin"
    ROLLED_BACK = "everything was done, and then rolled back"
    COMMITTED = "it was committed, and the answer was lost"


class FailingStore:
    """A `Store` over another one. `failures` says how the next writes fail (None = not); `hold` holds them up.

    `meanwhile` is what others do right before the next write.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._free = asyncio.Event()
        self._free.set()
        self.failures: deque[Failure | None] = deque()
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        self.writes = 0

    def hold(self) -> None:
        """The disk is busy until `release`: what is submitted meanwhile waits."""
        self._free.clear()

    def release(self) -> None:
        self._free.set()

    async def lookup(self, fn: Callable[[Tx], T]) -> T:
        return await self.read(fn)

    async def read(self, fn: Callable[[Tx], T]) -> T:
        return await self._store.read(fn)

    async def write(self, fn: Callable[[Tx], T]) -> T:
        await self._free.wait()
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        self.writes += 1
        failure = self.failures.popleft() if self.failures else None
        if failure is Failure.BEFORE:
            raise Unavailable(failure.value)

        def run(tx: Tx) -> T:
            answer = fn(tx)
            if failure is Failure.ROLLED_BACK:
                raise Unavailable(failure.value)
            return answer

        answer = await self._store.write(run)
        if failure is Failure.COMMITTED:
            raise Unavailable(failure.value)
        return answer

    async def close(self) -> None:
        await self._store.close()


class RecordingFanout:
    """Implements `ports.Fanout`: remembers what it was told."""

    def __init__(self) -> None:
        self.published: list[Event] = []
        self.resynced: list[set[RoomId]] = []

    def publish(self, events: Sequence[Event], epoch: str) -> None:
        self.published += events

    def resync(self, room_ids: Collection[RoomId]) -> None:
        self.resynced.append(set(room_ids))

    def end_sessions(self, session_ids: Collection[SessionId]) -> None:
        raise AssertionError("rooms and messages have no sessions")


class Chats:
    """Ann, Bob, Cyd and Dan have accounts here."""

    def __init__(self, store: Store, lanes: int = 1) -> None:
        self.store = FailingStore(store)
        self.clock = ManualClock()
        self.fanout = RecordingFanout()
        self.journal = Journal(self.store, self.clock, self.fanout, lanes=lanes)
        self.rooms = Rooms(self.store, self.journal)
        self.channels = ChannelDirectory(Searches(self.store))
        self.messages = Messages(self.store, self.journal)
        self.logs = Logs(self.store)
        self.reads = Reads(self.store)

    async def sign_up(self, *names: str) -> None:
        def add(tx: Tx) -> None:
            for name in names:
                tx.users.add(
                    username=name,
                    email=f"{name}@example.org",
                    display_name=name.title(),
                    password_hash="-",
                    at=self.clock.now(),
                )

        await self.store.write(add)

    async def found(
        self,
        founder: UserId = ANN,
        *others: UserId,
        kind: RoomKind = RoomKind.GROUP,
        history: History = History.ALL,
        name: str = "garden",
    ) -> RoomId:
        room = await self.rooms.create(founder, kind, name=name, history=history, member_ids=others)
        return room.room_id

    async def say(self, user_id: UserId, room_id: RoomId, text: str, client_id: str | None = None) -> Seq:
        return (await self.messages.post(user_id, room_id, Draft(text, client_id))).message.seq

    def submit(self, user_id: UserId, room_id: RoomId, *drafts: Draft) -> list[Answer]:
        """Post without waiting; the list that is returned fills with the answers."""
        answers: list[Answer] = []
        for draft in drafts:
            self.messages.submit_post(user_id, room_id, draft, answers.append)
        return answers

    async def log(self, room_id: RoomId) -> list[Event]:
        return await self.store.read(lambda tx: tx.log.after(room_id, Seq(0), limit=1000))

    async def texts(self, room_id: RoomId) -> list[str]:
        """What was said in a room, the oldest first."""
        page = await self.store.read(lambda tx: tx.messages.page(room_id, before=None, base=Seq(0), limit=200))
        return [message.text for message in reversed(page)]

    async def fold(self, room_id: RoomId) -> ChatRoom:
        """The room as its log says it is."""
        room = ChatRoom(room_id)
        for event in await self.log(room_id):
            room.apply(event)
        return room

    async def close(self) -> None:
        self.store.release()
        await self.journal.close()
        await self.reads.close()
        await self.store.close()


@asynccontextmanager
async def open_chats(store: Store | None = None, *, lanes: int = 1) -> AsyncIterator[Chats]:
    chats = Chats(store or MemoryStore(), lanes)
    await chats.sign_up(*PEOPLE)
    chats.store.writes = 0
    yield chats
    await chats.close()


async def turns(count: int = 10) -> None:
    """Let the event loop go round a few times: long enough for everything that waits for nothing but its turn."""
    for _ in range(count):
        await asyncio.sleep(0)


def posted(answer: Answer) -> MessagePosted:
    """The message that an answer is about."""
    assert isinstance(answer, Outcome)
    (event,) = answer.events
    assert isinstance(event, MessagePosted)
    return event


def seqs(answers: list[Answer]) -> list[int]:
    return [posted(answer).seq for answer in answers]


def texts(events: list[Event]) -> list[str]:
    return [event.message.text for event in events if isinstance(event, MessagePosted)]
