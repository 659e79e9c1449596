"""A socket over plain ASGI, whose server takes a frame when its own reader has room for it."""

import asyncio

from starlette.types import Message
from starlette.websockets import WebSocket

from hubbub.domain.ids import RoomId
from hubbub.realtime.outbox import NOTHING, Flusher, Outbox
from hubbub.web.sockets import AsgiTransport
from hubbub.wire.framing import text_frame
from hubbub.wire.limits import Limits

FRAME = text_frame(b"x" * 40_000)


class Uplink:
    """An ASGI server that has accepted a socket, and takes a message when it is told to."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(0)
        self._taken = asyncio.Semaphore(0)

    async def websocket(self) -> WebSocket:
        websocket = WebSocket({"type": "websocket", "headers": []}, self._receive, self._send)
        self._room.release()
        await websocket.accept()
        await self._taken.acquire()
        return websocket

    async def take(self) -> None:
        """Take one message, and let the application go on."""
        self._room.release()
        await self._taken.acquire()
        await asyncio.sleep(0)

    async def _receive(self) -> Message:
        return {"type": "websocket.connect"}

    async def _send(self, message: Message) -> None:
        await self._room.acquire()
        self._taken.release()


async def test_a_slow_reader_is_seen_to_take_something_while_there_is_more() -> None:
    uplink = Uplink()
    transport = AsgiTransport(await uplink.websocket())
    outbox = transport.outbox = Outbox(transport, Flusher(), Limits())
    sending = transport.start()
    parcel = NOTHING
    for _ in range(4):
        parcel = parcel.plus(FRAME, RoomId(1))
    loop_time = asyncio.get_running_loop().time()
    transport.write(parcel)
    seen = [outbox.paused_at]
    for now, taken in ((1.0, 0), (2.0, 1), (3.0, 3)):
        for _ in range(taken):
            await uplink.take()
        outbox.look(loop_time + now)
        seen.append(outbox.paused_at)
    assert seen == [seen[0], seen[0], loop_time + 2.0, None]
    assert transport.waiting() == 0
    transport.close(1000, "done")
    await uplink.take()
    await sending
