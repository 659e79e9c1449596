"""A storm of reconnects: everybody is cut at once, misses some messages, and comes back at the same moment.

Counted is the time from the first connect until the last client has every message that it missed, and the CPU that the
server spent on it. Each client resumes its room with the seq of the last event that it had.
"""

import errno
import select
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import httpx2
import typer
from rich.progress import Progress

from benchmarks.processes import hubbub
from benchmarks.report import Row, percentile, show
from benchmarks.world import Person, rooms_of

_LAST = b"the last message of the storm"


class Returning:
    """A client that connects, resumes, and is level when it has seen the last message."""

    def __init__(self, port: int, room_id: int, after: int, person: Person) -> None:
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self._request = (
            f"GET /ws/chat/{room_id}?after={after} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Version: 13\r\nAuthorization: Bearer {person.token}\r\n\r\n"
        ).encode()
        self._got = b""
        code = self.sock.connect_ex(("127.0.0.1", port))
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, "connect")

    def connected(self) -> None:
        self.sock.sendall(self._request)

    def received(self) -> bool:
        """Read; is it level now?"""
        data = self.sock.recv(1 << 18)
        if not data:
            raise ConnectionError("the server has closed a socket")
        self._got = self._got[-len(_LAST) :] + data
        return _LAST in self._got


def storm(clients: Sequence[Returning], started: float, timeout: float) -> list[float]:
    """Seconds from `started` until each client was level."""
    poll = select.epoll()
    by_number = {client.sock.fileno(): client for client in clients}
    for number in by_number:
        poll.register(number, select.EPOLLOUT)
    level: list[float] = []
    asked: set[int] = set()
    while len(level) < len(by_number):
        for number, _ in poll.poll(1.0):
            client = by_number[number]
            if number not in asked:
                asked.add(number)
                client.connected()
                poll.modify(number, select.EPOLLIN)
            elif client.received():
                level.append(time.monotonic() - started)
                poll.unregister(number)
        if time.monotonic() > started + timeout:
            raise TimeoutError(f"{len(level)} of {len(by_number)} clients are level after {timeout} s")
    poll.close()
    return level


def main(
    clients: Annotated[int, typer.Option(min=10, max=19_000, help="Clients that are cut.")] = 5000,
    rooms: Annotated[int, typer.Option(min=1, max=5000, help="Rooms they are spread over.")] = 50,
    missed: Annotated[int, typer.Option(min=1, max=5000, help="Messages of each room that they miss.")] = 20,
) -> None:
    """Measure how soon everybody is level again."""
    with TemporaryDirectory(prefix="hubbub-bench-", dir=".") as name, Progress(transient=True) as progress:
        folder = Path(name).resolve()
        task = progress.add_task("making users", total=None)
        made = rooms_of(folder, clients, rooms)
        with hubbub(folder, frame_rate=0) as server:
            url = f"http://127.0.0.1:{server.port}"
            places = [(person, room_id, after) for room_id, after, people in made for person in people]
            progress.update(task, description="missing messages")
            with httpx2.Client(base_url=url) as http:
                for room_id, _, people in made:
                    headers = {"Authorization": f"Bearer {people[0].token}"}
                    for number in range(missed):
                        text = _LAST.decode() if number == missed - 1 else f"message {number}"
                        http.post(f"/rooms/{room_id}/messages", json={"text": text}, headers=headers).raise_for_status()
            progress.update(task, description="the storm")
            usage, started = server.begin(), time.monotonic()
            returning = [Returning(server.port, room_id, after, person) for person, room_id, after in places]
            level = storm(returning, started, timeout=120.0)
            row = {
                "level p50 s": percentile(level, 50),
                "level p99 s": percentile(level, 99),
                "all level s": max(level),
                "CPU ms/client": usage.end() / len(level) * 1000,
            }
            for client in returning:
                client.sock.close()
    show(
        "storm",
        f"{clients} clients come back at once, {missed} messages missed in each of {rooms} rooms",
        [Row("hubbub", row)],
    )


if __name__ == "__main__":
    typer.run(main)
