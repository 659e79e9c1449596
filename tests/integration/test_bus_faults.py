"""Two nodes whose bus dies, gets stuck, or is not there yet: what is told late is told, and nothing waits for it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hubbub.buses.nats import NatsBus
from hubbub.compose import KEYS
from hubbub.realtime import presence
from hubbub.realtime.watch import Watch
from hubbub.wire import frames as wire
from tests.integration.servers import LiveServer, register, serving, settings_in
from tests.integration.sockets import Socket, Sockets
from tests.nats import NatsServer
from tests.postgres import EmptyDatabases

MESSAGES = 30


@dataclass(frozen=True, slots=True)
class Talk:
    """Ann listens here and Bob there, in the one room that they share."""

    here: LiveServer
    there: LiveServer
    ann: Socket
    bob: Socket
    numbers: Iterator[int] = field(default_factory=itertools.count)

    async def say(self, socket: Socket, text: str) -> int:
        """Send it; return its seq, once it is committed."""
        ack = await socket.ask(type="send", ref=1, client_id=f"message {next(self.numbers)}", text=text)
        assert isinstance(ack, wire.Ack), ack
        assert ack.seq is not None
        return ack.seq


@pytest.fixture
async def talk(
    tmp_path: Path, empty_databases: EmptyDatabases, nats_of_my_own: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Talk]:
    """Nobody looks at the store now and then: what is mended, the bus has mended by coming back.

    Nor does it carry anything but what is said: nobody is told who is there.
    """
    monkeypatch.setattr(Watch, "start", lambda watch: None)
    monkeypatch.setattr(presence, "TEMPO", presence.Tempo(beat=3600.0))
    with empty_databases.one() as url:
        both = settings_in(tmp_path, database_url=url, secret_file=tmp_path / "keys", bus_url=nats_of_my_own.url)
        async with serving(both) as here, serving(both) as there, AsyncExitStack() as stack:
            ann, bob = await register(here, "ann"), await register(there, "bob")
            for person in (ann, bob):
                stack.push_async_callback(person.client.aclose)
            body = {"kind": "group", "name": "room", "member_ids": [bob.id]}
            room_id = (await ann.client.post("/rooms", json=body)).json()["id"]
            yield Talk(
                here,
                there,
                await Sockets(here, stack).open(ann, room_id),
                await Sockets(there, stack).open(bob, room_id),
            )


def bus_of(live: LiveServer) -> NatsBus:
    bus = live.server.bus
    assert bus is not None
    return bus


async def status(live: LiveServer) -> tuple[int, str, str]:
    async with live.client() as client:
        answer = await client.get("/health/ready")
    body = answer.json()
    return answer.status_code, body["status"], " ".join(body.get("warnings", []))


async def until(live: LiveServer, wanted: str) -> str:
    """Ask until the status of this node is that; return its warnings."""
    while True:
        code, said, warnings = await status(live)
        assert code == 200, "it can take work all the time"
        if said == wanted:
            return warnings


async def test_when_nats_comes_back_all_holes_are_closed(talk: Talk, nats_of_my_own: NatsServer) -> None:
    nats_of_my_own.kill()
    for live in (talk.here, talk.there):
        warnings = await until(live, "degraded")
        assert "other processes are not heard" in warnings
    missed = await talk.say(talk.ann, "while it was away")
    nats_of_my_own.start()
    assert await talk.bob.upto(missed) == [missed]
    for live in (talk.here, talk.there):
        await until(live, "ok")
    both = await talk.say(talk.bob, "as before")
    assert (await talk.ann.upto(both))[-1] == both


async def test_commits_do_not_wait_for_a_bus_that_is_stuck(talk: Talk, nats_of_my_own: NatsServer) -> None:
    nats_of_my_own.freeze()
    long = "x" * 4000
    seqs = [await talk.say(talk.ann, f"{number} {long}") for number in range(MESSAGES)]
    dropped = bus_of(talk.here).dropped
    nats_of_my_own.thaw()
    assert await talk.bob.upto(seqs[-1]) == seqs
    assert dropped == 0, "so few fit"


async def test_a_bus_that_was_stuck_for_long_has_dropped_and_counted_what_is_then_read_from_the_log(
    talk: Talk, nats_of_my_own: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubbub.buses.nats_link.BUFFER", 100_000)
    nats_of_my_own.freeze()
    bus = bus_of(talk.here)
    for size in (50_000, 500, 5):  # until nothing fits any more
        before = bus.dropped
        while bus.dropped == before:
            bus.publish("nobody.listens", bytes(size))
            await asyncio.sleep(0)
    before = bus.dropped
    seq = await talk.say(talk.ann, "not told")
    assert bus.dropped == before + 1
    nats_of_my_own.thaw()
    assert await talk.bob.upto(seq) == [seq]


async def test_a_server_starts_without_its_bus_and_joins_the_others_when_there_is_one(
    tmp_path: Path, empty_databases: EmptyDatabases, nats_of_my_own: NatsServer
) -> None:
    nats_of_my_own.kill()
    with empty_databases.one() as url:
        settings = settings_in(tmp_path, database_url=url, bus_url=nats_of_my_own.url)
        async with serving(settings) as live:
            assert (await status(live))[:2] == (200, "degraded")
            nats_of_my_own.start()
            await until(live, "ok")


async def test_the_url_of_the_bus_is_nowhere_to_be_seen(
    tmp_path: Path, empty_databases: EmptyDatabases, caplog: pytest.LogCaptureFixture
) -> None:
    with empty_databases.one() as url:
        settings = settings_in(tmp_path, database_url=url, bus_url="nats://user:s3cret@127.0.0.1:1")
        assert "s3cret" not in repr(settings)
        async with serving(settings) as live:
            said = await status(live)
    assert "127.0.0.1:1" in said[2]
    assert "s3cret" not in said[2] + caplog.text


async def test_processes_that_sign_with_other_keys_notice(
    tmp_path: Path, empty_databases: EmptyDatabases, nats_url: str, nats_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    with empty_databases.one() as url:
        first, same, other = (
            settings_in(
                tmp_path, database_url=url, bus_url=nats_url, bus_prefix=nats_prefix, secret_file=tmp_path / name
            )
            for name in ("keys", "keys", "other")
        )
        async with serving(first) as live:
            names: asyncio.Queue[bytes] = asyncio.Queue()
            bus_of(live).subscribe(KEYS, names.put_nowait)
            async with serving(same):
                await names.get()
                assert "signs with a key" not in caplog.text
            async with serving(other):
                await names.get()
                assert "signs with a key that this one does not have" in caplog.text
