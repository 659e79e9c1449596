"""The unit file of the service is one that systemd understands to the last line."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guards.project import ROOT

ANALYZE = shutil.which("systemd-analyze")


def verdict(folder: Path, unit: str) -> tuple[int, str]:
    """What systemd says of the unit on a machine where the server is installed."""
    file = folder / "hubbub.service"
    file.write_text(unit.replace("/opt/hubbub/.venv/bin/hubbub", sys.executable))
    ran = subprocess.run([str(ANALYZE), "verify", file], capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd here")
def test_systemd_understands_every_line_of_the_unit(tmp_path: Path) -> None:
    unit = (ROOT / "deploy" / "hubbub.service").read_text(encoding="utf-8")
    assert verdict(tmp_path, unit) == (0, "")
    _, planted = verdict(tmp_path, unit.replace("LimitNOFILE", "LimitNOFILES"))
    assert "LimitNOFILES" in planted
