"""One message to everybody in a room: CPU µs of the server for each delivery, the whole real path.

Three ways, over the same 1,000 sockets and in the same run:

- *C*: a program that does one `send()` per socket for each message, and nothing else: the limit;
- *hubbub*: `hubbub serve`, authenticated sockets, every message durable (SQLite, synchronous=FULL) before it goes out;
- *naive*: FastAPI, a list of sockets and `await websocket.send_json(…)` in a loop, on the same journal.

The ways take turns, since a shared machine is faster in one minute than in the next: what is shown are medians over the
rounds, of the costs and of the ratios within a round.

*One in flight*: the next message is sent when everybody has got the last one. *Bursts of eight*: eight at once.
"""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Protocol

import typer
from rich.progress import Progress

from benchmarks.crowds import Crowd, connect, text_frame
from benchmarks.processes import Served, hubbub, served
from benchmarks.report import Row, show
from benchmarks.world import TEXT, Person, one_big_room
from hubbub.domain.ids import RoomId

BURST = 8
ROUNDS = 8
HERE = Path(__file__).parent

Ask = Callable[[int], None]
"""Send so many messages at once."""


class Clocked(Protocol):
    """Something whose CPU time is measured."""

    def cpu(self) -> float: ...


class Listening(Protocol):
    """As many sockets as its length says."""

    def __len__(self) -> int: ...
    def wait_for(self, count: int) -> None: ...


@contextmanager
def c_program(folder: Path, sockets: int, burst: int) -> Iterator[tuple[Served, Crowd, Ask]]:
    binary = folder / "fanout"
    subprocess.run(["gcc", "-O2", "-o", str(binary), str(HERE / "fanout.c")], check=True)
    with served([str(binary), str(sockets)], env={"FANOUT_BURST": str(burst)}) as server:
        receivers = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(sockets)]
        for receiver in receivers:
            receiver.setblocking(False)
        crowd = Crowd(receivers)
        sender = socket.create_connection(("127.0.0.1", server.port))
        event = b'\x81\x7e\x01\x40{"type":"event","room_id":1,"seq":1000,"text":"'.ljust(320, b"x")
        yield server, crowd, lambda _: sender.sendall(event)
        sender.close()
        crowd.close()


@contextmanager
def over_websockets(server: Served, people: list[Person], room_id: RoomId) -> Iterator[tuple[Served, Crowd, Ask]]:
    sockets = [connect(server.port, f"/ws/chat/{room_id}", person.token) for person in people]
    crowd = Crowd(sockets)
    crowd.drain(1.0)
    sent = 0

    def ask(count: int) -> None:
        nonlocal sent
        frames = b""
        for _ in range(count):
            sent += 1
            frames += text_frame(json.dumps({"type": "send", "ref": sent, "text": TEXT}).encode())
        sockets[0].setblocking(True)
        sockets[0].sendall(frames)
        sockets[0].setblocking(False)

    yield server, crowd, ask
    crowd.close()


def measure(server: Clocked, crowd: Listening, ask: Ask, burst: int, seconds: float) -> float:
    """CPU µs for each delivery, after a warm-up of a fifth of the time."""
    _run(crowd, ask, burst, seconds / 5)
    before = server.cpu()
    messages = _run(crowd, ask, burst, seconds)
    return (server.cpu() - before) / (messages * len(crowd)) * 1e6


def _run(crowd: Listening, ask: Ask, burst: int, seconds: float) -> int:
    messages, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        ask(burst)
        crowd.wait_for(burst * len(crowd))
        messages += burst
    return messages


def main(
    sockets: Annotated[int, typer.Option(min=1, max=20_000, help="Sockets in the room.")] = 1000,
    seconds: Annotated[float, typer.Option(min=0.5, max=600, help="How long each way is measured.")] = 8.0,
) -> None:
    """Measure CPU time for each delivery, beside a C program and the naive loop."""
    ways = ("C, one send() per socket", "hubbub", "naive FastAPI loop")
    costs: dict[tuple[str, str], list[float]] = defaultdict(list)  # by way and column, of each round
    kernel: dict[tuple[str, str], list[float]] = defaultdict(list)
    with TemporaryDirectory(prefix="hubbub-bench-", dir=".") as name, Progress(transient=True) as progress:
        folder = Path(name).resolve()
        task = progress.add_task("making users", total=2 * ROUNDS * len(ways))
        (folder / "hubbub").mkdir()
        people, room_id = one_big_room(folder / "hubbub", sockets)
        shutil.copytree(folder / "hubbub", folder / "naive")  # a database has one owner
        for burst, column in ((1, "one in flight"), (BURST, "bursts of eight")):
            with (
                c_program(folder, sockets, burst) as c,
                hubbub(folder / "hubbub", frame_rate=0, pong_seconds=3600) as server,  # the crowd answers no ping
                over_websockets(server, people, room_id) as ours,
                served([sys.executable, "-m", "benchmarks.naive", str(folder / "naive")]) as other,
                over_websockets(other, people, room_id) as naive,
            ):
                for _ in range(ROUNDS):
                    for way, (measured, crowd, ask) in zip(ways, (c, ours, naive), strict=True):
                        progress.update(task, advance=1, description=f"{way}, {column}")
                        usage = measured.begin()
                        costs[way, column].append(measure(measured, crowd, ask, burst, seconds / ROUNDS))
                        usage.end()
                        kernel[way, column].append(usage.kernel())
    figures: dict[str, dict[str, float]] = {way: {} for way in ways}
    for (way, column), each in costs.items():
        figures[way][f"µs/delivery, {column}"] = median(each)
    for (way, column), each in costs.items():
        limits = costs[ways[0], column]
        figures[way][f"times C, {column}"] = median(cost / limit for cost, limit in zip(each, limits, strict=True))
    for way in ways:
        figures[way]["kernel %, one in flight"] = median(kernel[way, "one in flight"])
    show(
        "fanout",
        f"One message of {len(TEXT)} bytes to {sockets} sockets",
        [Row(way, row) for way, row in figures.items()],
    )


if __name__ == "__main__":
    typer.run(main)
