"""The pages about the SDK and the auditor show what happens."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.docs.pages import run_page
from tests.guards.project import ROOT
from tests.integration.processes import unmeasured


@pytest.mark.parametrize("name", ["docs/client.md", "docs/audit.md"])
async def test_a_page_shows_what_happens(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dev").symlink_to(ROOT / "dev")
    await run_page((ROOT / name).read_text(encoding="utf-8"))


async def test_a_program_elsewhere_installs_the_clone(tmp_path: Path) -> None:
    """As docs/client.md says, but with the libraries that are here: nothing is fetched from elsewhere."""
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check"]
    for command in (
        ["-m", "pip", "install", *offline, "--target", str(tmp_path), str(ROOT)],
        [
            "-c",
            "import hubbub.client, os; assert hubbub.__file__.startswith(os.environ['PYTHONPATH']), hubbub.__file__",
        ],
    ):
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=tmp_path, env={**unmeasured(), "PYTHONPATH": str(tmp_path)}
        )
        assert await process.wait() == 0
