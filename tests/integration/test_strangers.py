"""What a stranger with nothing but a TCP connection can do to a server: not much."""

import asyncio

import pytest
from websockets.frames import Frame, Opcode

from hubbub.web import fanout_protocol
from tests.integration.servers import LiveServer

PINGS = Frame(Opcode.PING, b"").serialize(mask=True) * 20_000
PONG = b"\x8a\x00"


def handshake(path: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """Everything until the server closes the connection, however it does."""
    received = b""
    try:
        while data := await reader.read(65_536):
            received += data
    except ConnectionError:
        return received
    return received


@pytest.mark.parametrize(("path", "most"), [("/ws", 16), ("/nowhere", fanout_protocol.LATE_BYTES // 6)])
async def test_a_flood_of_pings_is_hardly_answered_and_ends(
    live: LiveServer, path: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout_protocol, "CLOSE_TIMEOUT", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    writer.write(handshake(path))
    received = await reader.readuntil(b"\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 101 ")
    writer.write(PINGS)
    received = await read_to_end(reader)
    assert received.count(PONG) <= most
    writer.close()
