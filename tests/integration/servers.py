"""A real server on a free port of the loopback interface, and people who use it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from fastapi import FastAPI

from hubbub.compose import Server, create_app
from hubbub.settings import Settings, load_settings
from hubbub.web.server import UvicornServer, bind, config

PASSWORD = "correct horse battery"
PATIENCE = 60.0  # seconds until an answer must have come: machines that are shared stand still at times
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # a default one reads all certificates of this machine, each time


def settings_in(folder: Path, **overrides: object) -> Settings:
    """Settings of a server whose data is in `folder`, with passwords that are hashed quickly."""
    quick = {
        "port": 0,
        "database_url": f"sqlite:///{folder / 'hubbub.db'}",
        "login_rate": 0,
        "request_rate": 0,
        "argon2_time_cost": 1,
        "argon2_memory_kib": 8,
        "argon2_parallelism": 1,
        "drain_seconds": 1.0,
        "auth_seconds": PATIENCE,
    }
    return load_settings({**quick, **overrides})


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server takes requests, `url` (http://127.0.0.1:port), and sockets, `ws_url`."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def client(self, token: str | None = None) -> httpx2.AsyncClient:
        """A client of this server; who opens it closes it."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx2.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=PATIENCE)


@dataclass(frozen=True, slots=True)
class LiveServer(Address):
    """A server in this process."""

    app: FastAPI

    @property
    def server(self) -> Server:
        """The composition behind it."""
        server: Server = self.app.state.server
        return server


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has registered and signed in; `client` sends their access token."""

    id: int
    username: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    client: httpx2.AsyncClient = field(repr=False)


DETACHED, PLAIN = "detached", "plain ASGI"
TRANSPORTS = (DETACHED, PLAIN)


@asynccontextmanager
async def serving(settings: Settings, *, transport: str = DETACHED) -> AsyncIterator[LiveServer]:
    """Serve in this event loop until the end of the block; `transport` is how sockets are read and written."""
    app = create_app(settings)
    started = asyncio.Event()

    async def stopping(hurry: asyncio.Event) -> None:
        await app.state.server.drain(hurry)

    with closing(bind(settings)) as listener:
        setup = config(app, settings)
        if transport == PLAIN:
            setup.http, setup.ws = "httptools", "websockets-sansio"
        uvicorn_server = UvicornServer(
            setup, started=started.set, stopping=stopping, drain_seconds=settings.drain_seconds
        )
        serve = asyncio.create_task(uvicorn_server.serve(sockets=[listener]))
        begun = asyncio.create_task(started.wait())
        await asyncio.wait([serve, begun], return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if serve.done():
            await serve
            raise RuntimeError("the server ended before it had started")
        try:
            yield LiveServer(listener.getsockname()[1], app)
        finally:
            uvicorn_server.should_exit = True
            await serve


async def register(live: Address, username: str) -> Person:
    """A new person, signed in; who asks for one closes their client."""
    email = f"{username}@example.org"
    client = live.client()
    registered = await client.post("/auth/register", json={"username": username, "email": email, "password": PASSWORD})
    registered.raise_for_status()
    grant = await client.post("/auth/login", json={"username": username, "password": PASSWORD, "label": "test"})
    grant.raise_for_status()
    tokens = grant.json()
    client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    return Person(registered.json()["id"], username, tokens["access_token"], tokens["refresh_token"], client)
