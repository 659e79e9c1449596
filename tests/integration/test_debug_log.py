"""What a server logs when it logs as much as it can: no text of a message, no password and no token."""

import asyncio
import logging
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from hubbub.wire import frames as wire
from tests.integration.processes import serving_process
from tests.integration.servers import PASSWORD, Address, register, serving, settings_in
from tests.integration.sockets import Sockets, dial
from tests.postgres import EmptyDatabases

WORD = "xyzzy"  # it is in everything that is said


async def say_everything(live: Address) -> list[str]:
    """Talk in all ways, right and wrong ones; return what nobody may find afterwards."""
    ann = await register(live, "ann")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(ann.client.aclose)
        room_id = (await ann.client.post("/rooms", json={"kind": "group", "name": "a"})).json()["id"]
        messages = f"/rooms/{room_id}/messages"
        assert (await ann.client.post(messages, json={"text": WORD})).status_code == 201
        for body in ('{"text": "xyzzy"', '{"text": ["xyzzy"]}', '{"text": "xyzzy\\ud800"}'):
            answer = await ann.client.post(messages, content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code in (400, 422)
        for form in ({"data": {"password": WORD}}, {"files": {"password": WORD.encode()}}):
            assert (await ann.client.post("/auth/login", **form)).status_code in (400, 415, 422)
        assert (await ann.client.post("/auth/refresh", json={"refresh_token": WORD})).status_code == 401

        sockets = Sockets(live, stack)
        socket = await sockets.dial(f"/ws?token={ann.access_token}")
        await socket.next(wire.Hello)
        send = f'{{"type": "send", "ref": 1, "client_id": "a", "room_id": {room_id}, "text": "{WORD}"}}'
        await socket.websocket.send([send[:50], send[50:]])
        await socket.until(lambda frame: isinstance(frame, wire.Ack))
        await socket.websocket.send(send)
        await socket.until(lambda frame: isinstance(frame, wire.Ack))
        await socket.websocket.send(send[:-1])
        await socket.until(lambda frame: isinstance(frame, wire.Error))
        await socket.websocket.send(WORD.encode())
        await socket.until(lambda frame: isinstance(frame, wire.Error))
        await socket.websocket.close(reason=WORD)

        by_frame = await sockets.dial("/ws")
        auth = f'{{"type": "auth", "token": "{ann.access_token}"}}'
        await by_frame.websocket.send([auth[:20], auth[20:]])
        await by_frame.next(wire.Hello)
        await by_frame.websocket.send(WORD.encode() + b"\xff", text=True)
        assert await by_frame.end() == 1007
        long = await sockets.open(ann)
        await long.put_too_much(WORD * 100_000)
        assert await long.end() == 1009
        async with dial(live, f"/ws?token={ann.refresh_token}") as refused:
            await refused.end()
    for head in (f"GET http://x:y/?x={WORD} HTTP/1.1", f"GET / HTTP/1.1\r\nAuthorization: {WORD}\x01"):
        reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
        writer.write(f"{head}\r\nHost: x\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        writer.close()
    return [WORD, PASSWORD, ann.access_token, ann.access_token.split(".")[2], ann.refresh_token]


def found_in(log: str, secrets: list[str]) -> list[str]:
    return [line for line in log.splitlines() if any(secret in line for secret in secrets)]


async def test_the_log_of_a_process_holds_no_secret_even_when_asyncio_tells_of_all_it_does(tmp_path: Path) -> None:
    async with serving_process(tmp_path, HUBBUB_LOG_LEVEL="debug", PYTHONASYNCIODEBUG="1") as server:
        secrets = await say_everything(server)
        assert await server.stop() == 0
    log = (tmp_path / "hubbub.log").read_text()
    assert '"level": "debug"' in log
    assert found_in(log, secrets) == []


async def test_the_libraries_of_a_cluster_log_no_secret(
    tmp_path: Path, empty_databases: EmptyDatabases, nats_url: str, nats_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    for ours in ("websockets.client", "httpx2", "httpcore2"):
        caplog.set_level(logging.WARNING, ours)
    caplog.set_level(logging.DEBUG)  # of the root, as HUBBUB_LOG_LEVEL does
    with empty_databases.one() as url:
        settings = settings_in(tmp_path, database_url=url, bus_url=nats_url, bus_prefix=nats_prefix)
        async with serving(settings) as live:
            secrets = await say_everything(live)
    assert any(record.levelno == logging.DEBUG for record in caplog.records)
    assert found_in("\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records), secrets) == []
