"""The socket endpoints: `/ws/chat/{room_id}` for one room and `/ws` for all rooms of a user.

A socket is always accepted first and then, if need be, closed with a code: a refusal before that reaches a browser as a
bare 1006. The credential is taken, in this order, from the Authorization header, the subprotocol `bearer.<token>`, the
query's `ticket`, the query's `token`, which a setting turns off, and the first frame.
"""

import asyncio
import re
from collections import deque
from collections.abc import Coroutine
from typing import Any, Protocol

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from hubbub.domain.errors import Invalid, Unauthenticated
from hubbub.domain.ids import MAX_ID, RoomId, Seq
from hubbub.domain.users import Identity
from hubbub.realtime.connection import Connection
from hubbub.realtime.gateway import Gateway
from hubbub.realtime.outbox import Outbox, Parcel
from hubbub.services.accounts import Accounts
from hubbub.settings import Settings
from hubbub.web.fanout_protocol import EXTENSION, Detach
from hubbub.wire.close_codes import CloseCode
from hubbub.wire.framing import close_reason, payload_of
from hubbub.wire.position import parse_place

SUBPROTOCOL = "hubbub.v1"
_ANY_VERSION = re.compile(r"hubbub\.v\d+")
_BEARER = "bearer."
_NUMBER = re.compile(r"[0-9]{1,16}")


class SocketServer(Protocol):
    """What the endpoints need of a composition."""

    @property
    def gateway(self) -> Gateway: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def settings(self) -> Settings: ...


def socket_routes() -> list[BaseRoute]:
    """Starlette's routes, not FastAPI's: sockets come in storms, and there is nothing to be injected or documented."""
    return [
        WebSocketRoute("/ws/chat/{room_id}", _one_room),
        WebSocketRoute("/ws", _all_rooms),
        WebSocketRoute("/{path:path}", _nowhere),
    ]


async def _one_room(websocket: WebSocket) -> None:
    await _serve(websocket, websocket.path_params["room_id"])


async def _all_rooms(websocket: WebSocket) -> None:
    await _serve(websocket, None)


async def _nowhere(websocket: WebSocket) -> None:
    """Without this a wrong path would be refused before it is accepted."""
    await websocket.accept(_version(websocket))
    await websocket.close(CloseCode.NOT_FOUND, "sockets are at /ws and /ws/chat/{room_id}")


async def _serve(websocket: WebSocket, room_text: str | None) -> None:
    server: SocketServer = websocket.app.state.server
    version = _version(websocket)
    await websocket.accept(version)
    if version not in (SUBPROTOCOL, None):
        await websocket.close(CloseCode.PROTOCOL_VERSION, f"this server speaks {SUBPROTOCOL}")
        return
    if not _origin_allowed(websocket, server.settings):
        await websocket.close(CloseCode.FORBIDDEN, "this origin is not allowed: see HUBBUB_ALLOWED_ORIGINS")
        return
    room_id = None if room_text is None else _number(room_text)
    try:
        after, epoch = _position(websocket)
    except Invalid as error:
        await websocket.close(CloseCode.BAD_FRAME, f"after: {error}")
        return
    if room_text is not None and not room_id:
        await websocket.close(CloseCode.NOT_FOUND, "there is no such room")
    else:
        await _run(websocket, server, None if room_id is None else RoomId(room_id), after, epoch)


def _position(websocket: WebSocket) -> tuple[Seq | None, str | None]:
    """`?after=`, which may be `epoch:seq`, and `?epoch=`, which counts where `after` names none."""
    epoch = websocket.query_params.get("epoch")
    place = websocket.query_params.get("after")
    if place is None:
        return None, epoch
    named, after = parse_place(place)
    return after, named or epoch


def _version(websocket: WebSocket) -> str | None:
    """The version of the protocol to agree to: ours, if it is offered.

    A browser drops a socket that agrees to none of what it has offered, and never shows a close code. So one that
    speaks another version is agreed with, to be told that it is not spoken here.
    """
    offered = [name for name in websocket.scope.get("subprotocols", []) if _ANY_VERSION.fullmatch(name)]
    return SUBPROTOCOL if SUBPROTOCOL in offered else next(iter(offered), None)


