"""Whatever people do at once, and however the store fails: what must always hold, holds in the end."""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass, field
from itertools import pairwise
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubbub.domain.errors import ChatError, NotFound, Unavailable
from hubbub.domain.events import Event, History, MessagePosted, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom
from hubbub.services import journal
from hubbub.services.changes import Answer, Change, Draft, Outcome
from hubbub.services.journal import Journal
from hubbub.services.ports import Store, Tx
from hubbub.services.rooms import Rooms
from hubbub.stores.memory import MemoryStore
from hubbub.stores.sql import SqlStore
from tests.postgres import EmptyDatabases
from tests.unit.services.chats import ANN, BOB, CYD, DAN, Chats, Failure, RecordingFanout, open_chats, turns


@dataclass(slots=True, eq=False)
class Client:
    """Sends in order, and repeats in order what was not answered before it goes on: as every client must."""

    chats: Chats
    user_id: UserId
    room_id: RoomId
    unanswered: list[Draft] = field(default_factory=list)
    in_flight: int = 0
    again: bool = False  # something was unavailable: everything is sent again, once all answers are there
    sent: int = 0
    acknowledged: dict[str, Message] = field(default_factory=dict)

    def send(self, text: str) -> None:
        self.sent += 1
        self.unanswered.append(Draft(text, f"{self.user_id}-{self.sent:03}"))
        if not self.again:
            self._submit(self.unanswered[-1])

    def send_twice(self, text: str) -> None:
        """The same message on two ways at once."""
        self.send(text)
        if not self.again:
            self._submit(self.unanswered[-1])

    def resend(self) -> None:
        """Once more what was acknowledged last: the acknowledgement may have been lost."""
        if self.acknowledged and not self.again:
            client_id, message = list(self.acknowledged.items())[-1]
            if not message.deleted:
                self._submit(Draft(message.text, client_id))

    def _submit(self, draft: Draft) -> None:
        self.in_flight += 1
        self.chats.messages.submit_post(self.user_id, self.room_id, draft, lambda answer: self._done(draft, answer))

    def _done(self, draft: Draft, answer: Answer) -> None:
        self.in_flight -= 1
        assert draft.client_id is not None
        if isinstance(answer, Outcome):
            (event,) = answer.events
            assert isinstance(event, MessagePosted)
            first = self.acknowledged.setdefault(draft.client_id, event.message)
            assert first.seq == event.seq
            self._forget(draft)
        elif isinstance(answer, Unavailable):
            self.again = True
        else:
            assert isinstance(answer, NotFound), repr(answer)
            assert draft.client_id not in self.acknowledged
            self._forget(draft)
        if self.again and not self.in_flight:
            self.again = False
            for waiting in list(self.unanswered):
                self._submit(waiting)

    def _forget(self, draft: Draft) -> None:
        self.unanswered = [waiting for waiting in self.unanswered if waiting.client_id != draft.client_id]


USERS = st.sampled_from([ANN, BOB, CYD, CYD, DAN])
ROOMS = st.sampled_from([RoomId(1), RoomId(1), RoomId(2)])
TARGETS = st.integers(4, 40).map(Seq)
SEND = st.tuples(st.sampled_from(["send", "send", "send twice"]), USERS, ROOMS)
ACTS = st.one_of(
    SEND,
    SEND,
    SEND,
    SEND,
    st.tuples(st.just("resend"), USERS, ROOMS),
    st.tuples(st.just("edit"), USERS, ROOMS, TARGETS),
    st.tuples(st.just("delete"), USERS, ROOMS, TARGETS),
    st.tuples(st.just("put"), USERS, ROOMS, USERS, st.sampled_from([None, *Role])),
    st.tuples(st.just("remove"), USERS, ROOMS, USERS),
    st.tuples(st.just("put elsewhere"), USERS, ROOMS, USERS),
    st.tuples(st.just("remove elsewhere"), USERS, ROOMS, USERS),
    st.tuples(st.just("direct"), USERS, USERS),
    st.tuples(st.just("found"), USERS),
    st.tuples(st.just("poison"), USERS, ROOMS),
)


@dataclass(frozen=True, slots=True)
class Round:
    """The first group is at the store while the rest waits; then the next writes fail as told, or do not (None)."""

    first: list[tuple[Any, ...]]
    waiting: list[tuple[Any, ...]]
    failures: list[Failure | None]
    turns: int  # until the next round begins


