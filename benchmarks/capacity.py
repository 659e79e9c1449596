"""A model: what so many users need, from what the other benchmarks have measured and what people are taken to do.

Nothing is measured here. The costs are the figures that the pages show, each by the command that stands beside it in
docs/scale.md; `--mine` takes what the same commands have written on this machine, where they have. What a formula says
where chance rules (on how many nodes the readers of a message are, how long a message waits for a busy node) is also
played with dice.
"""

import random
from dataclasses import dataclass
from io import StringIO
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.report import FOLDER, Figures, Row, collected, kept, percentile, show, table, to_three_digits
from hubbub.realtime.watch import LOOK

TITLE = "What users need in the busiest hour"
USERS = (10_000, 1_000_000, 100_000_000)
BUSY = 0.5  # of a core; what is left is for bursts, and for the sockets of a node that has died
BACK = 30.0  # seconds in which everybody shall be back whose node has died
HEARTBEAT = 25.0  # seconds
CONNECTIONS = 8  # to PostgreSQL, of a node with the default settings
PLAYED = 100_000  # messages that are played


@dataclass(frozen=True, slots=True)
class Use:
    """What people do in the busiest hour."""

    online: float  # part of all users
    sockets: float  # of somebody who is online
    messages: float  # of a user, on a day
    peak: float  # part of a day's messages that is said in that hour
    readers: float  # sockets that are told a message
    stay: float  # seconds that a socket lasts


