"""`requirements/*.txt` are exported from `uv.lock`; `./dev lock --check` needs the network to say so, this does not."""

import re
from pathlib import Path

import pytest

from tests.guards.project import ROOT

REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("file", REQUIREMENTS, ids=lambda file: file.name)
def test_every_requirement_is_in_the_lock_file_with_the_same_hashes(file: Path) -> None:
    lock = (ROOT / "uv.lock").read_text(encoding="utf-8")
    locked = {
        (name, version): set(re.findall(r'hash = "(sha256:[0-9a-f]{64})"', rest))
        for name, version, rest in re.findall(
            r'\[\[package\]\]\nname = "(.+)"\nversion = "(.+)"\n((?:(?!\[\[).*\n)*)', lock
        )
    }
    required = {
        (name, version): set(re.findall(r"--hash=(sha256:[0-9a-f]{64})", rest))
        for name, version, rest in re.findall(
            r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;]+)((?:.*\\\n)*.*)", file.read_text(encoding="utf-8"), re.MULTILINE
        )
    }

    assert required
    assert {requirement for requirement, hashes in required.items() if locked.get(requirement) != hashes} == set()


@pytest.mark.parametrize("file", REQUIREMENTS, ids=lambda file: file.name)
def test_a_requirements_file_has_pinned_packages_and_hashes_only(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if not re.match(r"[\w.-]+(\[[\w,-]+\])?==|    --hash=sha256:", line)] == []
