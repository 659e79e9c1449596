"""The SDK against a real server that is killed, that ends sessions, and that removes people."""

import asyncio
import base64
import json
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from hubbub.audit.ledger import state_of
from hubbub.client import Chat, Closed, Missed, RoomReset, Unreachable, connect, register
from hubbub.domain.errors import ClientIdReused, Forbidden, NotFound, RateLimited, Unauthenticated
from hubbub.domain.events import MemberLeft, MessagePosted
from hubbub.domain.ids import Millis, RoomId, Seq
from hubbub.domain.messages import Message
from hubbub.security.keys import parse_keys
from hubbub.security.tokens import JwtTokens
from hubbub.settings import Settings
from hubbub.stores.sql import back_up
from tests.clocks import ManualClock
from tests.integration.conftest import MakeUser
from tests.integration.processes import database_url, serving_process
from tests.integration.servers import PASSWORD, Address, LiveServer, serving, settings_in
from tests.integration.test_restore import restore

SECRET = "a-key-that-nobody-but-these-tests-signs-with"


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    return settings_in(tmp_path, secret=SECRET, **getattr(request, "param", {}))


async def sign_up(server: Address, stack: AsyncExitStack, username: str) -> Chat:
    """Somebody new, who is connected."""
    await register(server.url, username, f"{username}@example.org", PASSWORD)
    chat = connect(server.url, username=username, password=PASSWORD, random=lambda: 0.1)  # short delays
    return await stack.enter_async_context(chat)


async def found(chat: Chat, *others: Chat) -> RoomId:
    return (await chat.api.create_room("Garden", member_ids=[other.user.id for other in others])).id


async def test_nothing_is_lost_doubled_or_reordered_when_the_server_is_killed(tmp_path: Path, port: int) -> None:
    async with AsyncExitStack() as stack:
        async with serving_process(tmp_path, port=port) as server:
            ann, bob = await sign_up(server, stack, "ann"), await sign_up(server, stack, "bob")
            room_id = await found(ann, bob)
            said, heard = ann.room(room_id, after=0), bob.room(room_id, after=0)
            loop = aiter(heard)
            first = await asyncio.gather(*(said.send(f"first {number}") for number in range(50)))
            under_way = [asyncio.create_task(said.send(f"second {number}")) for number in range(50)]
            await asyncio.sleep(0)
            await server.kill()
        third = [asyncio.create_task(said.send(f"third {number}")) for number in range(50)]
        async with serving_process(tmp_path, port=port):
            messages = [*first, *await asyncio.gather(*under_way), *await asyncio.gather(*third)]
            seqs = [message.seq for message in messages]
            assert seqs == list(range(4, 154))
            events = [await anext(loop) for _ in range(153)]
            assert [getattr(event, "seq", None) for event in events] == list(range(1, 154))
            assert [event.message for event in events if isinstance(event, MessagePosted)] == messages
            await asyncio.gather(said.ready(), heard.ready())
            assert state_of(said.state) == state_of(heard.state)


async def test_a_program_that_resumes_notices_that_the_server_was_restored(tmp_path: Path) -> None:
    folder, backup = tmp_path / "server", tmp_path / "backup.db"
    folder.mkdir()
    async with AsyncExitStack() as stack, serving(settings_in(folder)) as live:
        ann = await sign_up(live, stack, "ann")
        room = ann.room(await found(ann), after=0)
        await room.send("kept")
        await asyncio.to_thread(back_up, database_url(folder), backup)
        lost = await room.send("lost")
        await room.ready()
        assert room.epoch is not None
    restore(backup, folder, away=tmp_path / "away")
    async with serving(settings_in(folder)) as live, connect(live.url, username="ann", password=PASSWORD) as ann:
        other = await ann.api.post(room.id, "at the same place")
        assert other.seq == lost.seq
        again = ann.room(room.id, after=lost.seq, epoch=room.epoch)
        feed = aiter(again)
        assert await anext(feed) == RoomReset(room.id, "epoch_changed", Seq(0))
        events = [await anext(feed) for _ in range(other.seq)]
        assert [event.message.text for event in events if isinstance(event, MessagePosted)] == [
            "kept",
            "at the same place",
        ]
        assert again.epoch not in (None, room.epoch)


async def test_who_never_reached_the_server_is_told_at_once() -> None:
    with pytest.raises(Unreachable):
        async with connect("http://127.0.0.1:9", username="ann", password=PASSWORD, patience=0.0):
            pass


