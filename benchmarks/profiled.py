"""`hubbub serve` under Python's profiler: when it ends, it writes what its event loop has done to the file PROFILE.

    PROFILE=server.prof python -m benchmarks.profiled

Counted is from the first SIGUSR1 on, the loop's thread alone. The profiler makes calls several times as dear: it tells
where the time goes, not how much it is.
"""

import asyncio
import cProfile
import os
import signal

from hubbub.compose import run_server
from hubbub.settings import load_settings


def main() -> None:
    profile = cProfile.Profile()

    def started(port: int, _warnings: tuple[str, ...]) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, profile.enable)
        print(f"port {port}", flush=True)

    run_server(load_settings({"port": 0, "log_level": "warning"}), started)
    profile.disable()
    profile.dump_stats(os.environ["PROFILE"])


if __name__ == "__main__":
    main()