ROUNDS = st.builds(
    Round,
    first=st.lists(ACTS, min_size=2, max_size=6),
    waiting=st.lists(ACTS, min_size=2, max_size=8),
    failures=st.lists(st.sampled_from([None, *Failure]), min_size=1, max_size=3),
    turns=st.integers(0, 8),
)


class Run:
    """One history: the clients, another process on the same store, and everything that is under way."""

    def __init__(self, chats: Chats) -> None:
        self.chats = chats
        self._clients: dict[tuple[UserId, RoomId], Client] = {}
        self._tasks: list[asyncio.Future[object]] = []
        self.fanouts = [chats.fanout, RecordingFanout()]  # of this process and the other
        self._elsewhere = Rooms(chats.store, Journal(chats.store, chats.clock, self.fanouts[1]))

    @property
    def clients(self) -> list[Client]:
        return list(self._clients.values())

    async def play(self, turn: Round) -> None:
        self.chats.store.hold()
        for act in turn.first:
            self._begin(act)
        await turns(2)
        for act in turn.waiting:
            self._begin(act)
        self.chats.store.failures.extend(turn.failures)
        self.chats.store.release()
        await turns(turn.turns)

    def _begin(self, act: tuple[Any, ...]) -> None:
        rooms, messages = self.chats.rooms, self.chats.messages
        match act:
            case ("send", user_id, room_id):
                client = self._client(user_id, room_id)
                client.send(f"{client.sent} of {user_id} in {room_id}")
            case ("send twice", user_id, room_id):
                client = self._client(user_id, room_id)
                client.send_twice(f"{client.sent} of {user_id} in {room_id}")
            case ("resend", user_id, room_id):
                self._client(user_id, room_id).resend()
            case ("edit", user_id, room_id, target):
                self._start(messages.edit(user_id, room_id, target, "edited"))
            case ("delete", user_id, room_id, target):
                self._start(messages.delete(user_id, room_id, target))
            case ("put", user_id, room_id, member_id, role):
                self._start(rooms.put_member(user_id, room_id, member_id, role))
            case ("remove", user_id, room_id, member_id):
                self._start(rooms.remove_member(user_id, room_id, member_id))
            case ("direct", user_id, peer_id):
                self._start(rooms.open_direct(user_id, peer_id))
            case ("found", user_id):
                self._start(rooms.create(user_id, RoomKind.GROUP, name="another"))
            case ("poison", user_id, room_id):
                self._start(self.chats.journal.commit(Change(room_id, user_id, broken)))
            case ("put elsewhere", user_id, room_id, member_id):
                self._start(self._elsewhere.put_member(user_id, room_id, member_id))
            case ("remove elsewhere", user_id, room_id, member_id):
                self._start(self._elsewhere.remove_member(user_id, room_id, member_id))

    async def finish(self) -> None:
        """The disk is well again, and everybody repeats until they have an answer to everything."""
        self.chats.store.failures.clear()
        self.chats.store.release()
        while any(client.in_flight for client in self.clients):
            await turns()
        for answer in await asyncio.gather(*self._tasks, return_exceptions=True):
            assert not isinstance(answer, BaseException) or isinstance(answer, ChatError), repr(answer)

    def _client(self, user_id: UserId, room_id: RoomId) -> Client:
        return self._clients.setdefault((user_id, room_id), Client(self.chats, user_id, room_id))

    def _start(self, attempt: Coroutine[Any, Any, object]) -> None:
        self._tasks.append(asyncio.ensure_future(attempt))


def broken(room: ChatRoom, at: Millis) -> tuple[Event, ...]:
    raise ZeroDivisionError


async def check(run: Run) -> None:
    chats = run.chats
    everything = [room_id for room_id in map(RoomId, range(1, 100)) if await chats.log(room_id)]
    reserved = await chats.store.read(lambda tx: tx.rooms.heads([RoomId(number) for number in range(1, 100)]))
    assert everything == sorted(reserved)  # no room was reserved for nothing
    for room_id in everything:
        log = await chats.log(room_id)
        assert [event.seq for event in log] == list(range(1, len(log) + 1))
        await check_state(chats, room_id)
        check_published(run, room_id, log)
        check_order(log)
    for client in run.clients:
        assert not client.unanswered
        await check_acknowledged(client)


