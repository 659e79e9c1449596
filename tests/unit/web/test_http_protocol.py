"""How long an HTTP answer waits for its reader."""

import asyncio

from uvicorn.config import Config
from uvicorn.server import ServerState

from hubbub.web.http_protocol import HttpProtocol
from tests.loops import run_jumping

STUCK = 30.0  # seconds


class Pipe(asyncio.Transport):
    """What was written, as far as the reader has not taken it."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 100_000  # bytes
        self.aborts = 0

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.aborts > 0

    def abort(self) -> None:
        self.aborts += 1


def paused() -> tuple[HttpProtocol, Pipe]:
    """A protocol whose reader takes less than is written."""
    config = Config("none:app", lifespan="off", log_config=None)
    config.load_app = lambda: None  # type: ignore[method-assign]
    protocol = HttpProtocol(config, ServerState(), {}, request_seconds=600, stuck_seconds=STUCK)
    pipe = Pipe()
    protocol.connection_made(pipe)
    protocol.pause_writing()
    return protocol, pipe


def test_who_takes_nothing_is_cut_and_who_takes_a_little_is_not() -> None:
    async def scene() -> None:
        protocol, pipe = paused()
        for _ in range(3):
            pipe.waiting -= 1
            await asyncio.sleep(STUCK)
        assert pipe.aborts == 0
        await asyncio.sleep(STUCK + 1)
        assert pipe.aborts == 1
        protocol.connection_lost(ConnectionAbortedError())

    run_jumping(scene())


def test_who_has_taken_enough_is_not_looked_at_any_more() -> None:
    async def scene() -> None:
        protocol, pipe = paused()
        protocol.resume_writing()
        await asyncio.sleep(2 * STUCK)
        assert pipe.aborts == 0
        protocol.connection_lost(ConnectionAbortedError())

    run_jumping(scene())
