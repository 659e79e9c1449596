"""Sessions and tickets, in any store."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from hubbub.domain.errors import NotFound
from hubbub.domain.ids import MAX_ID, Millis, SessionId, UserId
from hubbub.domain.users import Session
from hubbub.services.ports import Store, Tx
from tests.contract.acts import LATER, NOW, sign_up


async def sign_in(store: Store, user_id: UserId, *, at: int = NOW, until: int = LATER, label: str = "phone") -> Session:
    """A new session."""
    return await store.write(
        lambda tx: tx.sessions.add(user_id=user_id, label=label, at=Millis(at), expires_at=Millis(until))
    )


async def add_ticket(store: Store, ticket: bytes, session: Session, until: int) -> None:
    """Keep a ticket."""
    await store.write(lambda tx: tx.sessions.add_ticket(ticket, session.id, Millis(until)))


async def take(store: Store, ticket: bytes, at: int = NOW) -> SessionId | None:
    """Use a ticket."""
    return await store.write(lambda tx: tx.sessions.take_ticket(ticket, Millis(at)))


async def test_a_new_session_has_generation_one(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    session = await sign_in(store, ann.id, label="Ann's 📱")
    assert session == Session(
        id=session.id,
        user_id=ann.id,
        label="Ann's 📱",
        generation=1,
        created_at=NOW,
        used_at=NOW,
        expires_at=LATER,
    )
    assert await store.read(lambda tx: tx.sessions.get(session.id)) == session


async def test_a_session_of_nobody_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        await sign_in(store, UserId(1))


async def test_the_id_of_an_ended_session_is_not_given_again(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    session = await sign_in(store, ann.id)
    await store.write(lambda tx: tx.sessions.end([session.id]))
    assert (await sign_in(store, ann.id)).id > session.id


async def test_get_is_none_for_an_unknown_id(store: Store) -> None:
    unknown = [SessionId(session_id) for session_id in (0, 1, MAX_ID)]
    assert await store.read(lambda tx: [tx.sessions.get(session_id) for session_id in unknown]) == [None] * 3


async def test_of_user_is_ordered_by_use_then_id_descending(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    ats = [NOW, NOW + 2, NOW + 1, NOW + 2]
    one, two, three, four = [await sign_in(store, ann.id, at=at) for at in ats]
    other = await sign_in(store, bob.id)
    assert await store.read(lambda tx: tx.sessions.of_user(ann.id)) == [four, two, three, one]
    assert await store.read(lambda tx: tx.sessions.of_user(bob.id)) == [other]
    assert await store.read(lambda tx: tx.sessions.of_user(UserId(99))) == []


async def test_rotate_moves_to_the_next_generation_once(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    session, other = await sign_in(store, ann.id), await sign_in(store, ann.id)
    later, until = Millis(NOW + 5), Millis(NOW + 9)

    async def rotate(generation: int, session_id: SessionId = session.id, attempt: bytes | None = None) -> bool:
        return await store.write(
            lambda tx: tx.sessions.rotate(
                session_id, generation=generation, attempt=attempt, at=later, expires_at=until
            )
        )

    assert await rotate(1, attempt=bytes(range(32)))
    assert not await rotate(1)
    assert not await rotate(3)
    rotated = await store.read(lambda tx: tx.sessions.get(session.id))
    assert rotated == Session(
        id=session.id,
        user_id=ann.id,
        label="phone",
        generation=2,
        created_at=NOW,
        used_at=later,
        expires_at=until,
        attempt=bytes(range(32)),
    )
    assert await store.read(lambda tx: tx.sessions.of_user(ann.id)) == [rotated, other]
    assert await rotate(2)
    assert await store.read(lambda tx: tx.sessions.get(session.id)) == replace(rotated, generation=3, attempt=None)
    assert not await rotate(1, SessionId(99))
    assert await store.read(lambda tx: tx.sessions.get(other.id)) == other


async def test_of_several_that_rotate_at_once_one_does_and_all_then_see_the_same(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    session = await sign_in(store, ann.id)

    def rotate(tx: Tx, number: int) -> tuple[bool, Session | None]:
        at = Millis(NOW + number)
        turned = tx.sessions.rotate(session.id, generation=1, attempt=bytes([number]), at=at, expires_at=LATER)
        return turned, tx.sessions.get(session.id)

    done = await asyncio.gather(*(store.write(partial(rotate, number=number)) for number in range(6)))
    (winner,) = [seen for turned, seen in done if turned]
    assert [seen for _, seen in done] == [winner] * 6
    assert winner is not None
    assert winner.attempt == bytes([winner.used_at - NOW])


async def test_end_deletes_sessions_and_their_tickets(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    one, two, three = [await sign_in(store, ann.id) for _ in range(3)]
    await add_ticket(store, b"one", one, LATER)
    await add_ticket(store, b"two", two, LATER)
    await store.write(lambda tx: tx.sessions.end([one.id, three.id, SessionId(99)]))
    await store.write(lambda tx: tx.sessions.end([]))
    assert await store.read(lambda tx: tx.sessions.of_user(ann.id)) == [two]
    assert [await take(store, b"one"), await take(store, b"two")] == [None, two.id]


async def test_purge_deletes_and_names_what_expired_before(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    old, edge, new = [await sign_in(store, ann.id, at=NOW + offset, until=NOW + offset) for offset in (-1, 0, 1)]
    assert await store.read(lambda tx: tx.sessions.get(old.id)) == old  # expired, and still there
    assert await store.write(lambda tx: tx.sessions.purge(NOW)) == [old.id]
    assert await store.read(lambda tx: tx.sessions.of_user(ann.id)) == [new, edge]
    assert await store.write(lambda tx: tx.sessions.purge(NOW)) == []


async def test_purge_deletes_tickets_too(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    lasting, short = await sign_in(store, ann.id), await sign_in(store, ann.id, until=NOW - 1)
    await add_ticket(store, b"old", lasting, NOW - 1)
    await add_ticket(store, b"edge", lasting, NOW)
    await add_ticket(store, b"of a purged session", short, NOW + 9)
    assert await store.write(lambda tx: tx.sessions.purge(NOW)) == [short.id]
    tickets = (b"old", b"edge", b"of a purged session")
    assert [await take(store, ticket, at=0) for ticket in tickets] == [None, lasting.id, None]


async def test_last_used_is_that_of_the_session_that_was_used_last(store: Store) -> None:
    ann, bob, eve = await sign_up(store, "ann", "bob", "eve")
    first, _ = await sign_in(store, ann.id), await sign_in(store, ann.id)
    await sign_in(store, bob.id)
    at, until = Millis(NOW + 5), Millis(NOW + 9)
    await store.write(lambda tx: tx.sessions.rotate(first.id, generation=1, attempt=None, at=at, expires_at=until))
    everybody = [ann.id, bob.id, eve.id, UserId(99)]
    assert await store.read(lambda tx: tx.sessions.last_used(everybody)) == {ann.id: NOW + 5, bob.id: NOW}
    assert await store.read(lambda tx: tx.sessions.last_used([])) == {}


async def test_existing_names_those_that_go_on(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    one, two, old = [await sign_in(store, ann.id, until=until) for until in (LATER, LATER, NOW - 1)]
    await store.write(lambda tx: tx.sessions.end([one.id]))
    asked = [one.id, two.id, old.id, SessionId(99), SessionId(MAX_ID)]
    assert await store.read(lambda tx: tx.sessions.existing(asked)) == {two.id, old.id}
    await store.write(lambda tx: tx.sessions.purge(NOW))
    many = [SessionId(number) for number in range(5000)]
    assert await store.read(lambda tx: tx.sessions.existing(many)) == {two.id}
    assert await store.read(lambda tx: tx.sessions.existing([])) == set()


async def test_a_ticket_is_good_for_one_use(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    session = await sign_in(store, ann.id)
    ticket = bytes(range(32))
    await add_ticket(store, ticket, session, NOW + 30_000)
    assert await take(store, ticket[::-1]) is None
    assert await take(store, ticket, at=NOW + 29_999) == session.id
    assert await take(store, ticket) is None


async def test_a_ticket_that_has_expired_is_gone_when_it_is_asked_for(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    session = await sign_in(store, ann.id)
    await add_ticket(store, b"ticket", session, NOW)
    assert await take(store, b"ticket", at=NOW) is None
    assert await take(store, b"ticket", at=NOW - 1) is None


async def test_a_ticket_that_is_looked_up_stays(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    session, other = await sign_in(store, ann.id), await sign_in(store, ann.id)
    await add_ticket(store, b"new", session, LATER)
    await add_ticket(store, b"old", other, NOW - 1)
    for _ in range(2):
        found = await store.lookup(lambda tx: [tx.sessions.of_ticket(key) for key in (b"new", b"old", b"none")])
        assert found == [session.id, other.id, None]
    await take(store, b"new")
    await store.write(lambda tx: tx.sessions.end([other.id]))
    assert await store.lookup(lambda tx: [tx.sessions.of_ticket(key) for key in (b"new", b"old")]) == [None, None]


async def test_a_ticket_for_an_ended_session_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.write(lambda tx: tx.sessions.add_ticket(b"ticket", SessionId(1), NOW))
