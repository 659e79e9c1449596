"""Read marks, in any store."""

from hubbub.domain.ids import MAX_ID, RoomId, Seq, UserId
from hubbub.services.ports import Store
from tests.contract.acts import found, sign_up


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
