"""What counts as a connection of a benchmark: not a handshake, but a client that has been let in."""

import asyncio
import socket
import threading
from pathlib import Path

import pytest

from benchmarks.crowds import Crowd, connect, opened, text_frame
from tests.integration.servers import register, serving, settings_in


async def test_a_socket_is_opened_once_the_server_has_let_its_user_in(tmp_path: Path) -> None:
    async with serving(settings_in(tmp_path)) as live:
        ann = await register(live, "ann")
        room = (await ann.client.post("/rooms", json={"kind": "group", "name": "den"})).json()
        path = f"/ws/chat/{room['id']}"
        sock = await asyncio.to_thread(opened, live.port, path, ann.access_token)
        sock.close()
        with pytest.raises(ConnectionError):
            await asyncio.to_thread(opened, live.port, path, ann.access_token + "x")
        with pytest.raises(ConnectionError):
            await asyncio.to_thread(opened, live.port, "/ws/chat/99", ann.access_token)
        await ann.client.aclose()


def test_what_comes_together_with_the_handshake_is_left_to_be_read() -> None:
    event = b'{"type":"event"}'
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            client.recv(4096)
            client.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + text_frame(event)[:2] + event + event)
            client.close()

        server = threading.Thread(target=serve)
        server.start()
        crowd = Crowd([connect(listener.getsockname()[1], "/ws")])
        crowd.wait_for(2)
        crowd.close()
        server.join()


def test_a_drained_crowd_says_how_many_events_have_come() -> None:
    here, there = socket.socketpair()
    crowd = Crowd([here])
    there.sendall(b'{"type":"event"} {"type":"ack"} {"type":"event"}')
    assert crowd.drain(0.01) == 2
    assert crowd.drain(0.01) == 0
    crowd.close()
    there.close()
