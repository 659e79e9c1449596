"""What the server asks of the system."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing

import pytest
from fastapi import FastAPI
from uvicorn.server import ServerState

from hubbub.settings import Settings
from hubbub.web.server import CannotListen, UvicornServer, bind, bind_shared, config, raise_open_files

resource = pytest.importorskip("resource", reason="Windows has no such limit")


@pytest.fixture
def most() -> Iterator[int]:
    """The limit that may not be exceeded, which is not in use."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(4096, before[0])
    resource.setrlimit(resource.RLIMIT_NOFILE, (most - 1, before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_as_many_files_may_be_open_as_the_system_allows(most: int) -> None:
    found = raise_open_files()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard == most
    assert soft == hard or hard == resource.RLIM_INFINITY
    assert found == soft


def test_several_processes_share_a_port_and_another_server_does_not_get_it() -> None:
    with ExitStack() as stack:
        listeners = [stack.enter_context(closing(one)) for one in bind_shared(Settings(port=0), 3)]
        for listener in listeners:
            listener.listen()
        (port,) = {listener.getsockname()[1] for listener in listeners}
        with pytest.raises(CannotListen, match="Address already in use"):
            bind(Settings(port=port))
        with pytest.raises(CannotListen, match="Address already in use"):
            bind_shared(Settings(port=port), 2)


class Broken(asyncio.Protocol):
    """A connection that fails when it is asked to end."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        state.connections.add(self)  # type: ignore[arg-type]

    def shutdown(self) -> None:
        self._state.connections.remove(self)  # type: ignore[arg-type]
        raise RuntimeError("broken")


async def test_a_connection_that_fails_at_the_end_keeps_nobody_from_ending(caplog: pytest.LogCaptureFixture) -> None:
    ended, started = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        ended.set()

    async def stopping(hurry: asyncio.Event) -> None: ...

    settings = Settings(port=0)
    setup = config(FastAPI(lifespan=lifespan), settings)
    with closing(bind(settings)) as listener:
        server = UvicornServer(setup, started=started.set, stopping=stopping, drain_seconds=0)
        serve = asyncio.create_task(server.serve(sockets=[listener]))
        await started.wait()
        for _ in range(3):
            Broken(server.server_state)
        server.should_exit = True
        await serve
    assert not server.server_state.connections
    assert ended.is_set()
    assert [record.message for record in caplog.records].count("a connection could not be ended") == 3
