"""The composition root: from settings to a server, and back to nothing. Everything is opened and closed here."""

import asyncio
import gc
import itertools
import json
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from hubbub import __version__
from hubbub.buses.nats import NatsBus, open_nats
from hubbub.buses.nats_address import UnusableBus, check_prefix, parse_addresses, trusted
from hubbub.domain.errors import ChatError
from hubbub.domain.ids import UserId
from hubbub.logs import configure_logs
from hubbub.realtime.cluster import Cluster
from hubbub.realtime.fanout import HubFanout
from hubbub.realtime.gateway import Gateway
from hubbub.realtime.hub import Hub
from hubbub.realtime.streams import Streams
from hubbub.realtime.turns import UserTurns
from hubbub.realtime.watch import Watch
from hubbub.security.keys import SigningKey, load_keys, parse_keys
from hubbub.security.passwords import Argon2Hasher
from hubbub.security.tokens import JwtTokens
from hubbub.services.accounts import Accounts
from hubbub.services.chat import Chat
from hubbub.services.clocks import SystemClock
from hubbub.services.logs import Logs
from hubbub.services.looks import Looks
from hubbub.services.policies import AccountsPolicy
from hubbub.services.ports import Clock
from hubbub.settings import Settings, load_settings
from hubbub.stores.sql import SqlStore, UnusableDatabase, current, shown
from hubbub.web.app import create_app as create_web_app
from hubbub.web.open_files import OpenFiles
from hubbub.web.pace import Pace
from hubbub.web.server import UvicornServer, bind, bind_shared, config, raise_open_files
from hubbub.wire.limits import Limits
from hubbub.workers import Workers, check_workers

try:
    from uvloop import run
except ImportError:  # Windows, PyPy
    from asyncio import run  # type: ignore[assignment]

log = logging.getLogger(__name__)

KEYS = "keys"  # the subject on which processes compare them
PURGE = 3600.0  # seconds between deletions of what has expired
MOMENT = 1.0  # seconds that the database has to be closed in good order after a second Ctrl-C
INTERRUPTED = 130  # the exit code of a process that SIGINT has ended, as shells have it


@dataclass(slots=True, eq=False)
class Server:
    """Everything that one process of hubbub consists of, but for its listening socket."""

    settings: Settings
    store: SqlStore
    chat: Chat
    gateway: Gateway
    streams: Streams
    clock: Clock
    pace: Pace[UserId]
    bus: NatsBus | None
    files: OpenFiles
    draining: bool = False

    @property
    def accounts(self) -> Accounts:
        return self.chat.accounts

    @property
    def turns(self) -> UserTurns:
        return self.gateway.turns

    @property
    def warnings(self) -> tuple[str, ...]:
        exhausted = () if self.files.trouble is None else (self.files.trouble,)
        return (*exhausted, *self.store.warnings)

    @property
    def apart(self) -> str | None:
        if self.bus is None or self.bus.trouble is None:
            return None
        return f"other processes are not heard: what happens there is told late. {self.bus.trouble}"

    async def trouble(self) -> str | None:
        return await self.store.trouble()

    async def drain(self, hurry: asyncio.Event) -> None:
        """Take no new work, answer what was taken as long as there is no `hurry`, and send the connections away."""
        self.draining = True
        self.streams.end_all()
        await self.gateway.drain(finish=self.chat.close, hurry=hurry)


def create_app(settings: Settings | None = None) -> FastAPI:
    """A web application that opens its own server when it starts, and closes it when it ends.

    Nothing is shared between two of them: both can run in one process.
    """
    return create_web_app(settings or load_settings(), open_server)


@asynccontextmanager
async def open_server(settings: Settings) -> AsyncIterator[Server]:
    """Open the database, the keys and the services; close them in the opposite order, commits first."""
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        if settings.secret is not None:
            open_keys(settings)  # a wrong one is found before a database is made
        bus = await _open_bus(settings)
        if bus is not None:
            stack.push_async_callback(bus.close)
        store = await asyncio.to_thread(
            SqlStore.open,
            settings.database_url,
            reader_threads=settings.reader_threads,
            writer_threads=settings.writer_threads,
            timeout=settings.database_seconds,
        )
        stack.push_async_callback(store.close)
        hasher = open_hasher(settings)
        stack.push_async_callback(hasher.close)
        keys = open_keys(settings)
        hub = Hub(Logs(store))
        fanout = HubFanout(hub)
        cluster = None if bus is None else Cluster(hub, fanout, bus)
        chat = Chat(
            store=store,
            clock=clock,
            fanout=cluster or fanout,
            hasher=hasher,
            tokens=JwtTokens(keys, clock),
            policy=accounts_policy(settings),
            lanes=store.writers,
        )
        process = secrets.token_hex(4)
        pace: Pace[UserId] = Pace(settings.request_rate, settings.request_burst, clock)
        gateway = Gateway(chat, hub, clock, limits(settings), connection_ids(process), admit=pace.take)
        watch = Watch(hub, Looks(store))
        watch.start()
        stack.push_async_callback(watch.close)
        stack.push_async_callback(fanout.close)
        if bus is not None and cluster is not None:
            stack.push_async_callback(cluster.close)
            await cluster.start()
            await gateway.signals.connect(bus, process)
            _compare_keys(bus, keys)
        stack.push_async_callback(gateway.close)
        stack.push_async_callback(chat.close)
        purging = asyncio.create_task(_purge(chat.accounts), name="purge")
        stack.callback(purging.cancel)
        files = OpenFiles()
        watching = asyncio.create_task(files.watch(), name="open files")
        stack.callback(watching.cancel)
        streams = Streams(chat, hub, limits(settings), gateway.turns)
        yield Server(settings, store, chat, gateway, streams, clock, pace, bus, files)


