"""The figures on the page are those that were measured, and each command there is one that measures."""

import json
import re
from pathlib import Path

import pytest

from benchmarks import figures
from benchmarks.figures import PAGES, filled, shown
from benchmarks.report import KEPT, collected
from tests.guards.project import ROOT

COMMAND = re.compile(r"^\./dev bench (\w+)", re.MULTILINE)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_shows_the_figures_that_are_kept(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert filled(page, json.loads(KEPT.read_text(encoding="utf-8"))) == page, "./dev bench figures --write"
    assert re.search(r"```sh\n\./dev bench [^\n]+\n```\n\n\| way", page)


def test_each_table_has_figures_and_each_command_is_there() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert shown(pages) == json.loads(KEPT.read_text(encoding="utf-8")).keys()
    assert all((ROOT / "benchmarks" / f"{name}.py").is_file() for name in COMMAND.findall(pages))


@pytest.mark.parametrize("name", ["fanout", "rooms"])
def test_another_figure_is_another_page(name: str) -> None:
    page, kept = PAGES[0].read_text(encoding="utf-8"), json.loads(KEPT.read_text(encoding="utf-8"))
    row = kept[name]["rows"][0]["figures"]
    row[next(iter(row))] = 123.0
    changed = filled(page, kept)
    assert changed != page
    assert "| 123 |" in changed
    assert ("[123.0, " in changed) == (name == "rooms")


def test_writing_keeps_the_figures_of_benchmarks_that_were_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, results = tmp_path / "page.md", tmp_path / "results"
    kept = tmp_path / "figures.json"
    old = {"at": "2026-01-02T03:04:05+00:00", "python": "3.11", "machine": "a machine"}
    kept.write_text(json.dumps({"one": {**old, "rows": [{"way": "a", "figures": {"µs": 1.0}}]}}))
    page.write_text(
        "Measured on no day.\n\n```sh\n./dev bench one\n```\n\n| x |\n\n```sh\n./dev bench two\n```\n\n| x |\n"
    )
    results.mkdir()
    new = {**old, "at": "2026-02-03T03:04:05+00:00", "rows": [{"way": "b", "figures": {"s": 1234.5, "%": 0.1234}}]}
    (results / "two.json").write_text(json.dumps(new))
    for name, value in {"PAGES": (page,), "KEPT": kept, "ROOT": tmp_path, "FOLDER": Path("results")}.items():
        monkeypatch.setattr(figures, name, value)
    with pytest.raises(SystemExit):
        figures.main(write=False)
    figures.main(write=True)
    figures.main(write=False)
    assert page.read_text() == (
        "Measured on 3 February 2026, a machine, Python 3.11.\n\n"
        "```sh\n./dev bench one\n```\n\n| way | µs |\n| --- | ---: |\n| a | 1 |\n\n"
        "```sh\n./dev bench two\n```\n\n| way | s | % |\n| --- | ---: | ---: |\n| b | 1,230 | 0.123 |\n"
    )
    assert collected(results)["two"]["rows"][0]["figures"] == {"s": 1230.0, "%": 0.123}
