"""A room's log as Server-Sent Events (WHATWG HTML 9.2), for readers that only listen.

Each event's id is `epoch:seq`: a reader that comes back says by itself, in `Last-Event-ID`, how far it has come, and in
which log, since after a restore the same number may be another event.
"""

from collections.abc import AsyncIterator, Callable

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from hubbub.domain.ids import Millis, RoomId, Seq
from hubbub.domain.users import Identity
from hubbub.realtime.streams import Item, Stream, Streams
from hubbub.services.ports import Clock

MEDIA_TYPE = "text/event-stream"
QUIET = 15.0  # seconds after which a comment shows that the connection is alive
RETRY = 2000  # milliseconds until a reader that was cut comes back

# Proxies must pass on each event at once.
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def event_stream(
    streams: Streams, clock: Clock, caller: Identity, room_id: RoomId, after: Seq, epoch: str | None
) -> StreamingResponse:
    """An answer that goes on until the token expires, the session or the membership ends, or the server stops.

    Raise NotFound, Forbidden and RateLimited before anything is sent.
    """
    stream = await streams.open(caller, room_id, after, epoch)
    return EventStreamResponse(_lines(stream, clock, caller.expires_at), lambda: streams.close(stream))


class EventStreamResponse(StreamingResponse):
    """Calls `close` when it has ended, however it ended, even before it began."""

    media_type = MEDIA_TYPE

    def __init__(self, lines: AsyncIterator[bytes], close: Callable[[], None]) -> None:
        super().__init__(lines, headers=_HEADERS)
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._close()


async def _lines(stream: Stream, clock: Clock, expires_at: Millis) -> AsyncIterator[bytes]:
    yield b"retry: %d\n\n" % RETRY
    while True:
        yield b""  # waits for the reader to take what was written: until then nothing is made for it
        left = (expires_at - clock.now()) / 1000
        items = await stream.read(min(QUIET, left)) if left > 0 else None
        if items is None:
            return
        yield b"".join(map(_line, items)) or b": still here\n\n"
        del items


def _line(item: Item) -> bytes:
    # JSON has no raw line feed, so one `data` line holds all of it.
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (item.place.encode(), item.kind.encode(), item.json)