async def _run(
    websocket: WebSocket, server: SocketServer, room_id: RoomId | None, after: Seq | None, epoch: str | None
) -> None:
    verify = _credential(websocket, server.accounts, server.settings)
    detach: Detach | None = websocket.scope.get("extensions", {}).get(EXTENSION)
    socket = None if detach is None else detach()
    if socket is not None:
        connection = server.gateway.connect(socket, room_id=room_id, after=after, epoch=epoch)
        socket.attach(connection)
        if verify is not None:
            server.gateway.admit(connection, verify)
        return
    transport = AsgiTransport(websocket)
    connection = server.gateway.connect(transport, room_id=room_id, after=after, epoch=epoch)
    transport.outbox = connection.outbox
    if verify is not None:
        server.gateway.admit(connection, verify)
    sending = transport.start()
    receiving = asyncio.create_task(_receive(websocket, connection))
    try:
        await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
        if not sending.cancelled():  # it was not given up
            await receiving
    finally:
        sending.cancel()
        receiving.cancel()
        connection.lost(CloseCode.ABNORMAL)


async def _receive(websocket: WebSocket, connection: Connection) -> None:
    while True:
        try:
            message = await websocket.receive()
        except (WebSocketDisconnect, RuntimeError):
            return
        if message["type"] == "websocket.disconnect":
            connection.lost(message.get("code") or CloseCode.ABNORMAL)
            return
        text = message.get("text")
        if text is None:
            connection.received_binary()
        else:
            connection.received(text)


def _credential(websocket: WebSocket, accounts: Accounts, settings: Settings) -> Coroutine[Any, Any, Identity] | None:
    """What will verify the credential that came with the handshake; None when the first frame has to bring it."""
    header = websocket.headers.get("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        return accounts.authenticate(token.strip()) if scheme.lower() == "bearer" else _no_bearer()
    for name in websocket.scope.get("subprotocols", []):
        if name.startswith(_BEARER):
            return accounts.authenticate(name.removeprefix(_BEARER))
    query = websocket.query_params
    if "ticket" in query:
        return accounts.redeem_ticket(query["ticket"])
    if "token" in query and settings.token_in_query:
        return accounts.authenticate(query["token"])
    return None


async def _no_bearer() -> Identity:
    raise Unauthenticated("an access token is needed: Authorization: Bearer …")


def _origin_allowed(websocket: WebSocket, settings: Settings) -> bool:
    """Is this no browser, or a page from here or from an allowed place?

    Tokens are not sent by browsers on their own, so that this is a second line of defence: it may trust a browser's own
    word for the host that it has asked.
    """
    origin = websocket.headers.get("origin")
    if origin is None or "*" in settings.allowed_origins or origin in settings.allowed_origins:
        return True
    return origin.partition("://")[2] == websocket.headers.get("host")


def _number(text: str) -> int | None:
    number = int(text) if _NUMBER.fullmatch(text) else None
    return number if number is not None and number <= MAX_ID else None


class AsgiTransport:
    """A socket over plain ASGI: a task sends what the outbox wrote, and pauses it while the server's buffer is full.

    ASGI can't drop a socket. One whose reader takes nothing, not even our close frame, is given up after a while; what
    becomes of it then is the server's business.
    """

    HIGH_WATER = 64 * 1024  # bytes
    CLOSE_TIMEOUT = 5.0  # seconds

    def __init__(self, websocket: WebSocket) -> None:
        self.outbox: Outbox | None = None
        self._websocket = websocket
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._closing: tuple[int, str] | None = None
        self._wake = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Send until the socket is closed, by either side. The task is cancelled when the socket is given up."""
        self._sending = asyncio.create_task(self._send())
        return self._sending

    def write(self, parcel: Parcel) -> None:
        self._frames.extend(parcel.frames)
        self._bytes += parcel.size
        if self._bytes > self.HIGH_WATER and self.outbox is not None:
            self.outbox.pause(asyncio.get_running_loop().time())
        self._wake.set()

    def waiting(self) -> int:
        return self._bytes

    def close(self, code: int, reason: str) -> None:
        self._closing = code, reason
        self._wake.set()
        if self._sending is not None:
            giving_up = asyncio.get_running_loop().call_later(self.CLOSE_TIMEOUT, self._sending.cancel)
            self._sending.add_done_callback(lambda _: giving_up.cancel())

    async def _send(self) -> None:
        try:
            while self._closing is None or self._frames:
                await self._wake.wait()
                self._wake.clear()
                while self._frames:
                    await self._send_one(self._frames.popleft())
            code, reason = self._closing
            await self._websocket.close(code, close_reason(reason))
        except (WebSocketDisconnect, RuntimeError, OSError):
            return  # the other side has gone: `receive` says so too

    async def _send_one(self, frame: bytes) -> None:
        await self._websocket.send_text(payload_of(frame).decode())
        self._bytes -= len(frame)
        if self.outbox is not None and self.outbox.paused_at is not None and self._bytes <= self.HIGH_WATER // 2:
            self.outbox.resume(asyncio.get_running_loop().time())
