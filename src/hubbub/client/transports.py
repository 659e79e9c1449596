"""Real sockets, by the websockets library."""

import asyncio
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from hubbub.client.ports import ConnectionEnded
from hubbub.wire.close_codes import CloseCode

SUBPROTOCOL = Subprotocol("hubbub.v1")
MAX_MESSAGE = 16 * 1024 * 1024  # bytes; `hello` brings the last messages of a hundred rooms
CLOSE_TIMEOUT = 2.0  # seconds that the server has to take what is on its way, and to answer a close frame


class WebSocketConnector:
    """Opens sockets to the server at an http or https URL."""

    def __init__(self, url: str, *, close_timeout: float = CLOSE_TIMEOUT) -> None:
        """`close_timeout`: seconds after which a socket that is being closed is cut off."""
        self._close_timeout = close_timeout
        parts = urlsplit(url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        self._url = parts._replace(scheme=scheme, path=f"{parts.path.rstrip('/')}/ws").geturl()

    async def connect(self, token: str) -> "WebSocket":
        try:
            connection = await connect(
                self._url,
                additional_headers={"Authorization": f"Bearer {token}"},
                subprotocols=[SUBPROTOCOL],
                compression=None,
                max_size=MAX_MESSAGE,
                ping_interval=None,  # hubbub has its own heartbeat
                close_timeout=self._close_timeout,
            )
        except (WebSocketException, EOFError) as error:
            raise ConnectionEnded(CloseCode.ABNORMAL, f"no WebSocket at {self._url}: {error}") from error
        return WebSocket(connection, self._close_timeout)


class WebSocket:
    """Implements `ports.Socket`."""

    def __init__(self, connection: ClientConnection, close_timeout: float) -> None:
        self._connection = connection
        self._close_timeout = close_timeout

    async def send(self, data: bytes) -> None:
        try:
            await self._connection.send(data, text=True)
        except ConnectionClosed as error:
            raise _ended(error) from error

    async def recv(self) -> str | bytes:
        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosed as error:
            raise _ended(error) from error

    async def close(self, code: int, reason: str) -> None:
        # websockets counts its own timeout once everything has left; a peer that takes nothing never lets it.
        abort = self._connection.transport.abort
        deadline = asyncio.get_running_loop().call_later(self._close_timeout, abort)
        try:
            await self._connection.close(code, reason)
        finally:
            deadline.cancel()
            abort()  # does nothing to a socket that is closed


def _ended(error: ConnectionClosed) -> ConnectionEnded:
    if error.rcvd is None:
        return ConnectionEnded(CloseCode.ABNORMAL, "the connection broke off")
    return ConnectionEnded(error.rcvd.code, error.rcvd.reason)
