"""Direct chats: pairs of people, each with a socket, and one message of each pair on its way at any time.

Every message is durable (SQLite, synchronous=FULL) before its author gets the ack and both get the event.
"""

import json
import select
import socket
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.progress import Progress

from benchmarks.crowds import Crowd, connect, text_frame
from benchmarks.processes import Served, hubbub
from benchmarks.report import Row, percentile, show
from benchmarks.world import TEXT, many_pairs

_ACK = b'{"type":"ack"'


class Talkers:
    """One end of each pair, which sends the next message as soon as the last one is acknowledged."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self._sockets = {sock.fileno(): sock for sock in sockets}
        self._sent_at: dict[int, float] = {}
        self._poll = select.epoll()
        for number in self._sockets:
            self._poll.register(number, select.EPOLLIN)

    def talk(self, seconds: float) -> list[float]:
        """Send for so long; return the seconds that each message waited for its ack."""
        until = time.monotonic() + seconds
        waits: list[float] = []
        for number in self._sockets:
            self._send(number)
        while self._sent_at:
            for number, _ in self._poll.poll(1.0):
                data = self._sockets[number].recv(1 << 16)
                if number in self._sent_at and _ACK in data:
                    now = time.monotonic()
                    waits.append(now - self._sent_at.pop(number))
                    if now < until:
                        self._send(number)
        return waits

    def _send(self, number: int) -> None:
        self._sent_at[number] = time.monotonic()
        frame = {"type": "send", "ref": 1, "text": TEXT, "client_id": f"{number}-{self._sent_at[number]}"}
        self._sockets[number].send(text_frame(json.dumps(frame).encode()))

    def close(self) -> None:
        self._poll.close()


def measure(server: Served, talkers: Talkers, listeners: Crowd, seconds: float) -> dict[str, float]:
    talkers.talk(seconds / 5)
    listeners.drain()
    usage, started = server.begin(), time.monotonic()
    waits = talkers.talk(seconds)
    elapsed = time.monotonic() - started
    return {
        "messages/s": len(waits) / elapsed,
        "CPU µs/message": usage.end() / len(waits) * 1e6,
        "kernel %": usage.kernel(),
        "ack p50 ms": percentile(waits, 50) * 1000,
        "ack p99 ms": percentile(waits, 99) * 1000,
    }


def main(
    pairs: Annotated[int, typer.Option(min=1, max=5000, help="Pairs of people.")] = 200,
    seconds: Annotated[float, typer.Option(min=0.5, max=600, help="How long it is measured.")] = 5.0,
) -> None:
    """Measure messages between two people, from socket to socket."""
    with TemporaryDirectory(prefix="hubbub-bench-", dir=".") as name, Progress(transient=True) as progress:
        folder = Path(name).resolve()
        progress.add_task("making users", total=None)
        rooms = many_pairs(folder, pairs)
        with hubbub(folder, frame_rate=0) as server:
            talkers = [connect(server.port, f"/ws/chat/{room_id}", left.token) for left, _, room_id in rooms]
            listeners = [connect(server.port, f"/ws/chat/{room_id}", right.token) for _, right, room_id in rooms]
            crowd, ends = Crowd(listeners), Talkers(talkers)
            crowd.drain(1.0)
            row = measure(server, ends, crowd, seconds)
            ends.close()
            crowd.close()
    show("direct", f"{pairs} direct chats, one message of each under way", [Row("hubbub", row)])


if __name__ == "__main__":
    typer.run(main)
