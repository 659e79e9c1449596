"""A whole cluster on this machine: nodes, PostgreSQL, NATS and a load balancer, as plain processes on the loopback.

`./dev cluster` runs one to be tried; tests and benchmarks run others, and break them. Its data goes when it ends.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from tests.nats import NatsServer, serving_nats
from tests.postgres import PostgresServer, running_postgres
from tools.relays import Relay

QUICK: Mapping[str, str] = {
    "HUBBUB_LOGIN_RATE": "0",
    "HUBBUB_FRAME_RATE": "0",
    "HUBBUB_REQUEST_RATE": "0",
    "HUBBUB_ARGON2_TIME_COST": "1",
    "HUBBUB_ARGON2_MEMORY_KIB": "8",
    "HUBBUB_ARGON2_PARALLELISM": "1",
}
"""Settings for clients that are no danger: hundreds of them sign in at once."""


class Node:
    """One `hubbub serve`. It may be killed, stopped and started again; its port stays."""

    def __init__(self, number: int, folder: Path, settings: Mapping[str, str]) -> None:
        self.number = number
        self.port = 0  # a free one
        self.log = folder / f"node-{number}.log"
        self._folder = folder
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Run until it takes connections."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "hubbub", "serve", "--port", str(self.port)),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**os.environ, **self._settings},
                cwd=self._folder,
                start_new_session=True,  # Ctrl-C is for the whole cluster, which ends its nodes in good order
            )
        assert self._process.stdout is not None
        first = (await self._process.stdout.readline()).decode()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", first)
        if found is None:
            raise RuntimeError(f"node {self.number} did not start:\n{first}{self.log.read_text()}")
        self.port = int(found[1])

    async def kill(self) -> None:
        """`kill -9`."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Let it say goodbye."""
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.send_signal(number)
            await process.communicate()


class Cluster:
    """All of it; made by `running_cluster`."""

    def __init__(
        self,
        postgres: PostgresServer,
        database_url: str,
        nats: NatsServer,
        cables: list[Relay],
        nodes: list[Node],
        balancer: Relay,
    ) -> None:
        self.postgres = postgres
        self.database_url = database_url
        self.nats = nats
        self.cables = cables  # one to NATS for each node
        self.nodes = nodes
        self.balancer = balancer

    @property
    def url(self) -> str:
        """Of the load balancer."""
        return f"http://127.0.0.1:{self.balancer.port}"

    @property
    def urls(self) -> tuple[str, ...]:
        """Of the nodes."""
        return tuple(node.url for node in self.nodes)

    def kill_postgres(self) -> None:
        """`kill -9` of all its processes."""
        first = self.postgres.pid
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        for pid in (first, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def start_postgres(self) -> None:
        """Start it again. What was killed may hold its memory for a moment, in which it refuses to."""
        for pause in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2):
            try:
                await asyncio.to_thread(self.postgres.start)
            except CalledProcessError:
                await asyncio.sleep(pause)
            else:
                return
        raise RuntimeError("PostgreSQL does not start again")


@asynccontextmanager
async def running_cluster(
    folder: Path, *, nodes: int = 3, port: int = 0, settings: Mapping[str, str] = QUICK
) -> AsyncIterator[Cluster]:
    """A cluster until the end of the block; the logs of its nodes are in `folder`. `port` is the load balancer's."""
    async with AsyncExitStack() as stack:
        postgres = await asyncio.to_thread(stack.enter_context, running_postgres(durable=True))
        nats = await asyncio.to_thread(stack.enter_context, serving_nats())
        database_url = await asyncio.to_thread(postgres.create_database)
        cables: list[Relay] = []
        started: list[Node] = []
        for number in range(1, nodes + 1):
            cable = Relay([nats.port])
            await cable.start()
            stack.push_async_callback(cable.close)
            addresses = {"HUBBUB_DATABASE_URL": database_url, "HUBBUB_BUS_URL": f"nats://127.0.0.1:{cable.port}"}
            node = Node(number, folder, {"HUBBUB_LOG_FORMAT": "json", **settings, **addresses})
            stack.push_async_callback(node.stop)
            await node.start()  # the first one makes the tables and the key
            cables.append(cable)
            started.append(node)
        balancer = Relay([node.port for node in started])
        await balancer.start(port)
        stack.push_async_callback(balancer.close)
        yield Cluster(postgres, database_url, nats, cables, started, balancer)


async def show(nodes: int, port: int) -> None:
    """Run a cluster until Ctrl-C, and say what it consists of."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with TemporaryDirectory(prefix="hubbub-cluster-") as name:
        print("starting PostgreSQL, NATS and the nodes: some seconds", flush=True)
        async with running_cluster(Path(name), nodes=nodes, port=port, settings={}) as cluster:
            print(f"hubbub as a cluster of {nodes} nodes: {cluster.url}")
            for node in cluster.nodes:
                print(f"  node {node.number}      {node.url}  process {node.pid}, log {node.log}")
            print(f"  PostgreSQL  {cluster.database_url.rpartition('@')[2]}  process {cluster.postgres.pid}")
            print(f"  NATS        {cluster.nats.url}")
            print(f"  balancer    {cluster.url}  connections go to each node in turn")
            print("  try         ./dev hubbub audit", *cluster.urls, "--clients 10")
            print("              kill -9 any node meanwhile")
            print("  stop        Ctrl-C; the data goes with it", flush=True)
            await stopped.wait()
            print("stopping", flush=True)


def main(
    nodes: Annotated[int, typer.Option(min=1, max=20, help="How many.")] = 3,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the load balancer; 0 takes a free one.")] = 8000,
) -> None:
    """Run a cluster on this machine, to be tried: nodes, PostgreSQL, NATS, and a load balancer."""
    asyncio.run(show(nodes, port))


if __name__ == "__main__":
    typer.run(main)
