"""Sessions and tickets, in any store."""

import pytest

from hubbub.domain.errors import NotFound
from hubbub.domain.ids import MAX_ID, Millis, SessionId, UserId
from hubbub.domain.users import Session
from hubbub.services.ports import Store
from tests.contract.acts import HOUR, NOW, sign_up


async def sign_in(store: Store, user_id: UserId, *, at: int = NOW, hours: int = 1, label: str = "phone") -> Session:
    """A new session."""
    expires_at = Millis(at + hours * HOUR)
    return await store.write(
        lambda tx: tx.sessions.add(user_id=user_id, label=label, at=Millis(at), expires_at=expires_at)
    )


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
        expires_at=Millis(NOW + HOUR),
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
    for session_id in (0, 1, MAX_ID):
        assert await store.read(lambda tx, id=session_id: tx.sessions.get(SessionId(id))) is None


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

    async def rotate(generation: int, session_id: SessionId = session.id) -> bool:
        return await store.write(
            lambda tx: tx.sessions.rotate(session_id, generation=generation, at=later, expires_at=until)
        )

    assert await rotate(1)
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
    )
    assert await rotate(2)
    assert not await rotate(1, SessionId(99))
    assert await store.read(lambda tx: tx.sessions.get(other.id)) == other


async def test_end_deletes_sessions_and_their_tickets(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    one, two, three = [await sign_in(store, ann.id) for _ in range(3)]
    for session in (one, two, three):
        hash = str(session.id).encode()
        await store.write(lambda tx, h=hash, s=session: tx.sessions.add_ticket(h, s.id, Millis(NOW + HOUR)))
    await store.write(lambda tx: tx.sessions.end([one.id, three.id, SessionId(99)]))
    await store.write(lambda tx: tx.sessions.end([]))
    assert await store.read(lambda tx: tx.sessions.of_user(ann.id)) == [two]
    taken = [await store.write(lambda tx, s=s: tx.sessions.take_ticket(str(s.id).encode(), NOW)) for s in (one, two)]
    assert taken == [None, two.id]


async def test_purge_deletes_and_names_what_expired_before(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    old, edge, new = [await sign_in(store, ann.id, at=NOW + offset, hours=0) for offset in (-1, 0, 1)]
    assert await store.read(lambda tx: tx.sessions.get(old.id)) == old  # expired, and still there
    assert await store.write(lambda tx: tx.sessions.purge(NOW)) == [old.id]
    assert await store.read(lambda tx: tx.sessions.of_user(ann.id)) == [new, edge]
    assert await store.write(lambda tx: tx.sessions.purge(NOW)) == []


async def test_purge_deletes_tickets_too(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    lasting, short = await sign_in(store, ann.id), await sign_in(store, ann.id, hours=0)

    for hash, session, offset in ((b"old", lasting, -1), (b"new", lasting, 0), (b"gone", short, 9)):
        until = Millis(NOW + offset)
        await store.write(lambda tx, h=hash, s=session, u=until: tx.sessions.add_ticket(h, s.id, u))
    await store.write(lambda tx: tx.sessions.purge(Millis(NOW + 0)))
    await store.write(lambda tx: tx.sessions.end([short.id]))

    async def take(hash: bytes) -> SessionId | None:
        return await store.write(lambda tx: tx.sessions.take_ticket(hash, Millis(0)))

    assert [await take(hash) for hash in (b"old", b"new", b"gone")] == [None, lasting.id, None]


async def test_a_ticket_is_good_for_one_use(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    session = await sign_in(store, ann.id)
    hash = bytes(range(32))
    await store.write(lambda tx: tx.sessions.add_ticket(hash, session.id, Millis(NOW + 30_000)))
    assert await store.write(lambda tx: tx.sessions.take_ticket(hash[::-1], NOW)) is None
    assert await store.write(lambda tx: tx.sessions.take_ticket(hash, Millis(NOW + 29_999))) == session.id
    assert await store.write(lambda tx: tx.sessions.take_ticket(hash, NOW)) is None


async def test_a_ticket_that_has_expired_is_gone_when_it_is_asked_for(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    session = await sign_in(store, ann.id)
    await store.write(lambda tx: tx.sessions.add_ticket(b"ticket", session.id, NOW))
    assert await store.write(lambda tx: tx.sessions.take_ticket(b"ticket", NOW)) is None
    assert await store.write(lambda tx: tx.sessions.take_ticket(b"ticket", Millis(NOW - 1))) is None


async def test_a_ticket_for_an_ended_session_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.write(lambda tx: tx.sessions.add_ticket(b"ticket", SessionId(1), NOW))
