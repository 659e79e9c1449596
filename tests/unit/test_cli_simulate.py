import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hubbub.cli import app


def simulate(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["simulate", *arguments], input=typed)


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ["01-first-words", "--list"],
        ["01-first-words", "--replay", "talk.jsonl"],
        ["--list", "--replay", "talk.jsonl"],
        ["--channel", "talk"],
        ["--strict"],
        ["--list", "--database-url", "sqlite:///chat.db"],
        ["01-first-words", "--database-url", "sqlite:///chat.db"],
        ["--replay", "nowhere.jsonl"],
        ["--users", "3"],
        ["--steps", "60"],
        ["--faults", "none"],
        ["--faults", "nonsense", "01-first-words"],
        ["--users", "3", "--replay", "talk.jsonl"],
        ["--faults", "none", "--plan", "talk.jsonl"],
    ],
)
def test_options_that_do_not_go_together_are_refused(in_folder: Path, arguments: list[str]) -> None:
    (in_folder / "talk.jsonl").touch()

    result = simulate(*arguments)

    assert result.exit_code == 2
    assert "Error" in result.stderr
    assert list(in_folder.iterdir()) == [in_folder / "talk.jsonl"]


@pytest.mark.parametrize("content", [b"people: ann, ben\n", b"\xff", b"[]", b"{}"])
def test_a_file_that_is_no_plan_is_refused_in_a_sentence(in_folder: Path, content: bytes) -> None:
    (in_folder / "tea.chat").write_bytes(content)

    result = simulate("--plan", "tea.chat")

    assert result.exit_code == 2
    said = " ".join(re.sub("[\u2500-\u257f]", " ", result.stderr).split())
    assert "tea.chat: this is not a plan" in said
    assert "Traceback" not in said


def test_a_pipe_with_a_line_that_was_refused_ends_with_1() -> None:
    assert simulate(typed="/register ann\n/room team\nhello\n").exit_code == 0

    result = simulate(typed="hello\n/register ann\n")

    assert result.exit_code == 1
    assert "Welcome, ann." in result.stdout  # the rest is carried out all the same


def test_bytes_that_are_no_text_are_refused_and_what_can_not_be_written_is_spelled_out() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "from hubbub.cli import main; main()", "simulate"],
        input=b"/register ann\n/room team\n\xff\nhi \xe2\x82\xac\n",
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
        check=False,
    )

    assert result.returncode == 1
    assert b"ann team> \\udcff\n  Refused (invalid): text holds the forbidden character U+DCFF." in result.stdout
    assert result.stdout.endswith("  [3] ann: hi \u20ac\n".encode())
    assert result.stderr == b""


def test_no_log_line_stands_between_what_people_say() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "from hubbub.cli import main; main()", "simulate"],
        input="/register ann\n/login ann wrong-horse\n",
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Refused (unauthenticated)" in result.stdout
    assert result.stderr == ""


def test_an_account_that_outlives_the_program_says_how_to_get_a_password(in_folder: Path) -> None:
    result = simulate("--database-url", "sqlite:///chat.db", typed="/register ann\n")

    assert "Your password was made up: hubbub users reset-password ann sets another." in result.stdout


def test_a_conversation_can_be_kept_in_a_database(in_folder: Path) -> None:
    url = "sqlite:///chat.db"
    first = simulate("--database-url", url, typed="/register ann correct-horse\n/room team\nhello\n")
    second = simulate("--database-url", url, typed="/login ann correct-horse\n/switch team\n/history\n")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "  [3] ann: hello" in second.stdout.splitlines()


def test_a_database_that_can_not_be_used_is_explained(in_folder: Path) -> None:
    (in_folder / "chat.db").write_text("this is no database, and long enough to be looked at" * 100)

    result = simulate("--database-url", "sqlite:///chat.db")

    assert result.exit_code == 1
    assert result.stderr.startswith("hubbub: ")
    assert "Traceback" not in result.output


def test_a_folder_that_is_not_there_is_named(in_folder: Path) -> None:
    result = simulate("--database-url", "sqlite:///no/such/x.db")

    assert result.exit_code == 1
    assert result.stderr == f"hubbub: there is no folder {in_folder}/no/such for x.db\n"


def test_the_channel_of_a_replay_is_called_like_its_file(in_folder: Path) -> None:
    (in_folder / "tea.jsonl").write_text(json.dumps({"at": "2026-11-22T09:00:00Z", "kind": "join", "user": "ann"}))
    url = "sqlite:///chat.db"

    assert simulate("--replay", "tea.jsonl", "--database-url", url).exit_code == 0
    assert simulate("--replay", "tea.jsonl", "--database-url", url, "--channel", "coffee").exit_code == 0

    listed = simulate("--database-url", url, typed="/channels\n").stdout.splitlines()
    assert [line.split()[1] for line in listed[1:]] == ["tea", "coffee"]


def test_a_scenario_is_found_by_its_name_and_listed() -> None:
    assert simulate("03-safe-resend").exit_code == 0
    assert simulate("nowhere.chat").exit_code == 2
    assert "03-safe-resend" in simulate("--list").stdout


WITHOUT = {"fastapi", "starlette", "uvicorn", "sqlalchemy", "alembic", "httpx2"}


@pytest.mark.parametrize("mode", ["", "01-first-words", "--list", "--replay talk.jsonl"])
def test_no_mode_imports_a_web_framework_or_a_database(in_folder: Path, mode: str) -> None:
    (in_folder / "talk.jsonl").write_text(json.dumps({"at": "2026-11-22T09:00:00Z", "kind": "join", "user": "ann"}))
    script = (
        "import sys\n"
        "from hubbub.cli import app\n"
        f"app({['simulate', *mode.split()]!r}, standalone_mode=False)\n"
        "print('imported', *{name.partition('.')[0] for name in sys.modules})\n"
    )

    result = subprocess.run(
        [sys.executable, "-c", script], input="/register ann\n/room team\n", capture_output=True, text=True, check=True
    )

    imported = set(result.stdout.splitlines()[-1].split()[1:])
    assert {"hubbub", "typer", "rich"} <= imported
    assert imported & WITHOUT == set()
    assert result.stderr == ""
    assert "\x1b" not in result.stdout
