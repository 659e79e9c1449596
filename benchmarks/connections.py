"""What a connected client costs: CPU of the server for each connect, and resident memory while nothing happens.

The connections are authenticated sockets of `/ws/chat/{room_id}`, each of a user of its own, all in one room.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.progress import Progress

from benchmarks.crowds import Crowd, connect
from benchmarks.processes import hubbub
from benchmarks.report import Row, show
from benchmarks.world import one_big_room


def main(
    sockets: Annotated[int, typer.Option(min=10, max=50_000, help="Sockets that are opened.")] = 3000,
) -> None:
    """Measure connects and idle connections."""
    with TemporaryDirectory(prefix="hubbub-bench-", dir=".") as name, Progress(transient=True) as progress:
        folder = Path(name).resolve()
        task = progress.add_task("making users", total=sockets + 200)
        people, room_id = one_big_room(folder, sockets + 200)
        path = f"/ws/chat/{room_id}"
        with hubbub(folder) as server:
            progress.update(task, description="warming up")
            warm = [connect(server.port, path, person.token) for person in people[sockets:]]
            time.sleep(1.0)
            progress.update(task, advance=200, description="connecting")
            rss, usage = server.rss(), server.begin()
            opened = []
            for person in people[:sockets]:
                opened.append(connect(server.port, path, person.token))
                progress.advance(task)
            crowd = Crowd(opened)
            crowd.drain(1.0)
            row = {
                "CPU ms/connect": usage.end() / sockets * 1000,
                "kernel %": usage.kernel(),
                "RSS kB/connection": (server.rss() - rss) / sockets / 1000,
            }
            crowd.close()
            for sock in warm:
                sock.close()
    show("connections", f"{sockets} authenticated sockets", [Row("hubbub", row)])


if __name__ == "__main__":
    typer.run(main)
