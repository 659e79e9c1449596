"""`hubbub serve` under Python's profiler: when it ends, it writes what its event loop has done to the file PROFILE.

    PROFILE=server.prof python -m benchmarks.profiled

Counted is the loop's thread alone, from each SIGUSR1 to the next SIGUSR2. Writing to a socket, reading a file and all
else that the kernel does shows in the function that asked for it.
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
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, profile.disable)
        print(f"port {port}", flush=True)

    run_server(load_settings({"port": 0, "log_level": "warning"}), started)
    profile.dump_stats(os.environ["PROFILE"])


if __name__ == "__main__":
    main()
