"""`hubbub serve` with a watchdog, which tells for how long the event loop was held, and by what.

    python -m benchmarks.watched

The watchdog asks to be called every two milliseconds, and notes by how much it was called too late: for so long every
client has waited. Time in which the machine had no core for the loop's thread is taken off, and told apart. What is
left is work on the loop, and waiting for other threads that held the interpreter.

SIGUSR1: begin to measure. SIGUSR2: print a line of JSON.
"""

import asyncio
import json
import os
import signal
import sys
import threading
import time
import traceback

from hubbub.compose import run_server
from hubbub.settings import load_settings

TICK = 0.002  # seconds
LATE = 0.01  # seconds
LINES = 8  # of a stack, the innermost last


class Watchdog:
    """Measures how late the loop of the thread that started it is."""

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._schedule = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
        self.reset()
        self._called()
        threading.Thread(target=self._look, daemon=True).start()

    def reset(self) -> None:
        self.worst = self.work = self.no_core = 0.0  # seconds: the longest stall, work, and wait for a core
        self.late = 0  # stalls of more than LATE
        self.stack: list[str] = []  # that of the longest stall
        self._seen: list[str] = []

    def report(self) -> None:
        figures = {"worst": self.worst, "work": self.work, "no_core": self.no_core, "late": self.late}
        print(json.dumps({**figures, "stack": self.stack}), flush=True)

    def _tick(self) -> None:
        worked, waited = self._times()
        no_core = waited - self._waited
        late = self._loop.time() - self._due - no_core
        self.work, self.no_core = max(self.work, worked - self._worked), max(self.no_core, no_core)
        self.late += late > LATE
        if late > self.worst:
            self.worst, self.stack = late, self._seen
        self._called()

    def _called(self) -> None:
        self._seen = []
        self._worked, self._waited = self._times()
        self._due = self._loop.time() + TICK
        self._loop.call_at(self._due, self._tick)

    def _times(self) -> tuple[float, float]:
        """Seconds for which the loop's thread has run so far, and for which it was ready to run but had no core."""
        worked, waited, _ = os.pread(self._schedule, 64, 0).split()
        return int(worked) / 1e9, int(waited) / 1e9

    def _look(self) -> None:
        """Note what the loop's thread does while it is late; another thread sees that when it gets the interpreter."""
        while True:
            time.sleep(LATE / 2)
            if time.monotonic() > self._due + LATE / 2:
                frame = sys._current_frames().get(self._thread)
                self._seen = [
                    f"{line.filename.rpartition('site-packages/')[2]}:{line.lineno} {line.name}"
                    for line in traceback.extract_stack(frame)[-LINES:]
                ]


def main() -> None:
    watchdog = Watchdog()

    def started(port: int, _warnings: tuple[str, ...]) -> None:
        watchdog.start()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, watchdog.reset)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, watchdog.report)
        print(f"port {port}", flush=True)

    run_server(load_settings({"port": 0, "log_level": "warning", "frame_rate": 0, "request_rate": 0}), started)


if __name__ == "__main__":
    main()
