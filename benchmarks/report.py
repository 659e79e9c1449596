"""A table for people and a JSON file for machines, out of the same rows."""

import json
import os
import platform
import re
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console
from rich.table import Table

FOLDER = Path("benchmarks/results")
KEPT = Path(__file__).resolve().parent.parent / "docs" / "figures.json"  # what the pages show

Figures: TypeAlias = Mapping[str, Any]
"""What the JSON file of each benchmark says, by the name of the benchmark."""


@dataclass(frozen=True, slots=True)
class Row:
    """One way of doing it: figures by the name of their column, with the unit in the name."""

    way: str
    figures: dict[str, float]


def percentile(values: Sequence[float], per_cent: int) -> float:
    """The value below which this share of them lies."""
    return statistics.quantiles(values, n=100, method="inclusive")[per_cent - 1]


def table(title: str, rows: Sequence[Row]) -> Table:
    """As it is printed."""
    printed = Table(title=title, title_justify="left")
    printed.add_column("way", no_wrap=True)
    for column in rows[0].figures:
        printed.add_column(column, justify="right")
    for row in rows:
        printed.add_row(row.way, *(figure(value) for value in row.figures.values()))
    return printed


def show(name: str, title: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> None:
    """Print the table, and write `benchmarks/results/<name>.json`."""
    if "PROFILE" in os.environ:
        return  # see benchmarks.profile: figures under a profiler are none
    console = Console()
    console.print(table(title, rows))
    for note in notes:
        console.print(note)
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{name}.json"
    file.write_text(
        json.dumps(
            {
                "benchmark": name,
                "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                "python": platform.python_version(),
                "machine": _machine(),
                "command": " ".join(sys.argv[1:]),
                "rows": [asdict(row) for row in rows],
                "notes": list(notes),
            },
            indent=2,
        )
        + "\n"
    )
    console.print(f"written to {file}")


def kept() -> dict[str, Any]:
    """The figures that the pages show."""
    figures: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return figures


def collected(folder: Path) -> dict[str, Any]:
    """The results of the last runs, each figure to three digits."""
    found = {}
    for file in sorted(folder.glob("*.json")):
        result = json.loads(file.read_text(encoding="utf-8"))
        for row in result["rows"]:
            row["figures"] = {name: to_three_digits(value) for name, value in row["figures"].items()}
        found[file.stem] = {key: result[key] for key in ("at", "python", "machine", "rows")}
    return found


def _machine() -> str:
    """So much of it as tells figures from others."""
    try:
        processor = re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))[0]
    except (OSError, IndexError):
        processor = platform.machine()
    return f"{os.cpu_count()} cores ({processor}), {platform.system()} {'.'.join(platform.release().split('.')[:2])}"


def to_three_digits(value: float) -> float:
    return float(f"{value:.3g}")


def figure(value: float) -> str:
    """To three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
