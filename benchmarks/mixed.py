"""Everything at once, and how long the server's event loop is held by any of it.

One large room with a message every tenth of a second, many direct chats between two people as fast as they go, readers
of history, and clients that connect, are let in, and leave. A watchdog inside the server measures how late its loop is:
see `benchmarks.watched`.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.progress import Progress

from benchmarks.crowds import Crowd, connect, opened, text_frame
from benchmarks.direct import Talkers
from benchmarks.history import Readers
from benchmarks.processes import Served
from benchmarks.report import Row, percentile, show
from benchmarks.world import TEXT, many_pairs, one_big_room


def main(
    sockets: Annotated[int, typer.Option(min=10, max=10_000, help="Sockets in the large room.")] = 1000,
    pairs: Annotated[int, typer.Option(min=1, max=2000, help="Direct chats.")] = 50,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="How long it is measured.")] = 10.0,
) -> None:
    """Measure a mixed load, and the longest stall of the event loop."""
    with TemporaryDirectory(prefix="hubbub-bench-", dir=".") as name, Progress(transient=True) as progress:
        progress.add_task("making users", total=None)
        folder = Path(name).resolve()
        people, room_id = one_big_room(folder, sockets)
        rooms = many_pairs(folder, pairs, first=sockets)
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.watched"],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"HUBBUB_DATABASE_URL": f"sqlite:///{folder / 'hubbub.db'}"},
        )
        assert process.stdout is not None
        server = Served(process.pid, int(process.stdout.readline().split()[1]))
        path = f"/ws/chat/{room_id}"
        crowd = Crowd([connect(server.port, path, person.token) for person in people])
        crowd.drain(1.0)
        talkers = Talkers([connect(server.port, f"/ws/chat/{room}", left.token) for left, _, room in rooms])
        listeners = Crowd([connect(server.port, f"/ws/chat/{room}", right.token) for _, right, room in rooms])
        listeners.drain(1.0)
        readers = Readers(server.port, 5, lambda: f"/rooms/{room_id}/messages?limit=50", people[0].token)
        os.kill(server.pid, signal.SIGUSR1)
        usage, until = server.begin(), time.monotonic() + seconds
        counts = {"pages": 0, "connects": 0, "deliveries": 0, "heard": 0}

        def read() -> None:
            counts["pages"] = len(readers.read(seconds))

        def churn() -> None:
            while time.monotonic() < until:
                opened(server.port, path, people[1].token).close()
                counts["connects"] += 1
                time.sleep(0.02)

        def listen() -> None:
            while time.monotonic() < until:
                counts["heard"] += listeners.drain()

        def announce() -> None:
            sender = connect(server.port, path, people[0].token)
            sender.setblocking(True)
            while time.monotonic() < until:
                sender.sendall(text_frame(json.dumps({"type": "send", "text": TEXT}).encode()))
                crowd.wait_for(len(crowd))
                counts["deliveries"] += len(crowd)
                time.sleep(0.1)
            sender.shutdown(socket.SHUT_RDWR)

        threads = [threading.Thread(target=work) for work in (read, churn, listen, announce)]
        for thread in threads:
            thread.start()
        waits = talkers.talk(seconds)
        for thread in threads:
            thread.join()
        os.kill(server.pid, signal.SIGUSR2)
        held = json.loads(process.stdout.readline())
        used = usage.end() / seconds
        process.terminate()
        process.wait(30)
    if counts["heard"] != len(waits):
        raise SystemExit(f"{len(waits)} direct messages were acknowledged, and {counts['heard']} delivered")
    row = {
        "direct messages/s": len(waits) / seconds,
        "ack p99 ms": percentile(waits, 99) * 1000,
        "deliveries/s": counts["deliveries"] / seconds,
        "pages/s": counts["pages"] / seconds,
        "connects/s": counts["connects"] / seconds,
        "CPU used": used,
        "longest stall ms": held["worst"] * 1000,
        "longest work ms": held["work"] * 1000,
        "stalls > 10 ms": held["late"],
        "longest without a core ms": held["no_core"] * 1000,
    }
    notes = ["The longest stall was seen in:", *held["stack"]] if held["stack"] else []
    show("mixed", f"Mixed load for {seconds:g} s", [Row("hubbub", row)], notes)


if __name__ == "__main__":
    typer.run(main)
