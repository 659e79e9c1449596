"""The store in memory and one in SQL, side by side: whatever is done to both, both answer the same."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Executable, Table, column, func, select, text

from hubbub.domain.errors import ChatError
from hubbub.domain.events import Event, History, RoomKind
from hubbub.domain.ids import MAX_ID, Millis, RoomId, Seq, SessionId, UserId
from hubbub.domain.members import Role
from hubbub.domain.rooms import ChatRoom
from hubbub.services.ports import Store, Tx
from hubbub.stores.memory import MemoryStore
from hubbub.stores.sql import SqlStore, tables
from hubbub.stores.sql.log import SqlLog
from tests.contract.acts import fields
from tests.postgres import EmptyDatabases

T = TypeVar("T")
Act = Callable[[Tx], object]

names = st.sampled_from(["ann", "Ann", "bob", "É", "é", "x_y", "z%"])
texts = st.sampled_from(["one", "TWO", "Écoute", "100%", "a_b", "👩‍🚀", "ß", "İ"])
queries = st.sampled_from(["", "O", "é", "%", "_", "ß", "i̇", "none"])
users = st.integers(1, 6).map(UserId)
rooms = st.integers(1, 4).map(RoomId)
seqs = st.one_of(st.integers(0, 30), st.just(MAX_ID)).map(Seq)
times = st.integers(0, 9).map(Millis)
sessions = st.integers(1, 5).map(SessionId)
tickets = st.sampled_from([b"one", b"two"])
client_ids = st.sampled_from([None, "a", "A", "é"])
limits = st.sampled_from([1, 2, 5, 200])


class Abandoned(Exception):
    """Roll back a transaction whose acts all succeeded."""


def load(tx: Tx, room_id: RoomId) -> ChatRoom:
    """A whole room; an empty one that is not in the store when there is none."""
    room = tx.rooms.load([room_id]).get(room_id, ChatRoom(room_id))
    room.members = {member.user_id: member for member in tx.members.of_room(room_id, after=UserId(0), limit=200)}
    newest_first = tx.messages.page(room_id, before=None, base=Seq(0), limit=200)
    room.messages = {message.seq: message for message in reversed(newest_first)}
    return room


def change_room(room_id: RoomId, decide: Callable[[ChatRoom], tuple[Event, ...]]) -> Act:
    """Append what is decided on the room as it is."""
    return lambda tx: tx.log.append(decide(load(tx, room_id)))


@st.composite
def room_acts(draw: st.DrawFn) -> Act:
    """A change of a room. Many are refused: that is part of the game."""
    user_id, other_id, at, target = draw(users), draw(users), draw(times), draw(seqs)
    text, client_id, role = draw(texts), draw(client_ids), draw(st.sampled_from(Role))
    reply_to = draw(st.one_of(st.none(), seqs))
    decide: Callable[[ChatRoom], tuple[Event, ...]] = draw(
        st.sampled_from(
            [
                lambda room: (room.post(user_id, text, client_id=client_id, reply_to=reply_to, at=at),),
                lambda room: (room.post(user_id, text, client_id=client_id, at=at),),
                lambda room: room.edit(user_id, target, text, at=at),
                lambda room: room.delete(user_id, target, at=at),
                lambda room: room.join(user_id, at=at),
                lambda room: room.add_member(user_id, other_id, role, at=at),
                lambda room: room.remove_member(user_id, other_id, at=at),
                lambda room: room.change_role(user_id, other_id, role, at=at),
                lambda room: room.change(user_id, name=text, topic=text, at=at),
                lambda room: room.close(user_id, at=at),
            ]
        )
    )
    return change_room(draw(rooms), decide)


@st.composite
def foundings(draw: st.DrawFn) -> Act:
    """A new room of any kind."""
    user_id, other_id, kind, at = draw(users), draw(users), draw(st.sampled_from(RoomKind)), draw(times)
    history, name = draw(st.sampled_from(History)), draw(texts)

    def act(tx: Tx) -> RoomId:
        events = ChatRoom(RoomId(1)).create(user_id, kind, name=name, history=history, member_ids=[other_id], at=at)
        room_id = tx.rooms.add((user_id, other_id) if kind is RoomKind.DIRECT else None)
        founded = ChatRoom(room_id)
        events = founded.create(user_id, kind, name=name, history=history, member_ids=[other_id], at=at)
        tx.log.append(events)
        return room_id

    return act


@st.composite
def people_acts(draw: st.DrawFn) -> Act:
    """A change of users, sessions or marks."""
    user_id, name, session_id, at, until = draw(users), draw(names), draw(sessions), draw(times), draw(times)
    ticket, room_id, seq, generation = draw(tickets), draw(rooms), draw(seqs), draw(st.integers(1, 3))
    email = f"{draw(names)}@example.com"

    def add(tx: Tx) -> object:
        return tx.users.add(username=name, email=email, display_name=name, password_hash="-", at=at)

    def update(tx: Tx) -> None:
        user = tx.users.get(user_id)
        if user is not None:
            changed = replace(user, username=name, email=email, display_name="Å", is_admin=not user.is_admin)
            tx.users.update(replace(changed, disabled_at=at if user.disabled_at is None else None))

    def advance(tx: Tx) -> None:
        if tx.members.get([(room_id, user_id)]):
            tx.reads.advance({(room_id, user_id): seq})

    act: Act = draw(
        st.sampled_from(
            [
                add,
                update,
                advance,
                lambda tx: tx.sessions.add(user_id=user_id, label=name, at=at, expires_at=until),
                lambda tx: tx.sessions.rotate(
                    session_id, generation=generation, attempt=ticket, at=at, expires_at=until
                ),
                lambda tx: tx.sessions.end([session_id]),
                lambda tx: tx.sessions.purge(at),
                lambda tx: add_ticket(tx, ticket, session_id, until),
                lambda tx: tx.sessions.take_ticket(ticket, at),
            ]
        )
    )
    return act


def add_ticket(tx: Tx, ticket: bytes, session_id: SessionId, until: Millis) -> None:
    """Keep a ticket in the place of another of that name: real ones are never the same."""
    tx.sessions.take_ticket(ticket, Millis(0))
    tx.sessions.add_ticket(ticket, session_id, until)


@st.composite
def questions(draw: st.DrawFn) -> Act:
    """Something to read, with cursors and limits of any kind."""
    user_id, room_id, seq, at, query, limit = (
        draw(users),
        draw(rooms),
        draw(seqs),
        draw(times),
        draw(queries),
        draw(limits),
    )
    name, before, base, one_room = draw(names), draw(st.none() | seqs), draw(seqs), draw(st.none() | rooms)
    ticket = draw(tickets)
    all_rooms = [RoomId(number) for number in range(6)]
    question: Act = draw(
        st.sampled_from(
            [
                lambda tx: tx.users.search(query, after=name, limit=limit),
                lambda tx: tx.users.administrators(),
                lambda tx: tx.users.find(name),
                lambda tx: tx.rooms.of_user(user_id, before=(at, room_id), limit=limit),
                lambda tx: tx.rooms.of_pair(user_id, UserId(room_id)),
                lambda tx: tx.rooms.channels(query, after=room_id, limit=limit),
                lambda tx: tx.rooms.heads(all_rooms),
                lambda tx: tx.members.of_room(room_id, after=user_id, limit=limit),
                lambda tx: tx.members.of_user(user_id),
                lambda tx: tx.members.sharing(user_id, [UserId(number) for number in range(8)]),
                lambda tx: tx.log.after(room_id, seq, limit=limit, upto=before),
                lambda tx: tx.messages.page(room_id, before=before, base=base, limit=limit),
                lambda tx: tx.messages.page_after(room_id, after=seq, limit=limit),
                lambda tx: tx.messages.search(user_id, query, room_id=one_room, before=None, limit=limit),
                lambda tx: tx.messages.search(user_id, query, room_id=one_room, before=(room_id, seq), limit=limit),
                lambda tx: tx.messages.by_client_id([(room_id, user_id, key) for key in "aAé"]),
                lambda tx: tx.sessions.of_ticket(ticket),
                lambda tx: tx.sessions.last_used([UserId(number) for number in range(8)]),
                lambda tx: tx.reads.get([(room, user_id) for room in all_rooms]),
            ]
        )
    )
    return question


GIVEN: dict[Table, Executable] = {
    table: select(column("last_value"), column("is_called")).select_from(text(f"{table.name}_id_seq"))
    for table in (tables.users, tables.rooms, tables.sessions)
}
acts = st.one_of(room_acts(), room_acts(), foundings(), people_acts())


class TwoStores(RuleBasedStateMachine):
    """Does everything to both stores, and compares what comes back: an answer, or a kind of refusal."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._resources = ExitStack()
        self._stores: tuple[Store, Store] = (MemoryStore(), SqlStore.open(self.database(self._resources)))

    def database(self, resources: ExitStack) -> str:
        """The URL of an empty database, which goes with the resources."""
        raise NotImplementedError

    def teardown(self) -> None:
        for store in self._stores:
            self._loop.run_until_complete(store.close())
        self._loop.close()
        self._resources.close()

    @initialize()
    def begin(self) -> None:
        """Some people and rooms, so that there is something to change from the start."""
        self._write([_sign_up, _found_rooms])

    @rule(several=st.lists(acts, min_size=1, max_size=4))
    def write(self, several: list[Act]) -> None:
        """A transaction of several acts; the first that is refused rolls back all of them."""
        self._write(several)

    @rule(several=st.lists(acts, min_size=1, max_size=4))
    def write_and_handle_refusals(self, several: list[Act]) -> None:
        """A transaction that goes on after an act was refused."""
        self._write([partial(_handled, act) for act in several])

    @rule(several=st.lists(acts, min_size=1, max_size=4))
    def write_and_abandon(self, several: list[Act]) -> None:
        """A transaction that is rolled back at its end."""
        self._write([*several, _abandon])

    @rule(question=questions())
    def ask(self, question: Act) -> None:
        """One read."""
        self._both(lambda store: store.read(question))

    @invariant()
    def everything_is_the_same(self) -> None:
        """All there is, read from both."""
        self._both(lambda store: store.read(_everything))

    def _write(self, several: list[Act]) -> None:
        def fn(tx: Tx) -> list[object]:
            with numbers_put_back(tx, rolled_back=True):
                return [act(tx) for act in several]

        self._both(lambda store: store.write(fn))

    def _both(self, call: Callable[[Store], object]) -> None:
        one, two = (self._loop.run_until_complete(_outcome(call(store))) for store in self._stores)  # type: ignore[arg-type]
        assert one == two


