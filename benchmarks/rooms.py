"""What a delivery costs in rooms of different sizes: CPU µs of the server, the whole real path.

As `./dev bench fanout`, for hubbub alone. A message costs the same whatever the room (a commit, an ack, one encoding),
so that its share in each delivery falls as the room grows; what remains is one system call for each socket.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.progress import Progress

from benchmarks.fanout import BURST, measure, over_websockets
from benchmarks.processes import hubbub
from benchmarks.report import Row, show
from benchmarks.world import one_big_room

SIZES = (10, 30, 100, 300, 1000, 3000)


def main(
    seconds: Annotated[float, typer.Option(min=0.5, max=600, help="How long each size is measured.")] = 3.0,
) -> None:
    """Measure the cost of a delivery against the size of the room."""
    rows = []
    with Progress(transient=True) as progress:
        task = progress.add_task("rooms", total=len(SIZES))
        for size in SIZES:
            progress.update(task, description=f"{size} sockets")
            with TemporaryDirectory(prefix="hubbub-bench-", dir=".") as name:
                folder = Path(name).resolve()
                people, room_id = one_big_room(folder, size)
                with (
                    hubbub(folder, frame_rate=0) as server,
                    over_websockets(server, people, room_id) as (_, crowd, ask),
                ):
                    figures = {
                        "µs/delivery, one in flight": measure(server, crowd, ask, 1, seconds),
                        "µs/delivery, bursts of eight": measure(server, crowd, ask, BURST, seconds),
                    }
            rows.append(Row(f"{size} sockets", figures))
            progress.advance(task)
    show("rooms", "The cost of a delivery against the size of the room", rows)


if __name__ == "__main__":
    typer.run(main)
