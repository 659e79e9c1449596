"""Fixtures of all tests that talk to a real server: `live`, `client`, `make_user`, and `settings` to override."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias

import httpx2
import pytest

from hubbub.services.clocks import SystemClock
from hubbub.settings import Settings
from tests.integration.servers import DETACHED, LiveServer, Person, register, serving, settings_in
from tests.integration.sockets import Sockets
from tests.ports import reserved_port

MakeUser: TypeAlias = Callable[[str], Awaitable[Person]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """What `live` is started with. A test module that needs other settings has a fixture of this name."""
    return settings_in(tmp_path)


@pytest.fixture
def port() -> Iterator[int]:
    """One on which a server may be started again and again."""
    with reserved_port() as port:
        yield port


@pytest.fixture
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """To servers in this process it is the same time for ever; how long a connection lasts the loop's time decides."""
    now = SystemClock().now()
    monkeypatch.setattr(SystemClock, "now", lambda _: now)


@pytest.fixture
def transport() -> str:
    """How the sockets of `live` are read and written. Tests of sockets are parametrised with all of `TRANSPORTS`."""
    return DETACHED


@pytest.fixture
async def live(settings: Settings, transport: str) -> AsyncIterator[LiveServer]:
    """A server over a SQLite file in tmp_path."""
    async with serving(settings, transport=transport) as live:
        yield live


@pytest.fixture
async def client(live: LiveServer) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that has not signed in."""
    async with live.client() as client:
        yield client


@pytest.fixture
async def make_user(live: LiveServer) -> AsyncIterator[MakeUser]:
    """`await make_user("ann")`: somebody who has registered and signed in."""
    async with AsyncExitStack() as stack:

        async def make(username: str) -> Person:
            person = await register(live, username)
            stack.push_async_callback(person.client.aclose)
            return person

        yield make


@pytest.fixture
async def sockets(live: LiveServer) -> AsyncIterator[Sockets]:
    """Opens sockets that are closed at the end of the test."""
    async with AsyncExitStack() as stack:
        yield Sockets(live, stack)
