"""Sockets of the SDK, with a real one at the other end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from hubbub.client.ports import ConnectionEnded
from hubbub.client.transports import SUBPROTOCOL, WebSocketConnector

MUCH = bytes(16 * 1024 * 1024)  # more than the buffers of two sockets take


@asynccontextmanager
async def deaf_server() -> AsyncIterator[str]:
    """A server that opens sockets and then takes no byte of them; its URL."""
    over = asyncio.Event()

    async def ignore(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await over.wait()
        connection.transport.abort()

    async with serve(ignore, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL], ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            over.set()


async def test_a_url_that_is_none_is_no_defect() -> None:
    with pytest.raises(ConnectionEnded, match="isn't a valid URI"):
        await WebSocketConnector("localhost:8000").connect("token")


async def test_a_peer_that_takes_nothing_can_not_keep_a_socket_from_closing() -> None:
    async with deaf_server() as url:
        socket = await WebSocketConnector(url, close_timeout=0.01).connect("token")
        sending = asyncio.create_task(socket.send(MUCH))
        await asyncio.sleep(0)
        await socket.close(1000, "")
        await sending
        with pytest.raises(ConnectionEnded):
            await socket.recv()


async def test_a_socket_whose_closing_is_given_up_is_gone() -> None:
    async with deaf_server() as url:
        socket = await WebSocketConnector(url, close_timeout=3600.0).connect("token")
        sending = asyncio.create_task(socket.send(MUCH))
        closing = asyncio.create_task(socket.close(1000, ""))
        await asyncio.sleep(0)
        closing.cancel()
        await sending
        with pytest.raises(ConnectionEnded):
            await socket.recv()
