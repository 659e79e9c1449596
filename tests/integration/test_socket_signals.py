"""Signals on a real server: who types, how far somebody has read, who is there. A beat is short here."""

import asyncio
from pathlib import Path

import pytest

from hubbub.client import connect
from hubbub.domain.errors import Invalid
from hubbub.realtime import presence, typing_signals
from hubbub.settings import Settings
from hubbub.wire import frames as wire
from tests.integration.conftest import MakeUser
from tests.integration.servers import TRANSPORTS, LiveServer, Person, settings_in
from tests.integration.sockets import Socket, Sockets

pytestmark = pytest.mark.parametrize("transport", TRANSPORTS)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(presence, "TEMPO", presence.Tempo(grace=0.05, beat=0.01))
    monkeypatch.setattr(typing_signals, "LAPSE", 0.3)
    return settings_in(tmp_path, frame_rate=0.001, frame_burst=40)


async def found(founder: Person, *others: Person) -> int:
    answer = await founder.client.post(
        "/rooms", json={"kind": "group", "name": "room", "member_ids": [person.id for person in others]}
    )
    room_id: int = answer.json()["id"]
    return room_id


async def signal(socket: Socket, kind: str) -> wire.Signal:
    """The next frame that is a signal of this kind."""
    frames = await socket.until(lambda frame: isinstance(frame, wire.Signal) and frame.kind == kind)
    assert isinstance(frames[-1], wire.Signal)
    return frames[-1]


async def test_typing_is_seen_by_others_and_ends_by_itself(sockets: Sockets, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room_id = await found(ann, bob)
    by_ann, by_bob = await sockets.open(ann, room_id), await sockets.open(bob, room_id)
    await by_bob.put(type="typing", on=True)
    for on in (True, False):
        told = await by_ann.next(wire.Signal)
        assert (told.kind, told.room_id, told.user_id, told.on) == ("typing", room_id, bob.id, on)
    assert isinstance(await by_bob.ask(type="send", ref=1, text="done"), wire.Ack)
    assert all('"signal"' not in text for text in by_bob.received)


async def test_typing_ends_with_a_message_that_is_posted_over_http(sockets: Sockets, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room_id = await found(ann, bob)
    by_ann, by_bob = await sockets.open(ann, room_id), await sockets.open(bob, room_id)
    await by_bob.put(type="typing", on=True)
    assert (await by_ann.next(wire.Signal)).on
    await bob.client.post(f"/rooms/{room_id}/messages", json={"text": "done"})
    # In this order, unless a slow disk holds the message up for longer than typing lasts.
    first, second = sorted([await by_ann.take(), await by_ann.take()], key=lambda frame: type(frame).__name__)
    assert isinstance(first, wire.EventFrame)
    assert isinstance(second, wire.Signal)
    assert second.on is False


async def test_a_mark_that_is_set_over_http_reaches_own_devices_and_the_room(
    sockets: Sockets, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room_id = await found(ann, bob)
    for text in ("one", "two"):
        await ann.client.post(f"/rooms/{room_id}/messages", json={"text": text})
    by_ann, phone = await sockets.open(ann, room_id), await sockets.open(bob)
    path = f"/rooms/{room_id}"
    assert (await bob.client.get(path)).json()["unread"] == 2
    await bob.client.put(f"{path}/read", json={"seq": 4})
    for socket in (by_ann, phone):
        told = await socket.next(wire.Signal)
        assert (told.kind, told.room_id, told.user_id, told.seq) == ("read", room_id, bob.id, 4)
    assert (await bob.client.get(path)).json()["unread"] == 1


async def test_presence_follows_a_connection_and_is_told_to_who_watches(sockets: Sockets, make_user: MakeUser) -> None:
    ann, bob, cyd = [await make_user(name) for name in ("ann", "bob", "cyd")]
    await found(ann, bob)
    by_ann = await sockets.open(ann)
    await sockets.open(cyd)
    await by_ann.put(type="presence", ref=1, watch=[bob.id, cyd.id])
    for person in (bob, cyd):
        answer = await by_ann.next(wire.Signal)
        assert (answer.user_id, answer.status) == (person.id, "offline")
        assert (answer.last_seen is None) is (person is cyd), "of a stranger nothing is told"
    assert await by_ann.next(wire.Ack) == wire.Ack(ref=1)

    by_bob = await sockets.open(bob)
    assert (await signal(by_ann, "presence")).status == "online"
    await by_bob.put(type="presence", status="away")
    assert (await signal(by_ann, "presence")).status == "away"
    await by_bob.websocket.close()
    gone = await signal(by_ann, "presence")
    assert (gone.user_id, gone.status) == (bob.id, "offline")
    assert gone.last_seen is not None


async def test_the_client_gets_them_all(live: LiveServer, sockets: Sockets, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room_id = await found(ann, bob)
    by_bob = await sockets.open(bob, room_id)
    async with connect(live.url, token=ann.access_token) as chat:
        with pytest.raises(Invalid):
            chat.watch(range(201))
        room, signals = chat.room(room_id), chat.signals()
        await room.ready()
        chat.watch([bob.id])
        assert (await anext(signals)).status == "online"
        await by_bob.put(type="presence", status="away")
        assert (await anext(signals)).status == "away"
        await by_bob.put(type="typing", on=True)
        typed = await anext(signals)
        assert (typed.kind, typed.user_id, typed.on) == ("typing", bob.id, True)
        room.typing(True)
        assert (await signal(by_bob, "typing")).user_id == ann.id


@pytest.mark.parametrize(
    "frame",
    [{"type": "typing", "on": True}, {"type": "read", "seq": 3}, {"type": "presence", "status": "away"}],
)
async def test_a_flood_of_signals_is_paced_like_all_frames(
    sockets: Sockets, make_user: MakeUser, frame: dict[str, object]
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room_id = await found(ann, bob)
    flooding, watching = await sockets.open(ann, room_id), await sockets.open(bob, room_id)

    async def flood() -> None:
        for turn in range(50):
            await flooding.put(**frame | ({"on": turn % 2 == 0} if "on" in frame else {}))

    sending = asyncio.create_task(flood())
    refused = (await flooding.until(lambda answer: isinstance(answer, wire.Error)))[-1]
    await sending
    assert isinstance(refused, wire.Error)
    assert refused.code == "rate_limited"
    await bob.client.post(f"/rooms/{room_id}/messages", json={"text": "still here"})
    seen = await watching.until(lambda frame: isinstance(frame, wire.EventFrame))
    assert len(seen) <= 12
