"""What the documents show is what happens: every block of them is run, in order, as a reader would."""

from pathlib import Path

import pytest

from tests.docs.pages import DiffersFromPage, run_page
from tests.docs.picture import PICTURE, draw
from tests.guards.project import ROOT


@pytest.fixture(autouse=True)
def _in_a_folder_with_dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dev").symlink_to(ROOT / "dev")


@pytest.mark.parametrize(
    "name", ["README.md", "docs/tour.md", "docs/simulation.md", "docs/operations.md", "docs/scale.md"]
)
@pytest.mark.timeout(600)
async def test_a_page_shows_what_happens(name: str) -> None:
    await run_page((ROOT / name).read_text(encoding="utf-8"))


async def test_the_picture_shows_what_the_simulator_shows() -> None:
    assert PICTURE.read_text(encoding="utf-8") == await draw(), "draw it again: ./dev python -m tests.docs.picture"


def test_every_document_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if f"({page})" not in index and page != "README.md"] == []


@pytest.mark.parametrize(
    ("block", "differs"),
    [
        ("```pycon\n>>> 1 + 1\n2\n```", False),
        ("```pycon\n>>> 1 + 1\n3\n```", True),
        ("```pycon\n>>> 1 + 1\n```", True),
        ("```pycon\n>>> import asyncio\n>>> await asyncio.sleep(0, 'done')\n'done'\n```", False),
        ("```pycon\n>>> 1 / 0\nTraceback (most recent call last):\n  …\nZeroDivisionError: …\n```", False),
        ("```pycon\n>>> 1 / 0\n```", True),
        ("```console\n$ echo one two\none …\n```", False),
        ("```console\n$ echo one two\none\n```", True),
        ("```console\n$ true\n```\n```console\n$ echo one \\\n  two\none two\n```", False),
        ("```console\n$ echo unseen\n```\n```console\n$ true\n```", True),
        ("```console\n$ cat\n> hello\nhello\n```", False),
        ("```console\n$ cat\n> hello\ngood day\n```", True),
        ("```console one\n$ echo hello > file; echo kept\nkept\n```\n```console two\n$ cat file\nhello\n```", False),
        ("```console\n$ sh -c 'echo on; sleep 60'\non\n```\n```console\n^C\n$ echo off\noff\n```", False),
        ("```text saved.txt\nhello\n```\n```console\n$ cat saved.txt\nhello\n```", False),
        ("```text\nanything\n```", False),
    ],
)
async def test_a_planted_difference_is_found(block: str, differs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if differs:
        monkeypatch.setattr("tests.docs.pages.PATIENCE", 3.0)
        with pytest.raises(DiffersFromPage):
            await run_page(block)
    else:
        await run_page(block)
