"""The figures of the pages that show some: from the results of the last runs into their tables.

    ./dev bench all
    ./dev bench figures --write

`docs/figures.json` keeps what the pages show, so that a test can compare the two; `benchmarks/results` is not kept.
Without `--write` it is only told whether the pages show the last results.
"""

import json
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import capacity
from benchmarks.report import FOLDER, KEPT, Figures, collected, figure

ROOT = Path(__file__).resolve().parent.parent
PAGES = tuple(ROOT / name for name in ("docs/performance.md", "docs/operations.md", "docs/scale.md", "README.md"))

# A table comes after its command; further ones of the same command name their results.
_TABLE = re.compile(r"((?:```sh\n\./dev bench ([^\n]+)\n```|<!-- figures: ([\w-]+) -->)\n\n)(?:\|[^\n]*\n)+")
_COST = re.compile(r"^(\| `(\w+)` \| )[\d.,]+(?= \|)", re.MULTILINE)
_MODEL = re.compile(r"(?<=\n)(\$ COLUMNS=90 \./dev bench capacity\n).*?(?=written to )", re.DOTALL)
_CHART = re.compile(r"(?<=```mermaid\n)xychart-beta\n.*?(?=```\n)", re.DOTALL)
_WHEN = re.compile(r"^Measured on .*?(?=\n\n)", re.DOTALL | re.MULTILINE)


def filled(page: str, figures: Figures) -> str:
    """A page with these figures: in its tables and chart, in the words about the run, and in the model."""

    def fill(found: re.Match[str]) -> str:
        name = _name(found[2] or found[3])
        return found[1] + _table(figures[name]["rows"]) if name in figures else found[0]

    page = _TABLE.sub(fill, page)
    if "rooms" in figures:
        page = _CHART.sub(lambda _: _chart(figures["rooms"]["rows"]), page)
    if _COST.search(page):
        costs = capacity.costs_in(figures)
        page = _COST.sub(lambda found: found[1] + figure(getattr(costs, found[2])), page)
        page = _MODEL.sub(lambda found: found[1] + capacity.printed(costs), page)
    return _WHEN.sub(lambda _: _when(figures), page)


def shown(page: str) -> set[str]:
    """The benchmarks whose tables a page has."""
    return {_name(command or name) for _, command, name in _TABLE.findall(page)}


def _name(command: str) -> str:
    """Of the file with the results of a command."""
    words = command.split()
    return "-".join(words[:2]) if words[0] == "profile" else words[0]


def _table(rows: list[dict[str, Any]]) -> str:
    columns = list(rows[0]["figures"])
    lines = [["way", *columns], ["---", *["---:"] * len(columns)]]
    lines += [[row["way"], *map(figure, row["figures"].values())] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _chart(rows: list[dict[str, Any]]) -> str:
    single, burst = ([row["figures"][name] for row in rows] for name in rows[0]["figures"])
    return f"""\
xychart-beta
    title "CPU µs for each delivery, by sockets in the room (upper line: one in flight, lower: bursts of eight)"
    x-axis [{", ".join(row["way"].split()[0] for row in rows)}]
    y-axis "µs" 0 --> {1.1 * max(single):.0f}
    line {single}
    line {burst}
"""


def _when(figures: Figures) -> str:
    newest = max(figures.values(), key=lambda result: str(result["at"]))
    day = datetime.fromisoformat(newest["at"])
    return f"Measured on {day.day} {day:%B %Y}, {newest['machine']}, Python {newest['python']}."


def main(
    write: Annotated[bool, typer.Option("--write", help="Put the last results into the page.")] = False,
) -> None:
    """Compare the pages that show figures with the last results."""
    figures = json.loads(KEPT.read_text(encoding="utf-8")) | collected(ROOT / FOLDER)
    names = set().union(*(shown(page.read_text(encoding="utf-8")) for page in PAGES))
    figures = {name: figures[name] for name in sorted(names & figures.keys())}
    if write:
        KEPT.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for page in PAGES:
        before = page.read_text(encoding="utf-8")
        after = filled(before, figures)
        if write:
            page.write_text(after, encoding="utf-8")
        elif after != before:
            sys.exit(f"{page.name} shows other figures than those of the last runs: ./dev bench figures --write")


if __name__ == "__main__":
    typer.run(main)
