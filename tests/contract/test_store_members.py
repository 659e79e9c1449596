"""Memberships, in any store."""

from hubbub.domain.events import RoomKind
from hubbub.domain.ids import MAX_ID, RoomId, UserId
from hubbub.domain.members import Member, Role
from hubbub.services.ports import Store
from tests.contract.acts import crowd, decide, found, happen, sign_up


async def test_get_returns_the_current_memberships(store: Store) -> None:
    ann, bob, eve = await sign_up(store, "ann", "bob", "eve")
    room, other = await found(store, ann, bob), await found(store, bob)
    keys = [(room.id, ann.id), (room.id, bob.id), (room.id, eve.id), (other.id, bob.id), (other.id, ann.id)]
    keys += [(RoomId(99), ann.id), (RoomId(MAX_ID), UserId(MAX_ID)), (RoomId(0), UserId(0))]
    assert await store.read(lambda tx: tx.members.get(keys)) == {
        (room.id, ann.id): Member(ann.id, Role.OWNER, room.members[ann.id].joined_seq),
        (room.id, bob.id): Member(bob.id, Role.MEMBER, room.members[bob.id].joined_seq),
        (other.id, bob.id): Member(bob.id, Role.OWNER, other.members[bob.id].joined_seq),
    }
    assert await store.read(lambda tx: tx.members.get([])) == {}


async def test_get_takes_any_number_of_keys(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room = await found(store, ann, bob)
    keys = {(RoomId(room_id), UserId(user_id)) for room_id in range(50) for user_id in range(100)}
    assert await store.read(lambda tx: set(tx.members.get(keys))) == {(room.id, ann.id), (room.id, bob.id)}


async def test_of_users_says_for_each_where_they_are_and_since_when(store: Store) -> None:
    ann, bob, eve = await sign_up(store, "ann", "bob", "eve")
    room, other = await found(store, ann, bob), await found(store, bob)
    asked = [bob.id, eve.id, UserId(99), UserId(MAX_ID)]
    assert await store.read(lambda tx: tx.members.of_users(asked)) == {
        bob.id: {room.id: room.members[bob.id].joined_seq, other.id: other.members[bob.id].joined_seq},
        eve.id: {},
        UserId(99): {},
        UserId(MAX_ID): {},
    }
    assert await store.read(lambda tx: tx.members.of_users([])) == {}
    many = [UserId(number) for number in range(5000)]
    found_in = await store.read(lambda tx: tx.members.of_users(many))
    assert [user_id for user_id, rooms in found_in.items() if rooms] == [ann.id, bob.id]


async def test_members_follow_the_log(store: Store) -> None:
    ann, bob, eve = await sign_up(store, "ann", "bob", "eve")
    room = await found(store, ann, bob, kind=RoomKind.CHANNEL)

    async def check() -> None:
        stored = await store.read(lambda tx: tx.members.of_room(room.id, after=UserId(0), limit=9))
        assert stored == [room.members[user_id] for user_id in sorted(room.members)]

    await happen(store, room, *room.join(eve.id))
    await check()
    await happen(store, room, *room.change_role(ann.id, eve.id, Role.ADMIN))
    await check()
    await happen(store, room, *room.change_role(ann.id, bob.id, Role.OWNER))
    await check()
    assert room.members[ann.id].role is Role.ADMIN
    await happen(store, room, *room.remove_member(eve.id, eve.id))
    await check()
    await happen(store, room, *room.join(eve.id))
    await check()
    assert room.members[eve.id].joined_seq == room.head
    await happen(store, room, *room.close(bob.id))
    await check()
    assert room.members == {}
    assert await store.read(lambda tx: tx.members.of_user(bob.id)) == {}


async def test_changes_back_and_forth_in_one_call_are_applied_in_order(store: Store) -> None:
    ann, bob, eve = await sign_up(store, "ann", "bob", "eve")
    room = await found(store, ann, bob, kind=RoomKind.CHANNEL)
    events = decide(
        room,
        lambda: room.remove_member(bob.id, bob.id),
        lambda: room.join(bob.id),
        lambda: room.join(eve.id),
        lambda: room.change_role(ann.id, bob.id, Role.ADMIN),
        lambda: room.remove_member(bob.id, eve.id),
        lambda: room.change(bob.id, name="first"),
        lambda: room.change(ann.id, name="second"),
    )
    await store.write(lambda tx: tx.log.append(events))
    assert await store.read(lambda tx: tx.members.of_room(room.id, after=UserId(0), limit=9)) == [
        Member(ann.id, Role.OWNER, room.members[ann.id].joined_seq),
        Member(bob.id, Role.ADMIN, room.members[bob.id].joined_seq),
    ]
    assert room.members[bob.id].joined_seq == 5
    assert (await store.read(lambda tx: tx.rooms.load([room.id])))[room.id].name == "second"


async def test_of_room_pages_by_user_id_with_an_exclusive_cursor(store: Store) -> None:
    people = await crowd(store, 25)
    room = await found(store, people[-1], *people[:-1])
    pages: list[list[Member]] = []

    async def page(after: int) -> list[Member]:
        return await store.read(lambda tx: tx.members.of_room(room.id, after=UserId(after), limit=10))

    after = 0
    while members := await page(after):
        pages.append(members)
        after = members[-1].user_id
    assert [len(members) for members in pages] == [10, 10, 5]
    assert [member.user_id for members in pages for member in members] == [user.id for user in people]
    assert await page(MAX_ID) == []
    assert await store.read(lambda tx: tx.members.of_room(RoomId(99), after=UserId(0), limit=10)) == []


async def test_of_user_returns_all_current_memberships(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    rooms = [await found(store, ann, bob) for _ in range(3)]
    await happen(store, rooms[1], *rooms[1].remove_member(bob.id, bob.id))
    assert await store.read(lambda tx: tx.members.of_user(bob.id)) == {
        room.id: room.members[bob.id] for room in (rooms[0], rooms[2])
    }
    assert await store.read(lambda tx: tx.members.of_user(UserId(99))) == {}


async def test_sharing_names_those_who_are_in_a_room_together_now(store: Store) -> None:
    ann, bob, eve, dan = await sign_up(store, "ann", "bob", "eve", "dan")
    room, _ = await found(store, ann, bob, kind=RoomKind.CHANNEL), await found(store, bob, eve)
    everybody = [ann.id, bob.id, eve.id, dan.id, UserId(MAX_ID)]

    async def sharing(user_id: UserId) -> set[UserId]:
        return await store.read(lambda tx: tx.members.sharing(user_id, everybody))

    assert await sharing(ann.id) == {ann.id, bob.id}
    assert await sharing(bob.id) == {ann.id, bob.id, eve.id}
    assert await sharing(dan.id) == set()
    assert await store.read(lambda tx: tx.members.sharing(ann.id, [])) == set()
    await happen(store, room, *room.remove_member(bob.id, bob.id))
    assert await sharing(ann.id) == {ann.id}
    await happen(store, room, *room.close(ann.id))
    assert await sharing(ann.id) == set()
