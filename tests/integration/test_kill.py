"""A server process that is killed or told to stop under load: what was acknowledged is there, once."""

import asyncio
import json
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from websockets.exceptions import ConnectionClosed

from hubbub import __version__
from hubbub.domain.events import Event, MessagePosted
from hubbub.stores.sql import SqlStore
from hubbub.web.server import raise_open_files
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from tests.integration.processes import ServerProcess, database_url, serving_process
from tests.integration.servers import PASSWORD, Address, Person, register
from tests.integration.sockets import Socket, dial
from tests.truth import check_store

WRITERS = 4
AT_ONCE = 16  # messages of a writer that wait for their ack


@dataclass
class Writer:
    """Sends messages for as long as it can, and remembers which were acknowledged as what."""

    person: Person
    name: str
    sent: dict[str, str] = field(default_factory=dict)  # client_id: text
    acked: dict[str, int] = field(default_factory=dict)  # client_id: seq
    enough: asyncio.Event = field(default_factory=asyncio.Event)  # much was acknowledged
    close_code: int | None = None
    said_goodbye: bool = False

    async def write(self, socket: Socket) -> None:
        with suppress(ConnectionClosed):
            while True:
                while len(self.sent) - len(self.acked) < AT_ONCE:
                    client_id = f"{self.name}-{len(self.sent)}"
                    self.sent[client_id] = f"text of {client_id}"
                    await socket.put(type="send", text=self.sent[client_id], client_id=client_id)
                self.take(await socket.take())
                if len(self.acked) >= 50:
                    self.enough.set()
        with suppress(ConnectionClosed):
            while True:  # what came before the end
                self.take(await socket.take())
        self.close_code = socket.websocket.close_code

    def take(self, frame: wire.ServerFrame) -> None:
        if isinstance(frame, wire.Ack):
            assert frame.client_id is not None
            assert frame.seq is not None
            self.acked[frame.client_id] = frame.seq
        elif isinstance(frame, wire.Bye):
            self.said_goodbye = True

    async def send_all_again(self, socket: Socket) -> None:
        """Repeat everything: what was acknowledged gets the same answer."""
        await socket.next(wire.Hello)
        for client_id, text in self.sent.items():
            await socket.put(type="send", text=text, client_id=client_id)
            acks = await socket.until(lambda frame: isinstance(frame, wire.Ack))
            ack = acks[-1]
            assert isinstance(ack, wire.Ack)
            assert ack.client_id == client_id
            if client_id in self.acked:
                assert (ack.seq, ack.duplicate) == (self.acked[client_id], True)
            self.take(ack)


async def people(server: Address) -> tuple[int, list[Writer]]:
    """Writers who have a room together."""
    found = [await register(server, f"writer{number}") for number in range(WRITERS)]
    for person in found[1:]:
        await person.client.aclose()
    members = [person.id for person in found]
    room = await found[0].client.post("/rooms", json={"kind": "group", "name": "room", "member_ids": members})
    await found[0].client.aclose()
    return room.json()["id"], [Writer(person, person.username) for person in found]


async def under_load(server: ServerProcess, room_id: int, writers: list[Writer], number: signal.Signals) -> None:
    """Let everybody write, send the signal once much of each was acknowledged, and wait until all lost the server."""

    async def write(writer: Writer) -> None:
        async with dial(server, f"/ws/chat/{room_id}", token=writer.person.access_token) as socket:
            await writer.write(socket)

    async def end() -> None:
        for writer in writers:
            await writer.enough.wait()
        server.process.send_signal(number)

    await asyncio.gather(end(), *map(write, writers))


async def committed(folder: Path) -> dict[str, int]:
    """The client_ids in the database, checked, and the seqs of their messages."""
    store = await asyncio.to_thread(SqlStore.open, database_url(folder))
    try:
        (log,) = (await check_store(store)).values()
    finally:
        await store.close()
    return client_ids(log)


def client_ids(log: Iterable[Event]) -> dict[str, int]:
    found: dict[str, int] = {}
    for event in log:
        if isinstance(event, MessagePosted):
            assert event.message.client_id is not None
            assert event.message.client_id not in found
            found[event.message.client_id] = event.seq
    return found


