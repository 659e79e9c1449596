"""One message to everybody in a room, on two nodes: CPU µs of each node for each delivery.

Two `hubbub serve` on one PostgreSQL, which waits for the disk, and one NATS, as many sockets on each. All is said on
the first node, which commits it, delivers it to its own sockets and tells the bus; the second hears it from the bus and
delivers it to its sockets. The frame is made once, by the first node: what comes from the bus is what the sockets are
sent.

*Alone* is the first node before there is a second one, or a bus. All three are measured in the same run.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.progress import Progress

from benchmarks.crowds import Crowd
from benchmarks.fanout import BURST, Ask, measure, over_websockets
from benchmarks.processes import Served, hubbub
from benchmarks.report import Row, show
from benchmarks.world import TEXT, Person, one_big_room
from hubbub.domain.ids import RoomId
from tests.nats import serving_nats
from tests.postgres import running_postgres

ALONE, SAID, HEARD = "alone, without a bus", "said here, and told to the bus", "heard from the bus"
COLUMNS = ((1, "one in flight"), (BURST, "bursts of eight"))


class Both:
    """The crowds of two nodes as one."""

    def __init__(self, *crowds: Crowd) -> None:
        self._crowds = crowds

    def __len__(self) -> int:
        return len(self._crowds[0])

    def wait_for(self, count: int) -> None:
        """Until so many deliveries have come in each."""
        for crowd in self._crowds:
            crowd.wait_for(count)


class Meter:
    """The CPU time of two servers, seen as that of one; afterwards of each."""

    def __init__(self, *servers: Served) -> None:
        self._servers = servers
        self._seen: list[list[float]] = []

    def cpu(self) -> float:
        self._seen.append([server.cpu() for server in self._servers])
        return sum(self._seen[-1])

    def shares(self) -> list[float]:
        """Which part of the time between the last two looks each of them had."""
        spent = [after - before for before, after in zip(*self._seen[-2:], strict=True)]
        return [each / sum(spent) for each in spent]


@contextmanager
def crowded(
    folder: Path, people: list[Person], room_id: RoomId, **settings: object
) -> Iterator[tuple[Served, Crowd, Ask]]:
    """A node, and a socket of each of these people on it."""
    with hubbub(folder, frame_rate=0, **settings) as server, over_websockets(server, people, room_id) as opened:
        yield opened


def main(
    sockets: Annotated[int, typer.Option(min=1, max=10_000, help="Sockets on each node.")] = 500,
    seconds: Annotated[float, typer.Option(min=0.5, max=600, help="How long each way is measured.")] = 4.0,
) -> None:
    """Measure CPU time for each delivery on the node that commits, and on one that hears of it from the bus."""
    figures: dict[str, dict[str, float]] = {ALONE: {}, SAID: {}, HEARD: {}}
    with TemporaryDirectory(prefix="hubbub-bench-", dir=".") as name, ExitStack() as stack:
        folder = Path(name).resolve()
        progress = stack.enter_context(Progress(transient=True))
        postgres = stack.enter_context(running_postgres(durable=True))
        nats = stack.enter_context(serving_nats())
        task = progress.add_task("making users", total=5)
        url = postgres.create_database()
        people, room_id = one_big_room(folder, sockets, url)
        with crowded(folder, people, room_id, database_url=url) as (server, crowd, ask):
            for burst, column in COLUMNS:
                progress.update(task, advance=1, description=f"{ALONE}, {column}")
                figures[ALONE][f"µs/delivery, {column}"] = measure(server, crowd, ask, burst, seconds)
        settings = {"database_url": url, "bus_url": nats.url}
        with (
            crowded(folder, people, room_id, **settings) as (first, here, ask),
            crowded(folder, people, room_id, **settings) as (second, there, _),
        ):
            for burst, column in COLUMNS:
                progress.update(task, advance=1, description=f"two nodes, {column}")
                meter = Meter(first, second)
                together = measure(meter, Both(here, there), ask, burst, seconds)
                for way, share in zip((SAID, HEARD), meter.shares(), strict=True):
                    figures[way][f"µs/delivery, {column}"] = together * share
    local = figures[ALONE]
    for row in figures.values():
        for column in [f"µs/delivery, {column}" for _, column in COLUMNS]:
            row[column.replace("µs/delivery", "times alone")] = row[column] / local[column]
    show(
        "cluster",
        f"One message of {len(TEXT)} bytes to {sockets} sockets on each of two nodes",
        [Row(way, row) for way, row in figures.items()],
        ["µs of all that the node does: parse, commit, tell, hear, deliver. PostgreSQL and NATS are not in it."],
    )


if __name__ == "__main__":
    typer.run(main)
