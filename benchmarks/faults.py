"""How a cluster's faults are felt: clients talk on three nodes while its parts are killed and cut off, one by one.

Counted is how long messages are on their way, from the call that says one to each client that is told it; a message
that waits for a node, a bus or a database to come back waits in that time too. Whatever is lost, doubled, reordered or
altered is a finding of the auditor, and the command fails.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.report import Row, percentile, show
from hubbub.audit import reports
from hubbub.audit.live import Report, audit_server
from hubbub.audit.plans import Plan
from tools.clusters import running_cluster
from tools.faults import Faults, Span, not_in_the_database

SLOW = 1.0  # seconds; who waits longer for a message notices
EVE = 1.0  # seconds before a fault: what is on its way then may be held up by it


def rows(spans: Sequence[Span], deliveries: Sequence[tuple[float, float]]) -> list[Row]:
    """For each fault how long it lasts, and the messages that were said from its eve to that of the next."""
    ends = [span.begun - EVE for span in spans[1:]] + [float("inf")]
    found = []
    for span, end in zip(spans, ends, strict=True):
        here = [(came, seconds) for came, seconds in deliveries if span.begun - EVE <= came - seconds < end]
        seconds = [each for _, each in here]
        slow = [came - span.begun for came, each in here if each > SLOW]
        found.append(
            Row(
                span.name,
                {
                    "lasts s": span.ended - span.begun,
                    "deliveries": len(here),
                    "p50 ms": percentile(seconds, 50) * 1000,
                    "p99 ms": percentile(seconds, 99) * 1000,
                    "longest s": max(seconds),
                    "slow %": 100 * len(slow) / len(here),
                    "slow until s": max(slow, default=0),
                },
            )
        )
    return found


async def run(
    folder: Path, *, clients: int, rooms: int, rooms_each: int, rate: float, pause: float, direct: bool
) -> tuple[list[Row], Report]:
    """Let clients talk on a cluster, through its load balancer or on the nodes themselves, while it breaks."""
    async with running_cluster(folder) as cluster:
        urls = cluster.urls if direct else (cluster.url,)
        plan = Plan(urls=urls, clients=clients, rooms=rooms, rooms_each=rooms_each, seconds=0, rate=rate)
        faults = Faults(cluster, pause)
        with reports.Bar(Console(stderr=True)) as bar:
            report = await audit_server(plan, bar, faults.happen)
        for message in await not_in_the_database(cluster.database_url, report.messages):
            report.findings.add("lost", "it was acknowledged, and is not in the database", message.room_id, message.seq)
        return rows(faults.spans, report.delays.deliveries), report


def main(
    clients: Annotated[int, typer.Option(min=2, max=1000, help="Clients, each of which talks.")] = 300,
    rooms: Annotated[int, typer.Option(min=1, max=200, help="Rooms.")] = 40,
    rooms_each: Annotated[int, typer.Option(min=1, help="Rooms of each client.")] = 2,
    rate: Annotated[float, typer.Option(min=1, help="Messages a second, of all clients together.")] = 30,
    pause: Annotated[float, typer.Option(min=1, help="Seconds between the end of a fault and the next.")] = 15,
    direct: Annotated[
        bool, typer.Option("--direct", help="Without the load balancer: each takes a node by lot.")
    ] = False,
) -> None:
    """Break a cluster in every way, and measure how long messages take meanwhile."""
    with TemporaryDirectory(prefix="hubbub-bench-", dir=".") as name:
        talk = run(
            Path(name).resolve(),
            clients=clients,
            rooms=rooms,
            rooms_each=rooms_each,
            rate=rate,
            pause=pause,
            direct=direct,
        )
        found, report = asyncio.run(talk)
    figures = {
        "messages acknowledged, all of them in the database": report.acknowledged,
        "events": report.events,
        "deliveries": report.deliveries,
        "connections": report.connections,
    }
    title = f"{clients} clients on 3 nodes, {rooms} rooms, {rate:g} messages/s: from saying to being told"
    show("faults", title, found, [f"{value:,} {name}" for name, value in figures.items()])
    reports.show(Console(), report.findings, {"clients": report.clients, "rooms": report.rooms})
    if report.findings:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
