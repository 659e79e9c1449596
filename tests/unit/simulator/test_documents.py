"""What docs/simulator.md shows is what happens."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hubbub.cli import app
from hubbub.simulator.scenarios.scripts import FORMS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "simulator.md"
BLOCK = re.compile(r"^```(?P<language>\w+)(?: (?P<file>\S+))?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = re.compile(r"^(?:hubbub|ann|ben)(?: \S+)?> (.*)$", re.MULTILINE)
DURATION = re.compile(r"^seconds .*$", re.MULTILINE)


def blocks(page: str) -> Iterator[re.Match[str]]:
    yield from BLOCK.finditer(page)


def run(body: str) -> tuple[str, str]:
    """What a console block shows, and what the command in it prints when it is given the lines typed there."""
    command, _, shown = body.partition("\n")
    if not command.startswith("$ hubbub "):
        return shown, subprocess.run(["bash", "-c", command[2:]], capture_output=True, check=True, text=True).stdout
    arguments = command.removeprefix("$ hubbub ").split()
    typed = "".join(f"{line}\n" for line in PROMPT.findall(shown))
    printed = CliRunner().invoke(app, arguments, input=typed).stdout
    return DURATION.sub("seconds", shown), DURATION.sub("seconds", printed)


def test_every_example_prints_what_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    examples = 0
    for block in blocks(PAGE.read_text(encoding="utf-8")):
        if block["file"]:
            Path(block["file"]).write_text(block["body"], encoding="utf-8")
        elif block["language"] == "console":
            shown, printed = run(block["body"])
            assert printed == shown
            examples += 1
    assert examples >= 8


def test_an_example_that_shows_something_else_is_found() -> None:
    shown, printed = run("$ hubbub simulate\nhubbub> /as ann\n  ann has signed in.\n")

    assert (
        printed == "hubbub> /as ann\n  ann has not signed in: /login ann does that, /register ann makes an account.\n"
    )
    assert shown != printed


def test_the_page_explains_every_statement_of_a_scenario_and_no_other() -> None:
    page = PAGE.read_text(encoding="utf-8")
    tables = page[page.index("### What a line may say") : page.index("Four files come with hubbub")]

    assert sorted(re.findall(r"^\| `(.+?)` \|", tables, re.MULTILINE)) == sorted(FORMS.values())
