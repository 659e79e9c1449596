"""Servers under measurement, as processes of their own: started, watched through /proc, and ended by their id."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Served:
    """A server that accepts connections on a loopback port."""

    pid: int
    port: int
    profiled: bool = False

    def begin(self) -> "Usage":
        """It is measured from now on."""
        if self.profiled:
            os.kill(self.pid, signal.SIGUSR1)
        return Usage(self, self.cpu(), self._ticks())

    def cpu(self) -> float:
        """CPU seconds of all its threads so far, user and system, to the nanosecond (Linux)."""
        total = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def _ticks(self) -> tuple[int, int]:
        """Ticks of the clock in user mode, and in the kernel."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]), int(fields[12])

    def rss(self) -> int:
        """Resident memory, in bytes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a server has used since it began to be measured."""

    server: Served
    cpu_before: float
    ticks_before: tuple[int, int]

    def end(self) -> float:
        """CPU seconds until now; with that the measuring ends."""
        used = self.server.cpu() - self.cpu_before
        if self.server.profiled:
            os.kill(self.server.pid, signal.SIGUSR2)
        return used

    def kernel(self) -> float:
        """Per cent of it that the kernel took, by the ticks of the clock."""
        user, kernel = (now - before for now, before in zip(self.server._ticks(), self.ticks_before, strict=True))
        return 100 * kernel / max(1, user + kernel)


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
                yield Served(process.pid, int(found[1]), "benchmarks.profiled" in command)
                break
        else:
            sys.exit(f"{command[0]} ended before it was ready")
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def hubbub(folder: Path, **settings: object) -> Iterator[Served]:
    """`hubbub serve` on the database that `world.prepare` made in this folder; nobody asks it too fast."""
    env = {f"HUBBUB_{name.upper()}": str(value) for name, value in {"request_rate": 0, **settings}.items()}
    serve = ["hubbub", "serve", "--port", "0", "--log-level", "warning"]
    if "PROFILE" in os.environ:  # see benchmarks.profile
        serve = ["benchmarks.profiled"]
        env["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with served([sys.executable, "-m", *serve], env=env, folder=folder) as it:
        yield it
