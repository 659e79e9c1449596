"""`hubbub serve` with a watchdog: prints, when it is told to stop, for how long the event loop was held at the most.

    python -m benchmarks.watched

The watchdog asks to be called every two milliseconds, and notes by how much it was called too late. What it sees is
what every client waits for: work on the loop, other threads that hold the interpreter, and a machine that is busy.
"""

import asyncio
import signal

from hubbub.compose import run_server
from hubbub.settings import load_settings

TICK = 0.002  # seconds


class Watchdog:
    """Measures how late the loop of the thread that started it is."""

    def __init__(self) -> None:
        self.worst = 0.0  # seconds
        self.late: list[float] = []  # all above ten milliseconds

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + TICK
        self._loop.call_at(self._due, self._tick)

    def reset(self) -> None:
        self.worst, self.late = 0.0, []

    def _tick(self) -> None:
        now = self._loop.time()
        late = now - self._due
        self.worst = max(self.worst, late)
        if late > 0.01:
            self.late.append(late)
        self._due = now + TICK
        self._loop.call_at(self._due, self._tick)


def main() -> None:
    watchdog = Watchdog()

    def started(port: int, _warnings: tuple[str, ...]) -> None:
        watchdog.start()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, watchdog.reset)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, report)
        print(f"port {port}", flush=True)

    def report() -> None:
        print(f"worst {watchdog.worst * 1000:.1f} ms, {len(watchdog.late)} above 10 ms", flush=True)

    run_server(load_settings({"port": 0, "log_level": "warning", "frame_rate": 0}), started)


if __name__ == "__main__":
    main()
