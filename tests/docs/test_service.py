"""The unit files of the service are such as systemd understands to the last line."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hubbub.cli import WRONG
from tests.guards.project import ROOT

ANALYZE = shutil.which("systemd-analyze")


def verdict(folder: Path, name: str, unit: str) -> tuple[int, str]:
    """What systemd says of the unit on a machine where the server is installed."""
    file = folder / name.replace("@", "@8001")
    file.write_text(unit.replace("/opt/hubbub/.venv/bin/hubbub", sys.executable))
    ran = subprocess.run([str(ANALYZE), "verify", file], capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd here")
@pytest.mark.parametrize("name", ["hubbub.service", "hubbub@.service"])
def test_systemd_understands_every_line_of_the_unit(tmp_path: Path, name: str) -> None:
    unit = (ROOT / "deploy" / name).read_text(encoding="utf-8")
    assert verdict(tmp_path, name, unit) == (0, "")
    _, planted = verdict(tmp_path, name, unit.replace("LimitNOFILE", "LimitNOFILES"))
    assert "LimitNOFILES" in planted


@pytest.mark.parametrize("name", ["hubbub.service", "hubbub@.service"])
def test_a_start_that_something_wrong_prevents_is_not_repeated(name: str) -> None:
    unit = (ROOT / "deploy" / name).read_text(encoding="utf-8").splitlines()
    assert {"Restart=always", f"RestartPreventExitStatus={WRONG}"} <= set(unit)
