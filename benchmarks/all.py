"""Everything that the pages show, one after the other: about twenty minutes on a quiet machine."""

import subprocess
import sys
import time
from pathlib import Path

RUNS = (
    ["fanout"],
    ["rooms"],
    ["writes"],
    ["direct"],
    ["connections"],
    ["storm"],
    ["sizes"],
    ["history"],
    ["cluster"],
    ["mixed"],
    ["postgres"],
    ["web"],
    ["faults"],
    ["profile", "fanout", "--seconds", "2"],
    ["profile", "direct"],
    ["profile", "history", "--messages", "20000"],
)


def main() -> None:
    failed = []
    begun = time.monotonic()
    for number, (name, *options) in enumerate(RUNS, 1):
        words = " ".join([name, *options])
        print(f"[{number}/{len(RUNS)}] {words}, after {time.monotonic() - begun:.0f} s", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *options]
        if subprocess.run(command, cwd=Path(__file__).parent.parent, check=False).returncode:
            failed.append(words)
    print(f"{time.monotonic() - begun:.0f} s; ./dev bench figures --write puts the figures into the pages")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
