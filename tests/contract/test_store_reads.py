"""Read marks and unread counts, in any store."""

from hubbub.domain.ids import MAX_ID, RoomId, Seq, UserId
from hubbub.services.ports import UNREAD_MAX, Store
from tests.contract.acts import found, happen, post, say, sign_up


async def test_marks_are_kept_by_room_and_user(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    one, two, three = [await found(store, ann, bob) for _ in range(3)]
    marks = {(one.id, ann.id): Seq(1), (one.id, bob.id): Seq(2), (two.id, ann.id): Seq(3)}
    await store.write(lambda tx: tx.reads.advance(marks))
    rooms = [one.id, two.id, three.id, RoomId(99), RoomId(MAX_ID)]
    keys = [(room_id, user_id) for room_id in rooms for user_id in (ann.id, bob.id, UserId(MAX_ID))]
    assert await store.read(lambda tx: tx.reads.get(keys)) == marks
    assert await store.read(lambda tx: tx.reads.get([(one.id, bob.id), (two.id, bob.id)])) == {(one.id, bob.id): 2}
    assert await store.read(lambda tx: tx.reads.get([])) == {}


async def test_a_mark_never_goes_back(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room, other = await found(store, ann), await found(store, ann)

    async def advance(one: int, two: int) -> None:
        marks = {(room.id, ann.id): Seq(one), (other.id, ann.id): Seq(two)}
        await store.write(lambda tx: tx.reads.advance(marks))

    for one, two in ((5, 1), (3, 4), (5, 2), (6, 4)):
        await advance(one, two)
    await store.write(lambda tx: tx.reads.advance({}))
    assert await store.read(lambda tx: tx.reads.get([(room.id, ann.id), (other.id, ann.id)])) == {
        (room.id, ann.id): 6,
        (other.id, ann.id): 4,
    }


async def test_get_takes_any_number_of_keys(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    await store.write(lambda tx: tx.reads.advance({(room.id, ann.id): Seq(1)}))
    many = [(RoomId(number), ann.id) for number in range(5000)]
    assert await store.read(lambda tx: tx.reads.get(many)) == {(room.id, ann.id): 1}


async def test_unread_counts_messages_of_others_that_are_not_deleted(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room = await found(store, ann, bob)
    one, two, three = await say(store, room, ann, "one", "two", "three")
    await say(store, room, bob, "mine")
    await happen(store, room, *room.edit(ann.id, one.seq, "changed"))
    await happen(store, room, *room.delete(ann.id, two.seq))

    async def unread(user_id: UserId, after: int) -> int:
        return await store.read(lambda tx: tx.reads.unread(room.id, user_id, Seq(after)))

    assert await unread(bob.id, 0) == 2
    assert await unread(bob.id, one.seq - 1) == 2
    assert await unread(bob.id, one.seq) == 1
    assert await unread(bob.id, three.seq) == 0
    assert await unread(bob.id, MAX_ID) == 0
    assert await unread(ann.id, 0) == 1
    assert await store.read(lambda tx: tx.reads.unread(RoomId(99), ann.id, Seq(0))) == 0


async def test_unread_stops_at_unread_max(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room = await found(store, ann, bob)
    await store.write(lambda tx: [post(tx, room.id, ann.id, "text") for _ in range(UNREAD_MAX + 1)])
    counts = await store.read(lambda tx: [tx.reads.unread(room.id, bob.id, Seq(after)) for after in (3, 4, 5)])
    assert counts == [UNREAD_MAX, UNREAD_MAX, UNREAD_MAX - 1]