@contextmanager
def numbers_put_back(tx: Tx, *, rolled_back: bool) -> Iterator[None]:
    """PostgreSQL gives no number twice, also when what it was for did not happen; here, to be compared, it does.

    Unless everything is rolled back, numbers of rows that are there stay given.
    """
    connection = tx.log._connection if isinstance(tx.log, SqlLog) else None
    if connection is None or connection.dialect.name != "postgresql":
        yield
        return
    given = {table: connection.execute(GIVEN[table]).one() for table in GIVEN}
    try:
        yield
    except (ChatError, Abandoned):
        for table, (last, called) in given.items():
            there = 0 if rolled_back else connection.execute(select(func.max(table.c.id))).scalar() or 0
            number, used = (there, True) if there > last else (last, called)
            connection.execute(select(func.setval(f"{table.name}_id_seq", number, used)))
        raise


def _sign_up(tx: Tx) -> None:
    for name in ("ann", "bob", "eve", "dan"):
        email = f"{name}@example.com"
        tx.users.add(username=name, email=email, display_name=name.title(), password_hash="-", at=Millis(1))


def _found_rooms(tx: Tx) -> None:
    for kind, history in ((RoomKind.CHANNEL, History.ALL), (RoomKind.GROUP, History.SINCE_JOINED)):
        room = ChatRoom(tx.rooms.add())
        tx.log.append(room.create(UserId(1), kind, name="Écoute", history=history, member_ids=[UserId(2)]))


