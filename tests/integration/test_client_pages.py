"""The pages about the SDK and the auditor show what happens."""

from pathlib import Path

import pytest

from tests.docs.pages import run_page
from tests.guards.project import ROOT


@pytest.mark.parametrize("name", ["docs/client.md", "docs/audit.md"])
async def test_a_page_shows_what_happens(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dev").symlink_to(ROOT / "dev")
    await run_page((ROOT / name).read_text(encoding="utf-8"))
