"""Nonsense from people with a valid account: nothing breaks, nothing leaks, and the server goes on."""

import asyncio
import json
import logging
import random
from pathlib import Path

import pytest
from websockets.frames import Frame, Opcode

from hubbub.settings import Settings
from hubbub.wire import frames as wire
from tests.integration.conftest import MakeUser
from tests.integration.servers import TRANSPORTS, LiveServer, Person, settings_in
from tests.integration.sockets import Socket, Sockets
from tests.truth import check_store

pytestmark = pytest.mark.parametrize("transport", TRANSPORTS)

PEOPLE, ROUNDS, FRAMES = 9, 12, 60
SECRET = "nobody else may read this"
# Closed by us for a bad or too large frame, or by RFC 6455 for what is no frame at all.
CODES = {4400, 4413, 1002, 1007, 1009}
HUNG_UP = 4321  # our own way out
ODD: tuple[object, ...] = (
    *(None, True, 0, -1, 1, 2, 3, 4, 2**53 - 1, 2**53, -(2**63), 10**30, 1.5, 1e308),
    *("", " ", "x", "\0", "\ud800", "\u202e", "é" * 9000, "x" * 16_385, "12", "member", "[redacted]"),
    *([], [[]], {}, {"1": 1}, {"x": 0}, {"9" * 20: 0}),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path, frame_rate=0)


class Nonsense:
    """Makes frames that are valid, nearly valid, or nothing of the kind."""

    def __init__(self, seed: int, rooms: list[int], tokens: list[str]) -> None:
        self.choice = random.Random(seed)
        self.rooms = rooms
        self.tokens = tokens

    def valid(self) -> dict[str, object]:
        pick, seq = self.choice.choice, self.choice.randrange(12)
        frame: dict[str, object] = pick(
            [
                {"type": "send", "text": pick(["hi", "ho"]), "client_id": pick(["a", "b", "c"])},
                {"type": "send", "text": "hi", "reply_to": seq},
                {"type": "edit", "target": seq, "text": pick(["he", "hu"])},
                {"type": "delete", "target": seq},
                {"type": "join", "after": seq},
                {"type": "join"},
                {"type": "leave"},
                {"type": "sync", "rooms": dict.fromkeys(map(str, self.rooms), seq)},
                {"type": "history", "before": seq, "limit": 1 + seq},
                {"type": "read", "seq": seq},
                {"type": "typing", "on": True},
                {"type": "presence", "status": "away"},
                {"type": "pong", "n": seq},
                {"type": "auth", "token": pick(self.tokens)},
            ]
        )
        return {"ref": self.choice.randrange(100), "room_id": pick(self.rooms), **frame}

    def text(self) -> str:
        """A frame, changed a little or a lot."""
        frame = self.valid()
        kind = self.choice.randrange(30)
        if kind < 18:
            return json.dumps(frame)
        if kind < 23:
            frame[self.choice.choice([*frame, "epoch", "limit"])] = self.choice.choice(ODD)
            return json.dumps(frame)
        if kind < 26:
            del frame[self.choice.choice(list(frame))]
            return json.dumps(frame, ensure_ascii=False)
        if kind < 29:
            text = list(json.dumps(frame))
            for _ in range(self.choice.randrange(1, 4)):
                text[self.choice.randrange(len(text))] = self.choice.choice('{}[]",:0\\u\0é')
            return "".join(text)
        return self.choice.choice(
            ["", "null", "[" * 20_000, '{"type":"send","text":"', "{}" * 9, "x" * 70_000 * (self.choice.random() < 0.1)]
        )

    def data(self) -> bytes:
        """What goes over the wire for one message: mostly a whole text frame, sometimes fragments, seldom garbage."""
        payload = self.text().encode(errors="ignore")
        kind = self.choice.randrange(400)
        if kind == 0:
            return self.choice.randbytes(40)
        if kind == 1:
            return Frame(Opcode.TEXT, payload + b"\xff").serialize(mask=True)
        if kind < 20:
            return Frame(Opcode.BINARY, payload).serialize(mask=True)
        if kind < 40:
            return Frame(self.choice.choice([Opcode.PING, Opcode.PONG]), payload[:125]).serialize(mask=True)
        if kind < 120:
            cut = self.choice.randrange(len(payload) + 1)
            first = Frame(Opcode.TEXT, payload[:cut], fin=False).serialize(mask=True)
            return first + Frame(Opcode.CONT, payload[cut:]).serialize(mask=True)
        return Frame(Opcode.TEXT, payload).serialize(mask=True)


async def babble(socket: Socket, nonsense: Nonsense) -> int | None:
    """Send nonsense in pieces of any size; return the code with which that ended."""
    listening = asyncio.create_task(socket.end())
    data = b"".join(nonsense.data() for _ in range(FRAMES))
    while data and not listening.done():
        size = nonsense.choice.choice([1, 70, 500, 5000, 100_000])
        socket.websocket.transport.write(data[:size])
        data = data[size:]
        await asyncio.sleep(0)
    if nonsense.choice.random() < 0.2:
        socket.websocket.transport.abort()
    else:
        await socket.websocket.close(HUNG_UP)
    return await listening


def of_uvicorn(record: logging.LogRecord) -> bool:
    """Over plain ASGI uvicorn itself makes errors, with their tracebacks, of a client's broken UTF-8."""
    message = record.getMessage()
    return message == "Invalid UTF-8 sequence received from client." or "<uvicorn.protocols." in message


async def test_nonsense_breaks_nothing(
    live: LiveServer, sockets: Sockets, make_user: MakeUser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    ann, bob, eve = await make_user("ann"), await make_user("bob"), await make_user("eve")
    members = {"kind": "group", "name": "room", "member_ids": [bob.id]}
    rooms = [(await ann.client.post("/rooms", json=members)).json()["id"] for _ in range(2)]
    secret = (await bob.client.post("/rooms", json={"kind": "group", "name": "secret"})).json()["id"]
    await (await sockets.open(bob, secret)).ask(type="send", ref=1, text=SECRET)

    async def keep_babbling(seed: int, person: Person, room_id: int | None) -> list[int | None]:
        nonsense = Nonsense(seed, [*rooms, secret, 77], [person.access_token, person.refresh_token, bob.access_token])
        ends = []
        for _ in range(ROUNDS):
            socket = await sockets.open(person, room_id)
            ends.append(await babble(socket, nonsense))
            everything = "".join(socket.received)
            assert '"code":"internal"' not in everything
            assert SECRET not in everything or person is bob
        return ends

    # A one-room socket, and sockets of a member and of a stranger for all rooms.
    places = [(ann, rooms[0]), (bob, rooms[0]), (ann, None), (bob, None), (eve, None)]
    babblers = [keep_babbling(seed, *places[seed % len(places)]) for seed in range(PEOPLE)]
    ends = [code for ended in await asyncio.gather(*babblers) for code in ended]
    assert set(ends) <= {*CODES, HUNG_UP, 1006}
    assert ends.count(HUNG_UP) > len(ends) // 4, "most of it was heard to the end"

    assert not [record for record in caplog.records if record.levelno >= logging.ERROR and not of_uvicorn(record)]
    after = await sockets.open(bob, rooms[0])
    assert isinstance(await after.ask(type="send", ref=1, text="still here"), wire.Ack)
    logs = await check_store(live.server.store)
    assert sum(map(len, logs.values())) > 20, "some of it was done"