USUAL = Use(online=0.1, sockets=1.2, messages=20, peak=0.12, readers=8, stay=3600)


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU of a node in µs, and what else is limited."""

    message: float  # from one socket to another, durable; a node that hears of one by the bus has less to do
    delivery: float  # one more socket
    heartbeat: float
    look: float  # at the store for what the bus may have lost, for each user
    connect: float
    resume: float
    socket_kb: float  # of memory
    writes: float  # messages a second that one PostgreSQL commits
    disk: float  # bytes of a message there


# Where they are among the figures: benchmark, row (-1 = the last), figure, factor.
WRITTEN = {
    "message": ("direct", 0, "CPU µs/message", 1),
    "delivery": ("rooms", -1, "µs/delivery, one in flight", 1),
    "look": ("sizes", 0, "CPU µs/look, for each user", 1),
    "heartbeat": ("sizes", 0, "CPU µs/heartbeat", 1),
    "connect": ("connections", 0, "CPU ms/connect", 1000),
    "resume": ("storm", 0, "CPU ms/client", 1000),
    "socket_kb": ("connections", 0, "RSS kB/connection", 1),
    "writes": ("postgres", 2, "messages/s", 1),  # 100 senders in 20 rooms
    "disk": ("sizes", 0, "PostgreSQL B/message", 1),
}


@dataclass(frozen=True, slots=True)
class Need:
    """What so many users need."""

    users: int
    use: Use
    costs: Costs

    @property
    def sockets(self) -> float:
        return self.users * self.use.online * self.use.sockets

    @property
    def messages(self) -> float:
        """A second."""
        return self.users * self.use.messages * self.use.peak / 3600

    def reached(self, nodes: int) -> float:
        """Nodes on which readers of a message are, on average."""
        elsewhere: float = (1 - 1 / nodes) ** self.use.readers
        return nodes * (1 - elsewhere)

    def cores(self, nodes: int) -> float:
        """That are busy, on all nodes together."""
        messages = self.messages * (self.reached(nodes) * self.costs.message + self.use.readers * self.costs.delivery)
        heartbeats = self.sockets / HEARTBEAT * self.costs.heartbeat
        connects = self.sockets / self.use.stay * self.costs.connect
        looks = self.users * self.use.online / LOOK * self.costs.look
        return (messages + heartbeats + connects + looks) / 1e6

    def back(self, nodes: int) -> float:
        """Seconds until everybody is back whose node has died, on what the other nodes have left."""
        left = (nodes - 1) - self.cores(nodes)
        return self.sockets / nodes * self.costs.resume / 1e6 / left if left > 0 else float("inf")

    def nodes(self) -> int:
        """The fewest that are enough, one of them being dead."""
        count = 2
        while self.cores(count) > BUSY * (count - 1) or self.back(count) > BACK:
            count += 1 + count // 100
        return count


def played_reach(need: Need, nodes: int, dice: random.Random) -> float:
    """`Need.reached`, by playing it."""
    readers = round(need.use.readers)
    rounds = PLAYED // 10
    return sum(len({dice.randrange(nodes) for _ in range(readers)}) for _ in range(rounds)) / rounds


def played_wait(need: Need, nodes: int, dice: random.Random) -> float:
    """Milliseconds that all but one of a hundred messages wait at most until a node has time for them.

    They come by chance, one after the other, and each takes as long as the average of all that a node has to do.
    """
    busy = need.cores(nodes) / nodes
    work = busy / (need.messages * need.reached(nodes) / nodes)  # seconds
    wait, waits = 0.0, []
    for _ in range(PLAYED):
        wait = max(0.0, wait + work - dice.expovariate(busy / work))
        waits.append(wait * 1000)
    return percentile(waits, 99)


def row(need: Need) -> Row:
    nodes = need.nodes()
    dice = random.Random(need.users)
    return Row(
        f"{need.users:,} users",
        {
            "sockets": need.sockets,
            "messages/s": need.messages,
            "deliveries/s": need.messages * need.use.readers,
            "nodes": nodes,
            "busy cores": need.cores(nodes),
            "sockets/node": need.sockets / nodes,
            "MB/node for sockets": need.sockets / nodes * need.costs.socket_kb / 1000,
            "back after s": need.back(nodes),
            "wait p99 ms, played": played_wait(need, nodes, dice),
            "nodes reached": need.reached(nodes),
            "the same, played": played_reach(need, nodes, dice),
            "bus messages/s": need.messages * need.reached(nodes),
            "PostgreSQL %": 100 * need.messages / need.costs.writes,
            "PostgreSQL connections": nodes * CONNECTIONS,
            "TB/year": need.users * need.use.messages * 365 * need.costs.disk / 1e12,
        },
    )


def costs_in(figures: Figures) -> Costs:
    """Among what benchmarks have measured."""
    return Costs(
        **{
            name: to_three_digits(figures[benchmark]["rows"][row]["figures"][figure] * factor)
            for name, (benchmark, row, figure, factor) in WRITTEN.items()
        }
    )


def needs(use: Use, costs: Costs) -> list[Row]:
    """Of so many users each."""
    return turned([row(Need(users, use, costs)) for users in USERS])


def printed(costs: Costs) -> str:
    """What `COLUMNS=90 ./dev bench capacity` prints, as docs/scale.md shows it: without the lines of the frame."""
    out = StringIO()
    Console(file=out, width=90).print(table(TITLE, needs(USUAL, costs)))
    lines = [TITLE + "…", *out.getvalue().splitlines()[1:]]
    return "".join(f"{line if line[0] in '┃│' or line == lines[0] else line[0] + '…'}\n" for line in lines)


def turned(rows: list[Row]) -> list[Row]:
    """A row for each figure, a column for each number of users: there are more figures than fit beside each other."""
    return [Row(name, {each.way: each.figures[name] for each in rows}) for name in rows[0].figures]


def main(
    online: Annotated[float, typer.Option(min=0, max=1, help="Part of all users, in the busiest hour.")] = USUAL.online,
    sockets: Annotated[float, typer.Option(min=0.1, help="Of somebody who is online.")] = USUAL.sockets,
    messages: Annotated[float, typer.Option(min=0.1, help="Of a user, on a day.")] = USUAL.messages,
    peak: Annotated[float, typer.Option(min=0.04, max=1, help="Part of a day's messages in that hour.")] = USUAL.peak,
    readers: Annotated[float, typer.Option(min=1, help="Sockets that are told a message, on average.")] = USUAL.readers,
    stay: Annotated[float, typer.Option(min=10, help="Seconds that a socket lasts.")] = USUAL.stay,
    mine: Annotated[bool, typer.Option("--mine", help="Costs as benchmarks have written them here.")] = False,
) -> None:
    """Work out what 10 thousand, a million and 100 million users need."""
    use = Use(online, sockets, messages, peak, readers, stay)
    costs = costs_in({**kept(), **collected(FOLDER)} if mine else kept())
    show("capacity", TITLE, needs(use, costs))


if __name__ == "__main__":
    typer.run(main)