async def test_a_wrong_password_is_told_at_once(live: LiveServer) -> None:
    with pytest.raises(Unauthenticated):
        async with connect(live.url, username="ann", password="not the password"):
            pass


@pytest.mark.parametrize("settings", [{"login_rate": 1}], indirect=True)
async def test_who_signs_in_too_often_is_told_when_to_come_again(live: LiveServer) -> None:
    await register(live.url, "ann", "ann@example.org", PASSWORD)  # that was one already
    with pytest.raises(RateLimited) as caught:
        async with connect(live.url, username="ann", password=PASSWORD, patience=0.0):
            pass
    assert caught.value.retry_after


async def test_an_expired_token_is_refreshed_and_the_room_goes_on(live: LiveServer, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room_id = (await ann.client.post("/rooms", json={"kind": "group", "name": "Garden"})).json()["id"]
    short = expiring(ann.access_token, seconds=2)
    changed = asyncio.Event()
    async with connect(
        live.url, token=short, refresh_token=ann.refresh_token, tokens_changed=lambda _: changed.set()
    ) as chat:
        room = chat.room(room_id, after=0)
        await room.ready()
        await changed.wait()
        assert (await room.send("still here")).seq == 3
        assert (await chat.api.room(room_id)).head == 3


@pytest.mark.usefixtures("standing_clock")
async def test_a_token_that_nothing_can_renew_ends_with_its_time(live: LiveServer, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    async with connect(live.url, token=expiring(ann.access_token, seconds=2)) as chat:
        with pytest.raises(Unauthenticated):
            await anext(chat.signals())
    with pytest.raises(Unauthenticated):
        async with connect(live.url, token=expiring(ann.access_token, seconds=-5)):
            pass


async def test_signing_out_ends_the_connection(live: LiveServer) -> None:
    await register(live.url, "ann", "ann@example.org", PASSWORD)
    async with connect(live.url, username="ann", password=PASSWORD) as chat:
        tokens = chat.tokens
        assert tokens is not None
        async with connect(live.url, token=tokens.access_token) as other:
            await other.api.logout()
            with pytest.raises(Unauthenticated):
                await anext(other.signals())
        assert (await chat.api.me()).username == "ann"  # it has a password, and signs in again


async def test_who_is_removed_gets_their_removal_and_nothing_after_it(live: LiveServer) -> None:
    async with AsyncExitStack() as stack:
        ann, bob = await sign_up(live, stack, "ann"), await sign_up(live, stack, "bob")
        room_id = await found(ann, bob)
        signals = bob.signals()
        room = bob.room(room_id)
        await room.ready()
        feed = aiter(room)
        await ann.api.remove_member(room_id, bob.user.id)
        await ann.api.post(room_id, "now that we are alone")
        events = [event async for event in feed]
        assert [type(event) for event in events] == [MemberLeft]
        with pytest.raises(NotFound):
            await bob.room(room_id).ready()
        await ann.api.put_member(room_id, bob.user.id)
        assert [(signal.kind, signal.on) for signal in (await anext(signals), await anext(signals))] == [
            ("room", False),
            ("room", True),
        ]
        again = bob.room(room_id, after=0)
        await again.ready()
        assert [message.text for message in again.messages.values()] == ["now that we are alone"]


async def test_a_loop_that_is_slower_than_the_room_misses_nothing(live: LiveServer) -> None:
    async with AsyncExitStack() as stack:
        ann, bob = await sign_up(live, stack, "ann"), await sign_up(live, stack, "bob")
        room_id = await found(ann, bob)
        room = bob.room(room_id)
        await room.ready()
        slow = room.events(limit=10)
        said = ann.room(room_id)
        await asyncio.gather(*(said.send(f"message {number}") for number in range(80)))
        texts = [event.message.text for _ in range(80) if isinstance(event := await anext(slow), MessagePosted)]
        assert texts == [f"message {number}" for number in range(80)]


async def test_a_loop_that_is_far_behind_when_its_user_is_removed_says_what_it_could_not_give(live: LiveServer) -> None:
    async with AsyncExitStack() as stack:
        ann, bob = await sign_up(live, stack, "ann"), await sign_up(live, stack, "bob")
        room_id = await found(ann, bob)
        room = bob.room(room_id)
        await room.ready()
        slow, quick = room.events(limit=10), aiter(room)
        await asyncio.gather(*(ann.room(room_id).send(f"message {number}") for number in range(30)))
        await ann.api.remove_member(room_id, bob.user.id)
        assert [event.seq async for event in quick if isinstance(event, MessagePosted | MemberLeft)] == list(
            range(4, 35)
        )
        assert [event.seq for _ in range(10) if isinstance(event := await anext(slow), MessagePosted)] == list(
            range(4, 14)
        )
        with pytest.raises(Missed, match=f"events 14 to 34 of room {room_id}"):
            await anext(slow)


async def test_a_loop_that_lags_and_rest_are_closed_with_the_chat(live: LiveServer) -> None:
    async with AsyncExitStack() as stack:
        ann = await sign_up(live, stack, "ann")
        room = ann.room(await found(ann))
        await room.ready()
        feed = room.events(limit=1)
        await asyncio.gather(*(room.send(f"message {number}") for number in range(3)))
        await ann.close()
        assert isinstance(await anext(feed), MessagePosted)
        with pytest.raises(Closed):
            await anext(feed)
        with pytest.raises(Closed):
            await ann.api.me()


async def test_a_view_from_the_tail_and_one_from_the_beginning_come_to_the_same(live: LiveServer) -> None:
    async with AsyncExitStack() as stack:
        ann, bob = await sign_up(live, stack, "ann"), await sign_up(live, stack, "bob")
        room_id = await found(ann, bob)
        whole = ann.room(room_id, after=0)
        await whole.ready()
        first = await whole.send("helo")
        tail = bob.room(room_id)
        await tail.ready()
        await asyncio.gather(tail.history(), tail.load(), whole.edit(first.seq, "hello"), whole.send("bob?"))
        last = await tail.send("here")
        for room in (whole, tail):
            feed = room.events()
            while room.head < last.seq:
                await anext(feed)
        assert whole.messages == tail.messages
        assert (whole.members, whole.name) == (tail.members, tail.name)
        assert [message.text for message in tail.messages.values()] == ["hello", "bob?", "here"]


async def test_the_same_client_id_is_the_same_message(live: LiveServer) -> None:
    async with AsyncExitStack() as stack:
        ann = await sign_up(live, stack, "ann")
        room = ann.room(await found(ann))
        first = await room.send("once", client_id="c1")
        assert await room.send("once", client_id="c1") == first == await ann.api.post(room.id, "once", client_id="c1")
        with pytest.raises(ClientIdReused):
            await room.send("twice", client_id="c1")


async def test_a_chat_calls_its_user_as_the_server_does(live: LiveServer) -> None:
    await register(live.url, "ann", "ann@example.org", PASSWORD, display_name="Ann Arbor")
    async with connect(live.url, username="ann", password=PASSWORD) as chat:
        assert chat.user.display_name == (await chat.api.me()).display_name == "Ann Arbor"


async def test_the_list_of_rooms_comes_with_the_connection(live: LiveServer) -> None:
    async with AsyncExitStack() as stack:
        ann = await sign_up(live, stack, "ann")
        room_id = await found(ann)
        bob = await sign_up(live, stack, "bob")
        direct = await ann.api.open_direct(bob.user.id)
        async with connect(live.url, username="ann", password=PASSWORD) as again:
            assert [(room.id, room.name, room.peer and room.peer.username) for room in again.rooms] == [
                (direct.id, "", "bob"),
                (room_id, "Garden", None),
            ]
            assert again.room(room_id).name == "Garden"
            again.room(room_id).mark_read(Seq(2))
            again.presence("away")


async def test_messages_are_edited_deleted_and_guarded_over_the_socket(live: LiveServer) -> None:
    async with AsyncExitStack() as stack:
        ann, bob = await sign_up(live, stack, "ann"), await sign_up(live, stack, "bob")
        room_id = await found(ann, bob)
        message = await ann.room(room_id).send("helo")
        with pytest.raises(Forbidden):
            await bob.room(room_id).edit(message.seq, "mine now")
        await ann.room(room_id).edit(message.seq, "hello")
        assert (await bob.api.message(room_id, message.seq)).text == "hello"
        await ann.room(room_id).delete(message.seq)
        assert (await bob.api.message(room_id, message.seq)).deleted
        assert isinstance((await bob.room(room_id).history())[0], Message)


def expiring(token: str, *, seconds: int) -> str:
    """The same token with another end, as the server would have signed it."""
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    lasting = {name: claims[name] for name in ("sub", "sid", "since")}
    ends = Millis(int((time.time() + seconds) * 1000))
    return JwtTokens(parse_keys(SECRET), ManualClock()).sign("access", lasting, ends)
