"""Rooms over sockets of a real server: order, completeness, and who may see what."""

import asyncio
import random
from pathlib import Path

import pytest

from hubbub.domain.ids import RoomId, Seq
from hubbub.settings import Settings
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from tests.integration.conftest import MakeUser
from tests.integration.servers import TRANSPORTS, LiveServer, Person, register, serving, settings_in
from tests.integration.sockets import Socket, Sockets, dial, event_seqs
from tests.truth import check_store

pytestmark = pytest.mark.parametrize("transport", TRANSPORTS)

LONG = "x" * 16_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path, frame_rate=0)


async def found(founder: Person, *others: Person, kind: str = "group", **more: object) -> int:
    """A room whose owner is `founder`."""
    members = [person.id for person in others]
    answer = await founder.client.post("/rooms", json={"kind": kind, "name": "room", "member_ids": members, **more})
    room_id: int = answer.json()["id"]
    return room_id


async def remove(owner: Person, room_id: int, member: Person) -> None:
    assert (await owner.client.delete(f"/rooms/{room_id}/members/{member.id}")).status_code == 204


async def add(owner: Person, room_id: int, member: Person) -> None:
    assert (await owner.client.put(f"/rooms/{room_id}/members/{member.id}", json={})).status_code == 201


async def test_everybody_gets_the_same_events_in_the_same_order_and_the_ack_comes_first(
    live: LiveServer, sockets: Sockets, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room_id = await found(ann, bob)
    by_ann, by_bob = await sockets.open(ann, room_id), await sockets.open(bob)
    assert isinstance(await by_bob.ask(type="join", ref=1, room_id=room_id), wire.Joined)

    await by_ann.put(type="send", ref=1, text="hi", client_id="a1")
    ack, event = await by_ann.next(wire.Ack), await by_ann.next(wire.EventFrame)
    assert (ack.seq, ack.client_id, event.seq, event.client_id) == (4, "a1", 4, "a1")
    await by_bob.put(type="edit", ref=2, room_id=room_id, target=4, text="no")
    await by_bob.put(type="send", ref=3, room_id=room_id, text="ho", reply_to=4)
    answers = await by_bob.until(lambda frame: isinstance(frame, wire.EventFrame) and frame.seq == 5)
    assert [type(frame) for frame in answers] == [wire.EventFrame, wire.Error, wire.Ack, wire.EventFrame]
    assert isinstance(answers[1], wire.Error)
    assert (answers[1].code, answers[1].ref) == ("forbidden", 2)
    await by_ann.put(type="edit", ref=4, target=4, text="hello")
    await by_ann.put(type="delete", ref=5, target=5)
    assert await by_ann.upto(7) == [5, 6, 7]
    assert await by_bob.upto(7) == [6, 7]
    sent = [[text for text in socket.received if '"type":"event"' in text] for socket in (by_ann, by_bob)]
    assert sent[0] == sent[1]
    page = await by_bob.ask(type="history", ref=7, room_id=room_id, limit=2)
    assert isinstance(page, wire.Page)
    assert [(item.seq, item.text, item.version) for item in page.items] == [(5, "", 7), (4, "hello", 6)]
    await check_store(live.server.store)


async def test_who_joins_while_others_write_gets_every_event_once_and_in_order(
    live: LiveServer, sockets: Sockets, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room_id = await found(ann, bob)
    writers = [await sockets.open(person, room_id) for person in (ann, bob, ann)]
    last = 3 + 3 * 60

    async def write(writer: Socket) -> None:
        for number in range(60):
            await writer.put(type="send", ref=number, text=f"message {number}")
            await writer.until(lambda frame, number=number: getattr(frame, "ref", None) == number)  # type: ignore[misc]

    async def join(seed: int) -> None:
        choice = random.Random(seed)
        joiner = await sockets.open(choice.choice([ann, bob]))
        applied = after = choice.choice([0, 1, 3])
        await joiner.put(type="join", room_id=room_id, after=applied)
        while applied < last:
            for seq in event_seqs(frame := await joiner.take()):
                assert seq <= applied + 1, f"a hole between {applied} and {seq}"
                applied = max(applied, seq)
            # Now and then once more, though it need not be: from what was applied, that loses nothing.
            if (isinstance(frame, wire.Events) and frame.more) or choice.random() < 0.1:
                await joiner.put(type="join", room_id=room_id, after=applied)
        assert after < applied == last

    await asyncio.gather(*map(write, writers), *map(join, range(24)))
    (log,) = (await check_store(live.server.store)).values()
    assert len(log) == last


async def test_a_long_catch_up_comes_in_frames_below_64_kib(sockets: Sockets, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room_id = await found(ann)
    writer = await sockets.open(ann, room_id)
    for number in range(230):
        await writer.put(type="send", ref=number, text=LONG if number < 12 else '"' * 40)
        if number % 50 == 49:
            await writer.until(lambda frame, number=number: getattr(frame, "ref", None) == number)  # type: ignore[misc]
    await writer.upto(232)

    reader = await sockets.open(ann)
    applied: list[int] = []
    more, rounds = True, 0
    while more:
        joined = await reader.ask(type="join", ref=rounds, room_id=room_id, after=len(applied))
        assert isinstance(joined, wire.Joined)
        assert joined.replay == (len(applied) + 1, 232)
        batch = await reader.next(wire.Events)
        applied += event_seqs(batch)
        more, rounds = batch.more, rounds + 1
    assert applied == list(range(1, 233))
    assert rounds > 3
    page = await reader.ask(type="history", ref=99, room_id=room_id, before=15, limit=200)
    assert isinstance(page, wire.Page)
    assert page.items[0].seq == 14
    assert max(len(text.encode()) for text in reader.received) <= 65_536


async def test_a_position_is_resumed_continued_or_reset(sockets: Sockets, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    open_room, private = await found(ann, bob), await found(ann, history="since_joined")
    await (await sockets.open(ann, private)).ask(type="send", ref=1, text="secret")
    await add(ann, private, bob)
    here = await sockets.open(bob)

    async def joined(room_id: int, **position: object) -> list[object]:
        """What a join answers with: the reset's reason, and the first and last seq of its replay."""
        await here.put(type="join", ref=1, room_id=room_id, **position)
        frames = await here.until(lambda frame: isinstance(frame, wire.Joined))
        assert isinstance(frames[-1], wire.Joined)
        if frames[-1].replay is not None:
            first, last = frames[-1].replay
            assert event_seqs(await here.next(wire.Events)) == list(range(first, last + 1))
        reasons = [frame.reason for frame in frames if isinstance(frame, wire.Reset)]
        return [*reasons, frames[-1].replay]

    assert await joined(open_room) == [None]
    assert await joined(open_room, after=0) == [(1, 3)]
    assert await joined(open_room, after=2) == [(3, 3)]
    assert await joined(open_room, after=3) == [None]
    assert await joined(open_room, after=4) == ["epoch_changed", (1, 3)]
    assert await joined(open_room, after=2, epoch="another") == ["epoch_changed", (1, 3)]
    assert await joined(private, after=0) == ["pruned", (4, 4)]
    assert await joined(private, after=3) == [(4, 4)]
    assert "secret" not in "".join(here.received)

    refused = await here.ask(type="sync", ref=2, rooms={open_room: 1, 77: 0, private: 4})
    frames = [refused, *await here.until(lambda frame: isinstance(frame, wire.Ack))]
    assert [frame.room_id for frame in frames if isinstance(frame, wire.Error)] == [77]
    assert {frame.room_id for frame in frames if isinstance(frame, wire.Joined)} == {open_room, private}
    at_address = await sockets.dial(f"/ws/chat/{open_room}?after=2&epoch=another", token=bob.access_token)
    await at_address.next(wire.Hello)
    assert (await at_address.next(wire.Reset)).reason == "epoch_changed"


async def test_repeats_are_answered_with_the_first_answer(sockets: Sockets, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room_id = await found(ann)
    first = await sockets.open(ann, room_id)
    ack = await first.ask(type="send", ref=1, text="hi", client_id="a")
    assert isinstance(ack, wire.Ack)
    second = await sockets.open(ann)
    repeat = await second.ask(type="send", ref=1, room_id=room_id, text="hi", client_id="a")
    assert isinstance(repeat, wire.Ack)
    assert (repeat.seq, repeat.at, repeat.duplicate) == (ack.seq, ack.at, True)
    reused = await second.ask(type="send", ref=2, room_id=room_id, text="ho", client_id="a")
    assert isinstance(reused, wire.Error)
    assert reused.code == "client_id_reused"
    assert isinstance(await second.ask(type="read", ref=3, room_id=room_id, seq=99), wire.Ack)
    assert isinstance(await second.ask(type="leave", ref=4, room_id=room_id), wire.Ack)
    unclear = await second.ask(type="send", ref=5, text="hi")
    assert isinstance(unclear, wire.Error)
    assert (unclear.code, unclear.details) == ("invalid", wire.ErrorDetails(field="room_id"))
    again = await sockets.dial("/ws", token=ann.access_token)
    hello = await again.next(wire.Hello)
    assert hello.rooms is not None
    assert [(room.head, room.read_seq, room.unread) for room in hello.rooms] == [(3, 3, 0)]


async def test_a_removed_member_sees_nothing_more_and_one_who_is_added_again_does(
    sockets: Sockets, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room_id = await found(ann, bob)
    by_ann = await sockets.open(ann, room_id)
    everywhere, there = await sockets.open(bob), await sockets.open(bob, room_id)
    await everywhere.ask(type="join", ref=1, room_id=room_id)
    await remove(ann, room_id, bob)
    await by_ann.ask(type="send", ref=1, text="secret")

    assert await there.end() == CloseCode.FORBIDDEN
    await everywhere.until(lambda frame: isinstance(frame, wire.Reset))
    refused = await everywhere.ask(type="join", ref=2, room_id=room_id, after=3)
    assert isinstance(refused, wire.Error)
    assert refused.code == "not_found"
    sent = await everywhere.ask(type="send", ref=3, room_id=room_id, text="me?")
    assert isinstance(sent, wire.Error)
    for socket in (everywhere, there):
        assert "secret" not in "".join(socket.received)
        assert any('"reason":"forbidden","seq":4' in text for text in socket.received)

    await add(ann, room_id, bob)
    signal = (await everywhere.until(lambda frame: isinstance(frame, wire.Signal) and frame.on is True))[-1]
    assert isinstance(signal, wire.Signal)
    assert (signal.kind, signal.room_id, signal.seq) == ("room", room_id, 6)
    await everywhere.put(type="join", room_id=room_id, after=4)
    assert await everywhere.upto(6) == [5, 6]
    await by_ann.put(type="send", text="welcome")
    assert await everywhere.upto(7) == [7]


async def test_a_deleted_room_ends_its_sockets(sockets: Sockets, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room_id = await found(ann, bob)
    everywhere, there = await sockets.open(bob), await sockets.open(bob, room_id)
    await everywhere.ask(type="join", ref=1, room_id=room_id)
    assert (await ann.client.delete(f"/rooms/{room_id}")).status_code == 204
    assert await there.end() == CloseCode.FORBIDDEN
    assert await everywhere.upto(4) == [4]
    assert await everywhere.next(wire.Reset) == wire.Reset(room_id=RoomId(room_id), reason="forbidden", seq=Seq(4))
    refused = await everywhere.ask(type="send", ref=2, room_id=room_id, text="anybody?")
    assert isinstance(refused, wire.Error)
    assert refused.code == "not_found"


async def test_strangers_see_nothing_of_a_room_whatever_they_ask(
    live: LiveServer, sockets: Sockets, make_user: MakeUser
) -> None:
    ann, eve = await make_user("ann"), await make_user("eve")
    room_id = await found(ann)
    by_ann = await sockets.open(ann, room_id)
    by_eve, unknown = await sockets.open(eve), await sockets.dial("/ws")
    await by_ann.ask(type="send", ref=1, text="secret")
    asked: list[dict[str, object]] = [
        {"type": "join", "after": 0},
        {"type": "history"},
        {"type": "send", "text": "secret", "client_id": "x"},
        {"type": "send", "text": "x", "reply_to": 3},
        {"type": "edit", "target": 3, "text": "x"},
        {"type": "delete", "target": 3},
    ]
    for ref, frame in enumerate(asked):
        refused = await by_eve.ask(ref=ref, room_id=room_id, **frame)
        assert isinstance(refused, wire.Error), frame
        assert refused.code == "not_found"
    await by_eve.put(type="read", room_id=room_id, seq=1)
    await by_eve.put(type="leave", room_id=room_id)
    synced = await by_eve.ask(type="sync", ref=10, rooms={room_id: 0})
    assert isinstance(synced, wire.Error)
    await by_ann.ask(type="send", ref=2, text="secret")
    await by_ann.ask(type="delete", ref=3, target=3)
    await by_eve.ask(type="history", ref=11, room_id=77)
    await unknown.put(type="join", room_id=room_id, after=0)
    assert await unknown.end() == CloseCode.UNAUTHENTICATED
    assert unknown.received == []
    everything = "".join(by_eve.received)
    assert '"text"' not in everything
    assert '"type":"event' not in everything
    assert "secret" not in everything
    await check_store(live.server.store)


async def test_two_servers_in_one_process_know_nothing_of_each_other(tmp_path: Path, transport: str) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with (
        serving(settings_in(tmp_path / "one"), transport=transport) as one,
        serving(settings_in(tmp_path / "two"), transport=transport) as two,
    ):
        ann, bob = await register(one, "ann"), await register(two, "bob")
        rooms = [await found(person) for person in (ann, bob)]
        assert rooms[0] == rooms[1]
        async with (
            dial(one, f"/ws/chat/{rooms[0]}", token=ann.access_token) as by_ann,
            dial(two, f"/ws/chat/{rooms[1]}", token=bob.access_token) as by_bob,
            dial(two, "/ws", token=ann.access_token) as stranger,
        ):
            assert await stranger.end() == CloseCode.UNAUTHENTICATED
            hellos = [await socket.next(wire.Hello) for socket in (by_ann, by_bob)]
            assert hellos[0].epoch != hellos[1].epoch
            await by_ann.ask(type="send", ref=1, text="here", client_id="same")
            await by_bob.ask(type="send", ref=1, text="there", client_id="same")
            await by_bob.upto(3)
            assert "here" not in "".join(by_bob.received).replace("there", "")
        await ann.client.aclose()
        await bob.client.aclose()
