"""Transactions on PostgreSQL that run into each other: none waits without need, and no two for each other."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from hubbub.domain.errors import Unauthenticated
from hubbub.domain.events import Event, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.rooms import ChatRoom
from hubbub.domain.users import Session
from hubbub.services.changes import Founding
from hubbub.services.journal import Journal
from hubbub.services.policies import AccountsPolicy
from hubbub.services.ports import Tx
from hubbub.services.reads import Reads
from hubbub.stores.sql import SqlStore
from tests.clocks import ManualClock
from tests.contract.acts import LATER, NOW, found, say, sign_up
from tests.unit.services.chats import RecordingFanout
from tests.unit.services.people import PASSWORD, People
from tests.unit.stores.sql.locks import SECONDS, held, wait_for_locks


@pytest.fixture
def store(server_store: SqlStore) -> SqlStore:
    return server_store


@pytest.fixture
async def people(store: SqlStore) -> AsyncIterator[People]:
    people = People(AccountsPolicy(login_rate=0), store=store)
    yield people
    await people.close()


async def sign_in(store: SqlStore, user_id: UserId, count: int, until: Millis = LATER) -> list[Session]:
    return await store.write(
        lambda tx: [tx.sessions.add(user_id=user_id, label="", at=NOW, expires_at=until) for _ in range(count)]
    )


async def both(
    store: SqlStore, url: str, rows: str, key: int, one: Callable[[Tx], None], two: Callable[[Tx], None]
) -> None:
    """Run two transactions that meet at a row in the middle of what each of them changes."""
    with held(url, rows, key):
        first = asyncio.ensure_future(store.write(one))
        await asyncio.to_thread(wait_for_locks, store, 1)
        second = asyncio.ensure_future(store.write(two))
        await asyncio.to_thread(wait_for_locks, store, 2)
    await asyncio.gather(first, second)


async def test_a_read_mark_does_not_wait_for_who_changes_its_room(store: SqlStore, server_url: str) -> None:
    (ann,) = await sign_up(store, "ann")
    room = await found(store, ann)
    await say(store, room, ann, "one")
    reads = Reads(store)
    with held(server_url, "rooms WHERE id = %s", room.id):
        assert await asyncio.wait_for(reads.mark(ann.id, room.id, Seq(3)), SECONDS) == 3


async def test_a_ticket_that_is_used_or_asked_for_while_the_password_is_changed_is_refused(
    store: SqlStore, server_url: str, people: People
) -> None:
    user = await people.register()
    one, other = await people.sign_in(), await people.sign_in()
    ticket = await people.accounts.issue_ticket(one)
    with held(server_url, "users WHERE id = %s", user.id):
        changing = asyncio.ensure_future(people.accounts.change_password(other, PASSWORD, "another horse"))
        await asyncio.to_thread(wait_for_locks, store, 1)
        late = [people.accounts.redeem_ticket(ticket), people.accounts.issue_ticket(one)]
        refused = [asyncio.ensure_future(use) for use in late]
        await asyncio.to_thread(wait_for_locks, store, 3)
    await changing
    for use in refused:
        with pytest.raises(Unauthenticated):
            await use


async def test_two_processes_that_found_the_same_pairs_do_so_in_one_order(store: SqlStore, other: SqlStore) -> None:
    ann, bob, cyd = await sign_up(store, "ann", "bob", "cyd")
    founded, go_on = threading.Event(), threading.Event()

    def with_ann(user_id: UserId, *, slowly: bool = False) -> Founding:
        def decide(room: ChatRoom, at: Millis) -> tuple[Event, ...]:
            if slowly and room.id:  # the id of the room is reserved
                founded.set()
                assert go_on.wait(SECONDS)
            return room.create(ann.id, RoomKind.DIRECT, member_ids=[user_id], at=at)

        return Founding(ann.id, decide, pair=(ann.id, user_id))

    journals = [Journal(each, ManualClock(), RecordingFanout()) for each in (store, other)]
    here = [with_ann(bob.id, slowly=True), with_ann(cyd.id)]
    there = [with_ann(cyd.id), with_ann(bob.id)]
    first = [asyncio.ensure_future(journals[0].commit(founding)) for founding in here]
    assert await asyncio.to_thread(founded.wait, SECONDS)
    second = [asyncio.ensure_future(journals[1].commit(founding)) for founding in there]
    await asyncio.to_thread(wait_for_locks, store)
    go_on.set()
    made, known = await asyncio.gather(*first), await asyncio.gather(*second)
    assert [outcome.room_id for outcome in known] == [outcome.room_id for outcome in reversed(made)]
    assert [outcome.duplicate for outcome in made + known] == [False, False, True, True]
    for journal in journals:
        await journal.close()


async def test_two_that_end_the_same_sessions_do_so_in_one_order(store: SqlStore, server_url: str) -> None:
    (ann,) = await sign_up(store, "ann")
    ids = [session.id for session in await sign_in(store, ann.id, 3)]
    await both(
        store,
        server_url,
        "sessions WHERE id = %s",
        ids[1],
        lambda tx: tx.sessions.end(ids),
        lambda tx: tx.sessions.end(ids[::-1]),
    )
    assert await store.read(lambda tx: tx.sessions.of_user(ann.id)) == []


async def test_two_that_write_the_same_marks_do_so_in_one_order(store: SqlStore, server_url: str) -> None:
    (ann,) = await sign_up(store, "ann")
    room_ids = [(await found(store, ann)).id for _ in range(3)]

    def mark(room_ids: list[RoomId], seq: int) -> Callable[[Tx], None]:
        return lambda tx: tx.reads.advance({(room_id, ann.id): Seq(seq) for room_id in room_ids})

    await store.write(mark(room_ids, 1))
    one, two = mark(room_ids, 2), mark(room_ids[::-1], 3)
    await both(store, server_url, "reads WHERE room_id = %s", room_ids[1], one, two)
    keys = [(room_id, ann.id) for room_id in room_ids]
    assert await store.read(lambda tx: tx.reads.get(keys)) == dict.fromkeys(keys, 3)


async def test_a_purge_leaves_to_the_next_one_what_somebody_is_about_to_change(
    store: SqlStore, server_url: str
) -> None:
    (ann,) = await sign_up(store, "ann")
    old = Millis(NOW - 1)
    one, two = await sign_in(store, ann.id, 2, until=old)
    (lasting,) = await sign_in(store, ann.id, 1)

    def keep(tx: Tx) -> None:
        for ticket in (b"one", b"two"):
            tx.sessions.add_ticket(ticket, lasting.id, old)
        for key in (b"one", b"two"):
            tx.rate_limits.take(key, Millis(0), interval=1, burst=1)

    def purge(tx: Tx) -> list[int]:
        tx.rate_limits.purge(NOW)
        return [*tx.sessions.purge(NOW)]

    await store.write(keep)
    with (
        held(server_url, "sessions WHERE id = %s", one.id),
        held(server_url, "tickets WHERE hash = %s", b"one"),
        held(server_url, "rate_limits WHERE key = %s", b"one"),
    ):
        assert await asyncio.wait_for(store.write(purge), SECONDS) == [two.id]
    tickets = await store.write(lambda tx: [tx.sessions.take_ticket(key, Millis(0)) for key in (b"one", b"two")])
    assert tickets == [lasting.id, None]
    assert await store.write(purge) == [one.id]
