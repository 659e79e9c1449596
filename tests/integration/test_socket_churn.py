"""Sockets that die in the middle of everything: nobody else notices, and who comes back has missed nothing."""

import asyncio
import logging
import random
import socket
import struct
from pathlib import Path

import pytest

from hubbub.settings import Settings
from hubbub.wire import frames as wire
from tests.integration.conftest import MakeUser
from tests.integration.servers import TRANSPORTS, LiveServer, Person, settings_in
from tests.integration.sockets import Socket, Sockets, dial, event_seqs
from tests.truth import check_store

pytestmark = pytest.mark.parametrize("transport", TRANSPORTS)

MESSAGES = 100
STEADY, DYING = 8, 16


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path, frame_rate=0)


def reset(opened: Socket) -> None:
    """End the connection with a TCP reset, without a word: RST instead of FIN."""
    transport = opened.websocket.transport
    raw: socket.socket = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def follow_and_die(live: LiveServer, person: Person, room_id: int, last: int, choice: random.Random) -> int:
    """Follow the room from its beginning to `last` over connections that are reset again and again; how many."""
    applied = connections = 0
    while applied < last:
        connections += 1
        async with dial(live, f"/ws/chat/{room_id}?after={applied}", token=person.access_token) as opened:
            life = choice.randrange(1, 12)
            while applied < last and life:
                frame = await opened.take()
                for seq in event_seqs(frame):
                    assert seq <= applied + 1, f"a hole between {applied} and {seq}"
                    applied = max(applied, seq)
                life -= 1
            reset(opened)
    return connections


async def test_sockets_that_are_reset_in_a_broadcast_cost_nobody_an_event(
    live: LiveServer, sockets: Sockets, make_user: MakeUser, caplog: pytest.LogCaptureFixture
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    body = {"kind": "group", "name": "room", "member_ids": [bob.id]}
    room_id = (await ann.client.post("/rooms", json=body)).json()["id"]
    writer = await sockets.open(ann, room_id)
    steady = [await sockets.open(bob, room_id, after=3) for _ in range(STEADY)]
    last = 3 + MESSAGES

    async def write() -> None:
        for number in range(MESSAGES):
            await writer.put(type="send", ref=number, text=f"message {number}")
            await writer.until(lambda frame, number=number: isinstance(frame, wire.Ack) and frame.ref == number)  # type: ignore[misc]

    with caplog.at_level(logging.WARNING):
        seen, connections, _ = await asyncio.gather(
            asyncio.gather(*(each.upto(last) for each in steady)),
            asyncio.gather(*(follow_and_die(live, bob, room_id, last, random.Random(seed)) for seed in range(DYING))),
            write(),
        )
    assert all(seqs == list(range(4, last + 1)) for seqs in seen)
    assert sum(connections) > 2 * DYING
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    while len(live.server.gateway) > STEADY + 1:  # noqa: ASYNC110 - the server hears of the last resets in its own time
        await asyncio.sleep(0.01)
    (log,) = (await check_store(live.server.store)).values()
    assert len(log) == last
