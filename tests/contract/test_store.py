"""Transactions of any store: rollback, isolation, concurrency, closing. The nouns have files of their own beside it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from hubbub.domain.errors import ChatError, Conflict, Internal, NotFound, Unavailable
from hubbub.domain.ids import Seq, SessionId
from hubbub.domain.users import User
from hubbub.services.ports import Store, Tx
from tests.contract.acts import LATER, NOW, add_user, decide, fields, found, log_of, post, say, sign_up, state_of
from tests.contract.conftest import OpenStore


class Failure(Exception):
    """What no store knows."""


def find(tx: Tx, *, username: str) -> User | None:
    return tx.users.find(username)


async def test_every_call_returns_what_fn_returned(store: Store) -> None:
    assert await store.write(lambda tx: "written") == "written"
    assert await store.read(lambda tx: "read") == "read"
    assert await store.lookup(lambda tx: "looked up") == "looked up"


async def test_a_transaction_reads_its_own_writes(store: Store) -> None:
    def fn(tx: Tx) -> None:
        ann = add_user(tx, "ann")
        assert tx.users.get(ann.id) == ann
        assert tx.users.find("ann") == ann

    await store.write(fn)


async def test_what_write_returned_from_is_seen_by_every_read(store: Store) -> None:
    for number in range(20):
        user = (await sign_up(store, f"user{number}"))[0]
        finds = [store.read(partial(find, username=user.username)) for _ in range(8)]
        assert await asyncio.gather(*finds) == [user] * 8
        assert await store.lookup(partial(find, username=user.username)) == user


@pytest.mark.parametrize("error", [Failure("text"), NotFound("text"), KeyError("key")])
async def test_an_exception_out_of_fn_comes_out_unchanged(store: Store, error: Exception) -> None:
    def fn(tx: Tx) -> None:
        raise error

    for call in (store.write, store.read, store.lookup):
        with pytest.raises(type(error)) as raised:
            await call(fn)
        assert raised.value is error


async def test_an_exception_out_of_fn_rolls_everything_back(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room = await found(store, ann, bob)
    message = (await say(store, room, ann, "one", client_id="c1"))[0]
    session = await store.write(lambda tx: tx.sessions.add(user_id=ann.id, label="", at=NOW, expires_at=LATER))
    await store.write(lambda tx: tx.sessions.add_ticket(b"ticket", session.id, LATER))

    def everything(tx: Tx) -> None:
        add_user(tx, "eve")
        tx.users.update(replace(ann, username="anna", email="anna@example.com"))
        tx.rooms.add((ann.id, bob.id))
        future = tx.rooms.load([room.id])[room.id]
        future.members, future.messages = dict(room.members), dict(room.messages)
        events = decide(
            future,
            lambda: (future.post(bob.id, "two", client_id="c2"),),
            lambda: future.edit(ann.id, message.seq, "changed"),
            lambda: future.delete(ann.id, message.seq),
            lambda: future.change(ann.id, name="other", topic="other"),
            lambda: future.remove_member(bob.id, bob.id),
            lambda: future.close(ann.id),
        )
        for event in events:
            tx.log.append([event])
        tx.reads.advance({(room.id, ann.id): message.seq})
        assert tx.sessions.take_ticket(b"ticket", NOW) == session.id
        assert tx.sessions.rotate(session.id, generation=1, attempt=b"word", at=NOW, expires_at=NOW)
        tx.sessions.end([session.id])
        raise Failure

    def check(tx: Tx) -> None:
        assert tx.users.find("eve") is None
        assert tx.users.find("anna") is None
        assert tx.users.find("ann@example.com") == ann
        assert tx.rooms.of_pair(ann.id, bob.id) is None
        assert tx.reads.get([(room.id, ann.id)]) == {}
        assert tx.messages.by_client_id([(room.id, bob.id, "c2")]) == {}
        assert tx.sessions.of_user(ann.id) == [session]

    log = await log_of(store, room.id)
    with pytest.raises(Failure):
        await store.write(everything)
    await store.read(check)
    assert await log_of(store, room.id) == log
    assert fields(await state_of(store, room)) == fields(room)
    assert await store.write(lambda tx: tx.sessions.take_ticket(b"ticket", NOW)) == session.id


async def test_a_rolled_back_transaction_can_be_repeated(store: Store) -> None:
    def fail(tx: Tx) -> None:
        add_user(tx, "ann")
        raise Failure

    with pytest.raises(Failure):
        await store.write(fail)
    ann = await store.write(lambda tx: add_user(tx, "ann"))
    assert await store.read(lambda tx: tx.users.find("ann")) == ann


async def test_a_conflict_that_fn_handles_leaves_the_rest_of_the_transaction(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    await say(store, room, ann, "one", client_id="c1")

    def fn(tx: Tx) -> None:
        add_user(tx, "before")
        refused: list[Callable[[], object]] = [
            lambda: add_user(tx, "ANN"),
            lambda: post(tx, room.id, ann.id, "two", client_id="c1"),
            lambda: tx.log.append([room.post(ann.id, "three"), room.post(ann.id, "four")]),
            lambda: tx.sessions.add_ticket(b"ticket", SessionId(9), NOW),
        ]
        for call in refused:
            with pytest.raises((Conflict, NotFound)):
                call()
        add_user(tx, "after")

    await store.write(fn)
    usernames = [user.username for user in await store.read(lambda tx: tx.users.search("", after=None, limit=9))]
    assert usernames == ["after", "ann", "before"]
    assert fields(await state_of(store, room)) == fields(room)


async def test_a_read_may_not_write(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room = await found(store, ann)
    session = await store.write(lambda tx: tx.sessions.add(user_id=ann.id, label="", at=NOW, expires_at=NOW))
    writes: list[Callable[[Tx], object]] = [
        lambda tx: add_user(tx, "eve"),
        lambda tx: tx.users.update(replace(ann, display_name="Other")),
        lambda tx: tx.sessions.add(user_id=ann.id, label="", at=NOW, expires_at=NOW),
        lambda tx: tx.sessions.rotate(session.id, generation=1, attempt=b"word", at=NOW, expires_at=NOW),
        lambda tx: tx.sessions.end([session.id]),
        lambda tx: tx.sessions.add_ticket(b"ticket", session.id, NOW),
        lambda tx: tx.rooms.add(),
        lambda tx: post(tx, room.id, ann.id, "text"),
        lambda tx: tx.reads.advance({(room.id, ann.id): Seq(1)}),
    ]
    for write in writes:
        for call in (store.read, store.lookup):
            with pytest.raises(Internal):
                await call(write)
    assert await store.read(lambda tx: tx.users.search("", after=None, limit=9)) == [ann, bob]
    assert await store.read(lambda tx: tx.sessions.of_user(ann.id)) == [session]
    assert fields(await state_of(store, room)) == fields(room)


async def test_concurrent_writes_are_serial(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    posts = [partial(post, room_id=room.id, user_id=ann.id, text=f"text {number}") for number in range(300)]
    events = await asyncio.gather(*map(store.write, posts))
    assert sorted(event.seq for event in events) == list(range(3, 303))
    assert (await log_of(store, room.id))[2:] == sorted(events, key=lambda event: event.seq)


async def test_a_read_sees_one_snapshot_while_writes_go_on(store: Store) -> None:
    (ann,) = await sign_up(store, "ann")
    one, two = await found(store, ann), await found(store, ann)

    def in_both(tx: Tx) -> None:
        post(tx, one.id, ann.id, "text")
        post(tx, two.id, ann.id, "text")

    def lengths(tx: Tx) -> set[int]:
        heads = tx.rooms.heads([one.id, two.id])
        logs = [len(tx.log.after(room.id, Seq(0), limit=1000)) for room in (one, two)]
        pages = [len(tx.messages.page(room.id, before=None, base=Seq(0), limit=200)) + 2 for room in (one, two)]
        return {*heads.values(), *logs, *pages}

    writes = [asyncio.ensure_future(store.write(in_both)) for _ in range(100)]
    answers = await asyncio.gather(*(store.read(lengths) for _ in range(100)))
    await asyncio.gather(*writes)
    assert [len(answer) for answer in answers] == [1] * 100


async def test_lookups_go_on_while_every_reader_is_busy(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    reads = [asyncio.ensure_future(store.read(lambda tx: tx.users.get(ann.id))) for _ in range(50)]
    for _ in range(50):
        assert await store.lookup(lambda tx: tx.users.get(ann.id)) == ann
    assert await asyncio.gather(*reads) == [ann] * 50


async def test_a_cancelled_caller_leaves_all_or_nothing(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    one, two = await found(store, ann), await found(store, ann)

    def in_both(tx: Tx) -> None:
        post(tx, one.id, ann.id, "text")
        post(tx, two.id, ann.id, "text")

    for _ in range(5):
        tasks = [asyncio.ensure_future(store.write(in_both)) for _ in range(10)]
        tasks += [asyncio.ensure_future(store.read(lambda tx: None)) for _ in range(10)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    heads = await store.write(lambda tx: tx.rooms.heads([one.id, two.id]))
    assert heads[one.id] == heads[two.id]
    assert await asyncio.gather(*(store.read(lambda tx: "usable") for _ in range(20))) == ["usable"] * 20


async def test_after_close_every_call_is_unavailable(open_store: OpenStore) -> None:
    store = open_store()
    await store.close()
    for call in (store.read, store.lookup, store.write):
        with pytest.raises(Unavailable):
            await call(lambda tx: None)


async def test_close_lets_the_running_transactions_finish(open_store: OpenStore) -> None:
    store = open_store()
    adds = [partial(add_user, name=f"user{number}") for number in range(10)]
    writes = [asyncio.ensure_future(store.write(add)) for add in adds]
    reads = [asyncio.ensure_future(store.read(lambda tx: tx.log.epoch())) for _ in range(10)]
    await asyncio.sleep(0)
    await store.close()
    assert sorted(user.username for user in await asyncio.gather(*writes)) == [f"user{number}" for number in range(10)]
    assert len(set(await asyncio.gather(*reads))) == 1


async def test_close_may_be_called_again(open_store: OpenStore) -> None:
    store = open_store()
    await asyncio.gather(store.close(), store.close())
    await store.close()


async def test_two_stores_know_nothing_of_each_other(open_store: OpenStore) -> None:
    one, two = open_store(), open_store()
    await sign_up(one, "ann")
    assert await two.read(lambda tx: tx.users.find("ann")) is None
    assert (await sign_up(two, "bob"))[0].id == 1
    await one.close()
    assert await two.read(lambda tx: tx.users.find("bob")) is not None
    await two.close()


async def test_a_refusal_is_a_chat_error_that_no_retry_mends(store: Store) -> None:
    await sign_up(store, "ann")
    with pytest.raises(ChatError) as refusal:
        await sign_up(store, "ann")
    assert not refusal.value.retryable
