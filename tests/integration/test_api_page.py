"""docs/api.md: its examples run, and answer what the page says; its table of errors is complete."""

import asyncio
import json
import re
import shutil
from pathlib import Path

import pytest

from hubbub.realtime.turns import AT_A_TIME, MAX_REQUESTS
from hubbub.services.searches import MAX_OF_USER, MAX_USERS
from hubbub.web.problems import STATUSES
from tests.guards.project import ROOT
from tests.integration.servers import LiveServer

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"```sh\n(?P<command>.*?)```\n```json\n(?P<answer>.*?)```", re.DOTALL)
# What is another at each run: times, tokens, made-up request ids, epochs. A title differs between versions of Python.
VARIES = re.compile(
    r'"(\d{4}-\d\d-\d\dT[\d:.]+Z|eyJ[^"]*|[0-9a-f]{8}-[0-9a-f]+|[0-9a-f]{16}|Unprocessable \w+)"'
    r'|(?<="expires_in": )\d+',
    re.ASCII,
)
SEPARATOR = "\N{RECORD SEPARATOR}"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are curl's")
async def test_the_examples_answer_what_the_page_says(live: LiveServer, tmp_path: Path) -> None:
    examples = list(EXAMPLE.finditer(PAGE))
    commands = [example["command"].replace("http://127.0.0.1:8000", live.url) for example in examples]
    shell = await asyncio.create_subprocess_exec(
        "sh", "-euc", f"printf '{SEPARATOR}'\n".join(commands), cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await shell.communicate()
    answers = output.decode().split(SEPARATOR)
    assert shell.returncode == 0
    assert len(answers) == len(examples) > 5
    for example, answer in zip(examples, answers, strict=True):
        assert steady(answer) == steady(example["answer"])


def steady(text: str) -> object:
    return json.loads(VARIES.sub('"…"', json.dumps(json.loads(text), ensure_ascii=False)))


def test_the_table_of_errors_is_that_of_the_server() -> None:
    listed = {code: int(status) for code, status in re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.MULTILINE)}
    assert listed == dict(STATUSES)


def test_as_many_searches_wait_as_the_page_says() -> None:
    said = re.search(r"Of one user, (\d+) wait .* When (\d+) users\s+wait", PAGE, re.DOTALL)
    assert said is not None
    assert [int(number) for number in said.groups()] == [MAX_OF_USER, MAX_USERS]


def test_as_many_reads_go_on_and_wait_as_the_page_says() -> None:
    said = re.search(r"(\d+) answers are made at a time, and (\d+) requests may\s+wait", PAGE)
    assert said is not None
    assert [int(number) for number in said.groups()] == [AT_A_TIME, MAX_REQUESTS]
