"""Clients of the sockets of a real server: they speak frames, and remember everything that they were sent."""

import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from hubbub.wire import frames as wire
from hubbub.wire.codec import decode_server
from tests.integration.servers import Address, Person

F = TypeVar("F", bound=wire.ServerFrame)


class Socket:
    """One socket. Pings are answered, and never taken for an answer."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket
        self.received: list[str] = []  # every frame, as it came

    async def put(self, **frame: object) -> None:
        """Send a frame."""
        await self.websocket.send(json.dumps(frame))

    async def put_too_much(self, text: str) -> None:
        """Send a frame that may be refused, and the connection closed, before the end of it has left."""
        with suppress(ConnectionClosed):
            await self.websocket.send(text)

    async def take(self) -> wire.ServerFrame:
        """The next frame."""
        while True:
            text = await self.websocket.recv()
            assert isinstance(text, str)
            self.received.append(text)
            frame = decode_server(text)
            if not isinstance(frame, wire.Ping):
                return frame
            await self.put(type="pong", n=frame.n)

    async def next(self, kind: type[F]) -> F:
        """The next frame, which is one of this kind."""
        frame = await self.take()
        assert isinstance(frame, kind), frame
        return frame

    async def until(self, accepted: Callable[[wire.ServerFrame], bool]) -> list[wire.ServerFrame]:
        """The frames up to the first that is accepted, and that one."""
        frames = [await self.take()]
        while not accepted(frames[-1]):
            frames.append(await self.take())
        return frames

    async def ask(self, **frame: object) -> wire.ServerFrame:
        """Send a frame with a `ref`; return what answers it, and pass over the rest."""
        await self.put(**frame)
        return (await self.until(lambda answer: getattr(answer, "ref", None) == frame["ref"]))[-1]

    async def upto(self, seq: int) -> list[int]:
        """The seqs of the events up to this one, replayed or live."""
        found: list[int] = []
        while not found or found[-1] < seq:
            found += event_seqs(await self.take())
        return found

    async def end(self) -> int | None:
        """Receive whatever still comes; return the close code."""
        try:
            while True:
                await self.take()
        except ConnectionClosed:
            return self.websocket.close_code


def event_seqs(frame: wire.ServerFrame) -> list[int]:
    """The seqs of the events in a frame."""
    if isinstance(frame, wire.Events):
        return [event.seq for event in frame.events]
    return [frame.seq] if isinstance(frame, wire.EventFrame) else []


@asynccontextmanager
async def dial(
    live: Address,
    path: str,
    *,
    token: str | None = None,
    scheme: str = "Bearer",
    narrow: bool = False,
    cookies: str | None = None,
    **options: Any,
) -> AsyncIterator[Socket]:
    """A socket at this path. A token is sent as a header; a narrow socket takes little that it does not read."""
    headers = {} if token is None else {"Authorization": f"{scheme} {token}"}
    if cookies is not None:
        headers["Cookie"] = cookies
    if narrow:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", live.port))
        options |= {"sock": sock, "max_queue": 1}
    async with connect(
        live.ws_url + path,
        additional_headers=headers,
        compression=None,
        proxy=None,
        ping_interval=None,
        close_timeout=2,
        **options,
    ) as websocket:
        yield Socket(websocket)


class Sockets:
    """Opens sockets for the length of a test."""

    def __init__(self, live: Address, stack: AsyncExitStack) -> None:
        self._live = live
        self._stack = stack

    async def dial(self, path: str, **options: Any) -> Socket:
        """A socket at this path, whatever comes of it."""
        return await self._stack.enter_async_context(dial(self._live, path, **options))

    async def open(self, person: Person, room_id: int | None = None, *, after: int | None = None) -> Socket:
        """A socket of this person; its `hello` has been taken, and with a room its `joined`."""
        path = "/ws" if room_id is None else f"/ws/chat/{room_id}"
        query = "" if after is None else f"?after={after}"
        opened = await self.dial(path + query, token=person.access_token)
        await opened.next(wire.Hello)
        if room_id is not None:
            await opened.next(wire.Joined)
        return opened


def offering(*names: str) -> list[Subprotocol]:
    return [Subprotocol(name) for name in names]