def _handled(act: Act, tx: Tx) -> object:
    try:
        with numbers_put_back(tx, rolled_back=False):
            return act(tx)
    except ChatError as error:
        return type(error)


def _abandon(tx: Tx) -> None:
    raise Abandoned


def _everything(tx: Tx) -> list[object]:
    room_ids = [RoomId(number) for number in range(12)]
    user_ids = [UserId(number) for number in range(12)]
    everything: list[object] = [
        tx.users.search("", after=None, limit=200, with_disabled=True),
        tx.users.get_many(user_ids),
        tx.rooms.channels("", after=RoomId(0), limit=200),
        [fields(load(tx, room_id)) for room_id in room_ids],
        [tx.log.after(room_id, Seq(0), limit=1000) for room_id in room_ids],
        [tx.rooms.of_user(user_id, before=None, limit=200) for user_id in user_ids],
        [tx.rooms.summary(user_id, room_id) for user_id in user_ids[:6] for room_id in room_ids[:4]],
        tx.reads.get([(room_id, user_id) for room_id in room_ids for user_id in user_ids]),
        [tx.sessions.of_user(user_id) for user_id in user_ids],
    ]
    return everything


async def _outcome(call: "asyncio.Future[T]") -> T | type[Exception]:
    try:
        return await call
    except (ChatError, Abandoned) as error:
        return type(error)


def check(machine: type[TwoStores], examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


@pytest.mark.timeout(300)  # a failure takes minutes to shrink
def test_memory_and_sqlite_answer_the_same_whatever_is_done(migrated_file: Path) -> None:
    class Machine(TwoStores):
        def database(self, resources: ExitStack) -> str:
            path = Path(resources.enter_context(TemporaryDirectory())) / "hubbub.db"
            shutil.copy(migrated_file, path)
            return f"sqlite:///{path}"

    check(Machine, examples=25)


@pytest.mark.timeout(300)
def test_memory_and_postgresql_answer_the_same_whatever_is_done(empty_databases: EmptyDatabases) -> None:
    class Machine(TwoStores):
        def database(self, resources: ExitStack) -> str:
            return resources.enter_context(empty_databases.one())

    check(Machine, examples=5)