async def check_state(chats: Chats, room_id: RoomId) -> None:
    """What the store says about a room is the fold of its log."""

    def load(tx: Tx) -> ChatRoom:
        room = tx.rooms.load([room_id])[room_id]
        room.members = {member.user_id: member for member in tx.members.of_room(room_id, after=UserId(0), limit=200)}
        newest_first = tx.messages.page(room_id, before=None, base=Seq(0), limit=200)
        room.messages = {message.seq: message for message in reversed(newest_first)}
        return room

    stored, folded = await chats.store.read(load), await chats.fold(room_id)
    for name in ChatRoom.__slots__:
        assert getattr(stored, name) == getattr(folded, name), name
    assert [member.role for member in folded.members.values()].count(Role.OWNER) == (folded.kind is not RoomKind.DIRECT)


def check_published(run: Run, room_id: RoomId, log: list[Event]) -> None:
    """By each process in order, and never twice; and what was not published was to be looked for."""
    seen: list[Seq] = []
    for fanout in run.fanouts:
        published = [event for event in fanout.published if event.room_id == room_id]
        assert all(before.seq < after.seq for before, after in pairwise(published))
        for event in published:
            kept = log[event.seq - 1]
            assert (event.kind, event.user_id, event.at) == (kept.kind, kept.user_id, kept.at)
        seen += [event.seq for event in published]
    assert len(seen) == len(set(seen))
    missing = [event.seq for event in log if event.seq not in seen]
    founding_unknown = missing[:1] == [1]  # then nobody knows the room yet, and nobody listens
    resynced = [room_ids for fanout in run.fanouts for room_ids in fanout.resynced]
    assert not missing or founding_unknown or any(room_id in room_ids for room_ids in resynced)


def check_order(log: list[Event]) -> None:
    """Each author's client_ids, which are numbered, stand in the order in which they were sent, each once."""
    of_author: dict[UserId, list[str]] = defaultdict(list)
    for event in log:
        if isinstance(event, MessagePosted) and event.message.client_id is not None:
            of_author[event.user_id].append(event.message.client_id)
    for client_ids in of_author.values():
        assert all(before < after for before, after in pairwise(client_ids))


async def check_acknowledged(client: Client) -> None:
    log = await client.chats.log(client.room_id)
    for client_id, acknowledged in client.acknowledged.items():
        event = log[acknowledged.seq - 1]
        assert isinstance(event, MessagePosted)
        message = event.message
        assert (message.user_id, message.client_id, message.at) == (client.user_id, client_id, acknowledged.at)
        assert message.version > acknowledged.version or message == acknowledged


async def history(rounds: list[Round], store: Store, lanes: int = 1) -> None:
    async with open_chats(store, lanes=lanes) as chats:
        await chats.found(ANN, BOB, CYD)
        await chats.found(BOB, ANN, CYD, history=History.SINCE_JOINED)
        run = Run(chats)
        for turn in rounds:
            await run.play(turn)
        await run.finish()
        await check(run)


@given(st.lists(ROUNDS, min_size=4, max_size=8))
@settings(max_examples=100)
def test_what_must_always_hold_holds_in_every_history(rounds: list[Round]) -> None:
    asyncio.run(history(rounds, MemoryStore()))


@given(st.lists(ROUNDS, min_size=4, max_size=8))
@settings(max_examples=50)
def test_it_holds_where_more_waits_than_goes_into_a_group(rounds: list[Round]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "MAX_BATCH", 2)
        asyncio.run(history(rounds, MemoryStore()))


@given(st.lists(ROUNDS, min_size=4, max_size=8))
@settings(max_examples=10)
def test_it_holds_on_disk_too(rounds: list[Round]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(history(rounds, SqlStore.open(f"sqlite:///{folder}/chat.db")))


@given(st.lists(ROUNDS, min_size=4, max_size=8))
@settings(max_examples=10)
def test_it_holds_on_postgresql_too(empty_databases: EmptyDatabases, rounds: list[Round]) -> None:
    with empty_databases.one() as url:
        store = SqlStore.open(url)
        asyncio.run(history(rounds, store, lanes=store.writers))
