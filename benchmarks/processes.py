"""Servers under measurement, as processes of their own: started, watched through /proc, and ended by their id."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Served:
    """A server that accepts connections on a loopback port."""

    pid: int
    port: int

    def cpu(self) -> float:
        """CPU seconds of all its threads so far, user and system, to the nanosecond (Linux)."""
        total = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def rss(self) -> int:
        """Resident memory, in bytes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def served(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, folder: Path | None = None
) -> Iterator[Served]:
    """Run a server that prints a line with its URL or `port N` when it is ready."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=folder, env={**os.environ, **(env or {})}
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            found = re.search(r"(?:http://[^:]+:|port )(\d+)", line)
            if found:
                yield Served(process.pid, int(found[1]))
                break
        else:
            sys.exit(f"{command[0]} ended before it was ready")
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def hubbub(folder: Path, **settings: object) -> Iterator[Served]:
    """`hubbub serve` on the database that `world.prepare` made in this folder."""
    env = {f"HUBBUB_{name.upper()}": str(value) for name, value in settings.items()}
    with served(
        [sys.executable, "-m", "hubbub", "serve", "--port", "0", "--log-level", "warning"], env=env, folder=folder
    ) as it:
        yield it