@asynccontextmanager
async def open_chat(settings: Settings) -> AsyncIterator[Chat]:
    """The use cases over the database, for commands: servers see what they did when they look at it.

    Its tokens are worth nothing to anybody. Raise UnusableDatabase, also when it has older tables: it may have servers.
    """
    revision, newest = current(settings.database_url)
    if revision != newest:
        state = "there is no database yet" if revision is None else f"the database has schema revision {revision}"
        raise UnusableDatabase(f"{state}, and this release needs {newest}: hubbub db upgrade")
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        store = await asyncio.to_thread(SqlStore.open, settings.database_url, reader_threads=1, writer_threads=1)
        stack.push_async_callback(store.close)
        hasher = open_hasher(settings)
        stack.push_async_callback(hasher.close)
        fanout = HubFanout(Hub(Logs(store)))  # nobody is connected to it
        stack.push_async_callback(fanout.close)
        tokens = JwtTokens(parse_keys(secrets.token_urlsafe(48)), clock)
        chat = Chat(store=store, clock=clock, fanout=fanout, hasher=hasher, tokens=tokens)
        stack.push_async_callback(chat.close)
        yield chat


def run_server(settings: Settings, started: Callable[[int, tuple[str, ...]], None]) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP. `started` gets the port and the warnings once connections are accepted.

    Raise CannotListen, what opening a server raises, and with several workers WorkerFailed and NoNatsServer.
    """
    configure_logs(settings.log_level, settings.log_format)
    if settings.workers > 1:
        check_workers(settings)
        with ExitStack() as stack:
            listeners = [stack.enter_context(closing(one)) for one in bind_shared(settings, settings.workers)]
            run(_to_the_end(Workers(settings, listeners).run(started)))
    else:
        with closing(bind(settings)) as listener:
            run(_to_the_end(_serve(settings, listener, started)))
    log.info("stopped")


def run_worker(settings: Settings, file_number: int) -> None:
    """Serve from a listening socket that this process was given, until SIGTERM or the end of the standard input.

    A line of JSON on the standard output says that connections are accepted.
    """

    def ready(_: int, warnings: tuple[str, ...]) -> None:
        sys.stdout.write(json.dumps({"warnings": warnings}) + "\n")
        sys.stdout.flush()

    async def work(listener: socket.socket) -> None:
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _stop_with_parent)
        await _serve(settings, listener, ready)

    configure_logs(settings.log_level, settings.log_format)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it is for the parent, also when all of a service are sent it
    with closing(socket.socket(fileno=file_number)) as listener:
        run(_to_the_end(work(listener)))
    log.info("stopped")


def _stop_with_parent() -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        signal.raise_signal(signal.SIGTERM)


async def _to_the_end(life: Awaitable[None]) -> None:
    """Then be deaf: the loop lets go of its signals, and one that is sent again would look like a failure."""
    await life
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGHUP})


async def _serve(settings: Settings, listener: socket.socket, started: Callable[[int, tuple[str, ...]], None]) -> None:
    _on_stop(_leave)
    async with open_server(settings) as server:
        app = create_web_app(settings, lambda _: nullcontext(server))

        def ready() -> None:
            # What is alive now stays alive: a full collection that looks at all of it holds the loop for 60 ms.
            gc.collect()
            gc.freeze()
            host, port, *_ = listener.getsockname()
            where = {"host": host, "port": port, "database": shown(settings.database_url), "pid": os.getpid()}
            log.info("started", extra={"version": __version__, **where, "open_files": raise_open_files()})
            apart = () if server.apart is None else (server.apart,)
            started(port, (*server.warnings, *apart))

        uvicorn_server = UvicornServer(
            config(app, settings), started=ready, stopping=server.drain, drain_seconds=settings.drain_seconds
        )
        _on_stop(lambda number: uvicorn_server.handle_exit(number, None))
        await uvicorn_server.serve(sockets=[listener])
        # From here on nothing but the database is waited for, which may take its time: not beyond a second Ctrl-C.
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, _give_up)
        if uvicorn_server.force_exit:
            loop.call_later(MOMENT, _give_up)


def _on_stop(stop: Callable[[int], None]) -> None:
    """Call this on each signal that asks for the end, instead of what was called before."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # as `nohup` has it
            loop.add_signal_handler(number, stop, number)


