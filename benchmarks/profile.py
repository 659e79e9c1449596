"""Where the time of a server goes while it is measured: the functions that its event loop spends most in.

    ./dev bench profile direct --seconds 3

runs another benchmark with a server under Python's profiler. That makes calls several times as dear, so that what the
benchmark itself prints is of no use then; the shares below tell where to look, not how much there is to gain.
"""

import os
import pstats
import sys
from pathlib import Path
from subprocess import run
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from benchmarks.report import Row, show

TOP = 15  # functions


def top(file: Path) -> list[Row]:
    """The functions with the most time of their own."""
    stats = pstats.Stats(str(file))
    total: float = stats.total_tt  # type: ignore[attr-defined]
    functions = sorted(stats.stats.items(), key=lambda item: -item[1][2])  # type: ignore[attr-defined]
    return [
        Row(_name(path, name), {"own %": own / total * 100, "with callees %": whole / total * 100, "calls": calls})
        for (path, _, name), (_, calls, own, whole, _) in functions[:TOP]
    ]


def _name(path: str, name: str) -> str:
    if path == "~":  # not written in Python
        return name.strip("<>")
    module = path.rpartition("site-packages/")[2].rpartition("src/")[2]
    return f"{'/'.join(module.removesuffix('.py').split('/')[-2:])} {name}"


def main(context: typer.Context, name: Annotated[str, typer.Argument(help="Another benchmark.")]) -> None:
    """Profile the server of another benchmark, whose own options may follow."""
    with TemporaryDirectory(prefix="hubbub-bench-", dir=".") as folder:
        file = Path(folder).resolve() / "server.prof"
        environment = os.environ | {"PROFILE": str(file)}
        command = [sys.executable, "-m", f"benchmarks.{name}", *context.args]
        if run(command, env=environment, check=False).returncode or not file.exists():
            sys.exit(f"{name} failed, or measures no server")
        rows = top(file)
    show(f"profile-{name}", f"Where the event loop spends its time: {name}", rows)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False)
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(main)
    app()