async def test_what_was_acknowledged_survives_kill_9_once_and_repeats_are_duplicates(tmp_path: Path) -> None:
    async with serving_process(tmp_path) as server:
        room_id, writers = await people(server)
        await under_load(server, room_id, writers, signal.SIGKILL)
        assert await server.process.wait() == -signal.SIGKILL
    before = await committed(tmp_path)
    for writer in writers:
        assert writer.acked.items() <= before.items()
        assert len(writer.sent) > len(writer.acked) >= 1

    async with serving_process(tmp_path) as server:
        for writer in writers:
            async with dial(server, f"/ws/chat/{room_id}", token=writer.person.access_token) as socket:
                await writer.send_all_again(socket)
        assert await server.stop() == 0
    after = await committed(tmp_path)
    assert before.items() <= after.items()
    assert after == {client_id: seq for writer in writers for client_id, seq in writer.acked.items()}
    assert after.keys() == {client_id for writer in writers for client_id in writer.sent}


async def test_a_server_that_is_told_to_stop_says_goodbye_and_acknowledges_what_it_committed(tmp_path: Path) -> None:
    async with serving_process(tmp_path) as server:
        room_id, writers = await people(server)
        async with dial(server, "/ws") as nobody:
            await under_load(server, room_id, writers, signal.SIGTERM)
            assert await nobody.end() == CloseCode.DRAINING
            assert json.loads(nobody.received[0]) == {
                "type": "bye",
                "code": 4503,
                "reconnect": True,
                "after_ms": [0, 1000],
            }
        assert await server.process.wait() == 0
    assert [(writer.said_goodbye, writer.close_code) for writer in writers] == [(True, CloseCode.DRAINING)] * WRITERS
    kept = await committed(tmp_path)
    assert kept == {client_id: seq for writer in writers for client_id, seq in writer.acked.items()}


async def test_the_log_has_two_lines_for_a_connection_and_no_secret(tmp_path: Path) -> None:
    async with serving_process(tmp_path, HUBBUB_LOG_LEVEL="debug") as server:
        ann = await register(server, "ann")
        room = (await ann.client.post("/rooms", json={"kind": "group", "name": "a name"})).json()["id"]
        ticket = (await ann.client.post("/auth/ticket")).json()["ticket"]
        secrets = [ann.access_token, ann.refresh_token, ticket, PASSWORD, "what was said", "what was broken"]
        for path in (f"/ws/chat/{room}?token={ann.access_token}", f"/ws/chat/{room}?ticket={ticket}"):
            async with dial(server, path) as socket:
                await socket.next(wire.Hello)
                await socket.ask(type="send", ref=1, text="what was said")
                await socket.websocket.send('{"type":"what was broken')
                await socket.until(lambda frame: isinstance(frame, wire.Error))
        for path in (f"/ws?ticket={ticket}", f"/ws?token={ann.refresh_token}", f"/ws/chat/0?token={ann.access_token}"):
            async with dial(server, path) as refused:
                assert await refused.end() in (CloseCode.UNAUTHENTICATED, CloseCode.NOT_FOUND)
        await ann.client.aclose()
        assert await server.stop() == 0
    text = (tmp_path / "hubbub.log").read_text()
    assert not [secret for secret in secrets if secret in text]
    lines = [json.loads(line) for line in text.splitlines()]
    opened = [line["connection_id"] for line in lines if line["event"] == "connection opened"]
    closed = [line for line in lines if line["event"] == "connection closed"]
    assert len(opened) == len(set(opened)) == 2
    assert [(line["connection_id"], line["code"], line["frames"]) for line in closed[:2]] == [
        (opened[0], 1000, 2),
        (opened[1], 1000, 2),
    ]
    assert [line["code"] for line in closed[2:]] == [4401, 4401]
    assert not [line for line in lines if line["level"] in ("error", "critical", "warning")]


async def test_the_log_tells_when_a_server_started_and_why_it_stopped(tmp_path: Path) -> None:
    async with serving_process(tmp_path) as server:
        assert await server.stop() == 0
    lines = [json.loads(line) for line in (tmp_path / "hubbub.log").read_text().splitlines()]
    started, stopping, stopped = [line for line in lines if line["logger"] in ("hubbub.compose", "hubbub.web.server")]
    assert (started["event"], started["host"], started["port"]) == ("started", "127.0.0.1", server.port)
    assert started["open_files"] == raise_open_files()
    assert (started["version"], started["database"]) == (__version__, database_url(tmp_path))
    assert (stopping["event"], stopping["signal"], stopped["event"]) == ("stopping", "SIGTERM", "stopped")