def _leave(number: int) -> None:
    """End before anybody was served: what is being opened, perhaps with much patience, loses nothing by it."""
    log.info("stopped before it had started", extra={"signal": signal.Signals(number).name})
    os._exit(0)


def _give_up() -> None:
    """End at once, as by `kill -9`: nobody is left who could be told anything, and what was told is on disk."""
    log.warning("stopped before the database was closed, which was at work")
    os._exit(INTERRUPTED)


def open_hasher(settings: Settings) -> Argon2Hasher:
    """What hashes passwords as the settings say."""
    return Argon2Hasher(
        workers=settings.password_workers,
        time_cost=settings.argon2_time_cost,
        memory_cost=settings.argon2_memory_kib,
        parallelism=settings.argon2_parallelism,
    )


def open_keys(settings: Settings) -> tuple[SigningKey, ...]:
    """The signing keys: from the setting, or from the file, which is made when there is none."""
    if settings.secret is not None:
        return parse_keys(settings.secret.get_secret_value(), source="HUBBUB_SECRET")
    return load_keys(key_file(settings))


def key_file(settings: Settings) -> Path:
    """Where the signing keys are: by default beside the database."""
    return settings.secret_file or database_folder(settings.database_url) / "hubbub.keys"


def database_folder(database_url: str) -> Path:
    """The folder of a SQLite file; for other databases the current one."""
    scheme, _, path = database_url.partition(":///")
    return Path(path).parent if scheme.startswith("sqlite") else Path()


def limits(settings: Settings) -> Limits:
    """The limits of each connection."""
    return Limits(
        frame_bytes=settings.max_frame_bytes,
        inflight=settings.inflight,
        frame_rate=settings.frame_rate,
        frame_burst=settings.frame_burst,
        outbox_frames=settings.outbox_frames,
        outbox_bytes=settings.outbox_bytes,
        auth_timeout=settings.auth_seconds,
        heartbeat=settings.heartbeat_seconds,
        pong_timeout=settings.pong_seconds,
        stuck_timeout=settings.stuck_seconds,
        user_sockets=settings.user_sockets,
    )


def accounts_policy(settings: Settings) -> AccountsPolicy:
    """The rules for accounts and their sessions."""
    return AccountsPolicy(
        access_ttl=settings.access_token_minutes * 60,
        refresh_ttl=settings.refresh_token_days * 24 * 60 * 60,
        ticket_ttl=settings.ticket_seconds,
        login_rate=settings.login_rate,
    )


async def _open_bus(settings: Settings) -> NatsBus | None:
    """The way to the other processes of the same database. Raise UnusableBus."""
    if settings.bus_url is None:
        return None
    if settings.database_url.startswith("sqlite"):
        raise UnusableBus(
            "HUBBUB_BUS_URL: a SQLite file belongs to one process, which has nobody to talk to over NATS. "
            "Several share a PostgreSQL database: --database-url postgresql+psycopg://user:password@host/hubbub"
        )
    addresses, prefix = parse_addresses(settings.bus_url), check_prefix(settings.bus_prefix)
    secured = any(address.tls for address in addresses)
    return await open_nats(addresses, trusted(settings.bus_ca_file) if secured else None, prefix)


def _compare_keys(bus: NatsBus, keys: Sequence[SigningKey]) -> None:
    """Tell the other processes the name of the key that signs here, and the log when one of them has another."""

    def compare(kid: bytes) -> None:
        if kid not in [key.kid.encode() for key in keys]:
            log.warning(
                "another process signs with a key that this one does not have: who signs in there is refused here. "
                "Give all of them the same HUBBUB_SECRET, or the same file of keys"
            )

    def tell() -> None:
        bus.publish(KEYS, keys[0].kid.encode())

    bus.subscribe(KEYS, compare)
    bus.when_restored(tell)
    tell()


def connection_ids(process: str) -> Callable[[], str]:
    """Ids that no other process makes: the name of this one and a count."""
    count = itertools.count(1)
    return lambda: f"{process}-{next(count):x}"


async def _purge(accounts: Accounts) -> None:
    while True:
        with suppress(ChatError):  # the next hour is early enough
            await accounts.purge()
        await asyncio.sleep(PURGE)
