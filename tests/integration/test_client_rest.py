"""Every method of the SDK's REST half, against a real server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from hubbub.client import Chat, connect, register
from hubbub.domain.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from hubbub.domain.events import MemberJoined, MessagePosted, RoomCreated, RoomKind
from hubbub.domain.ids import RoomId, Seq
from hubbub.domain.members import Role
from tests.integration.servers import PASSWORD, LiveServer


@pytest.fixture
async def people(live: LiveServer) -> AsyncIterator[tuple[Chat, Chat]]:
    """Ann and Bob."""
    async with AsyncExitStack() as stack:
        found = []
        for name in ("ann", "bob"):
            await register(live.url, name, f"{name}@example.org", PASSWORD, display_name=name.title())
            chat = connect(live.url, username=name, password=PASSWORD, label=f"{name}'s bot")
            found.append(await stack.enter_async_context(chat))
        yield found[0], found[1]


async def test_profiles(live: LiveServer, people: tuple[Chat, Chat]) -> None:
    ann, bob = people
    me = await ann.api.me()
    assert (me.username, me.display_name, me.email, me.is_admin) == ("ann", "Ann", "ann@example.org", False)
    assert (await ann.api.user(bob.user.id)).email is None
    assert [profile.username async for profile in ann.api.users()] == ["ann", "bob"]
    assert [profile.username async for profile in ann.api.users("bo")] == ["bob"]
    assert (await ann.api.change_profile(display_name="Ann Lee")).display_name == "Ann Lee"
    with pytest.raises(Conflict):
        await register(live.url, "ANN", "other@example.org", PASSWORD)
    with pytest.raises(Invalid) as caught:
        await register(live.url, "x", "other@example.org", PASSWORD)
    assert caught.value.field == "username"


async def test_accounts_of_others(live: LiveServer, people: tuple[Chat, Chat]) -> None:
    ann, bob = people
    with pytest.raises(Forbidden):
        await ann.api.disable_user(bob.user.id)
    await live.server.chat.administration.grant_admin(ann.user.id)
    assert (await ann.api.disable_user(bob.user.id)).disabled
    with pytest.raises(Forbidden):
        async with connect(live.url, username="bob", password=PASSWORD):
            pass
    peer = (await ann.api.open_direct(bob.user.id)).peer
    assert peer is not None
    assert peer.disabled
    assert not (await ann.api.enable_user(bob.user.id)).disabled
    async with connect(live.url, username="bob", password=PASSWORD) as again:
        assert again.user == bob.user


async def test_who_has_logged_out_is_not_signed_in_anew_by_their_password(
    live: LiveServer, people: tuple[Chat, Chat]
) -> None:
    ann, _ = people
    async with connect(live.url, username="ann", password=PASSWORD, label="a phone") as phone:
        signals = phone.signals()
        await phone.api.logout()
        with pytest.raises(Unauthenticated):
            await anext(signals)
        with pytest.raises(Unauthenticated):
            await phone.api.me()
    assert [device.label for device in await ann.api.devices()] == ["ann's bot"]


async def test_sessions(live: LiveServer, people: tuple[Chat, Chat]) -> None:
    ann, _ = people
    async with connect(live.url, username="ann", password=PASSWORD, label="a phone") as phone:
        devices = await ann.api.devices()
        assert sorted((device.label, device.current) for device in devices) == [("a phone", False), ("ann's bot", True)]
        (other,) = [device for device in devices if not device.current]
        await ann.api.end_session(other.id)
        assert phone.tokens is not None
    assert len(await ann.api.ticket()) > 30
    await ann.api.change_password(PASSWORD, "another horse battery")
    with pytest.raises(Unauthenticated):
        async with connect(live.url, username="ann", password=PASSWORD):
            pass


async def test_rooms_and_members(people: tuple[Chat, Chat]) -> None:
    ann, bob = people
    group = await ann.api.create_room("Garden", topic="tomatoes", member_ids=[bob.user.id])
    assert (group.kind, group.name, group.topic, group.role) == (RoomKind.GROUP, "Garden", "tomatoes", Role.OWNER)
    assert await ann.api.room(group.id) == group
    assert (await ann.api.change_room(group.id, topic="pumpkins")).topic == "pumpkins"
    with pytest.raises(Forbidden):
        await bob.api.change_room(group.id, name="Mine")
    members = await bob.api.members(group.id)
    assert [(member.person.display_name, member.member.role) for member in members] == [
        ("Ann", Role.OWNER),
        ("Bob", Role.MEMBER),
    ]
    assert [member.read_seq for member in members] == [member.member.joined_seq for member in members] == [2, 3]
    assert (await ann.api.put_member(group.id, bob.user.id, Role.ADMIN)).member.role is Role.ADMIN
    direct = await ann.api.open_direct(bob.user.id)
    assert (await bob.api.open_direct(ann.user.id)).id == direct.id
    assert [room.id async for room in ann.api.rooms()] == [direct.id, group.id]
    await bob.api.leave(group.id)
    with pytest.raises(NotFound):
        await bob.api.room(group.id)
    await ann.api.put_member(group.id, bob.user.id)
    await ann.api.remove_member(group.id, bob.user.id)
    await ann.api.delete_room(group.id)
    assert [room.id async for room in ann.api.rooms()] == [direct.id]


async def test_channels(people: tuple[Chat, Chat]) -> None:
    ann, bob = people
    news = await ann.api.create_room("News", kind=RoomKind.CHANNEL)
    await ann.api.create_room("Sports", kind=RoomKind.CHANNEL)
    assert [(channel.name, channel.members) async for channel in bob.api.channels()] == [("News", 1), ("Sports", 1)]
    assert [channel.id async for channel in bob.api.channels("ews")] == [news.id]
    assert (await bob.api.join(news.id)).person.username == "bob"


async def test_messages(people: tuple[Chat, Chat]) -> None:
    ann, bob = people
    room_id = (await ann.api.create_room("Garden", member_ids=[bob.user.id])).id
    messages = [await ann.api.post(room_id, f"message {number}") for number in range(5)]
    answer = await bob.api.post(room_id, "yes?", reply_to=messages[0].seq)
    assert answer.reply_to == messages[0].seq
    page = await bob.api.messages(room_id, limit=2)
    assert (page.items, page.head) == ([answer, messages[4]], answer.seq)
    assert (await bob.api.messages(room_id, before=messages[1].seq)).items == [messages[0]]
    assert (await bob.api.messages(room_id, after=messages[3].seq)).items == [answer, messages[4]]
    assert (await bob.api.messages(room_id, around=messages[2].seq, limit=3)).items == messages[3:0:-1]
    edited = await ann.api.edit(room_id, messages[0].seq, "changed")
    assert await bob.api.message(room_id, messages[0].seq) == edited
    await ann.api.delete(room_id, messages[1].seq)
    assert (await bob.api.message(room_id, messages[1].seq)).deleted
    assert await bob.api.mark_read(room_id, Seq(99)) == (await bob.api.room(room_id)).head


async def test_the_log(people: tuple[Chat, Chat]) -> None:
    ann, _ = people
    room_id = (await ann.api.create_room("Garden")).id
    await ann.api.post(room_id, "hello")
    page = await ann.api.events(room_id)
    assert [type(event) for event in page.items] == [RoomCreated, MemberJoined, MessagePosted]
    assert (page.upto, page.head) == (3, 3)
    assert [event.seq for event in (await ann.api.events(room_id, after=Seq(1), limit=1)).items] == [2]
    with pytest.raises(NotFound):
        await ann.api.events(RoomId(99))
