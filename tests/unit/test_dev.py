"""The launcher: it is tried on small environments of its own, and never installs hubbub here."""

import ast
import os
import subprocess
import sys
import threading
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "dev"


@pytest.fixture(scope="module")
def dev() -> ModuleType:
    spec = spec_from_loader("dev", SourceFileLoader("dev", str(SCRIPT)))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*args: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *args],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("args", [[], ["--help"], ["-h"], ["help"]])
def test_help_shows_every_command_with_an_example_from_any_folder(
    dev: ModuleType, tmp_path: Path, args: list[str]
) -> None:
    result = run(*args, cwd=tmp_path)

    assert result.returncode == 0
    names = {"serve", "hubbub", "test", "check", "fix", "lock", "bench", "autobahn", "python"}
    names |= {"types", "vendor", "screenshots", "cluster"}
    for name in names:
        assert f"  {name} " in result.stdout
        assert f"./dev {name}" in result.stdout
    assert set(dev.COMMANDS) == names


def test_an_unknown_command_is_refused_with_the_list_of_commands(tmp_path: Path) -> None:
    result = run("sevre", cwd=tmp_path)

    assert result.returncode == 1
    assert "no command 'sevre'" in result.stderr
    assert "./dev serve" in result.stderr


def test_an_old_python_is_told_what_is_needed(dev: ModuleType) -> None:
    explanation = dev.explain_old_python((3, 9))

    assert "Python 3.10 or newer" in explanation
    assert "python3 is 3.9 here" in explanation
    assert "HUBBUB_PYTHON=" in explanation
    assert dev.explain_old_python((3, 10)) is None


def test_an_old_python_can_read_the_launcher_far_enough_to_be_told() -> None:
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 6))


def test_a_named_python_runs_the_launcher_and_gets_an_environment_of_its_own(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("--help", cwd=tmp_path, HUBBUB_PYTHON=sys.executable).returncode == 0
    assert dev.tools().folder.name == ".venv"
    monkeypatch.setenv(dev.OWN_ENVIRONMENT, "1")
    assert dev.tools().folder.name == ".venv-{}.{}".format(*sys.version_info)


def test_a_named_python_that_does_not_exist_is_an_error_that_names_it(tmp_path: Path) -> None:
    result = run("--help", cwd=tmp_path, HUBBUB_PYTHON="python3.99")

    assert result.returncode == 1
    assert "HUBBUB_PYTHON=python3.99" in result.stderr


def test_an_environment_is_ready_only_when_finished_for_these_requirements_in_this_place(
    dev: ModuleType, tmp_path: Path
) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("a==1\n")
    environment = dev.Environment(tmp_path / "venv", requirements, with_project=True)
    assert not environment.is_ready()

    environment.python.parent.mkdir(parents=True)
    environment.python.symlink_to(sys.executable)
    assert not environment.is_ready(), "interrupted: there is no stamp yet"

    (environment.folder / dev.STAMP).write_text(environment.fingerprint())
    assert environment.is_ready()

    environment.folder.rename(tmp_path / "moved")
    assert not environment._replace(folder=tmp_path / "moved").is_ready(), "its scripts name the old place"
    (tmp_path / "moved").rename(environment.folder)

    requirements.write_text("a==2\n")
    assert not environment.is_ready()
    requirements.write_text("a==1\n")

    environment.python.unlink()
    environment.python.symlink_to(tmp_path / "removed-python")
    assert not environment.is_ready(), "its Python is gone"


def test_two_at_once_make_one_environment_and_replace_a_broken_one(
    dev: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "requirements.txt").touch()
    environment = dev.Environment(tmp_path / "venv", tmp_path / "requirements.txt", with_project=False)
    leftover = environment.folder / "left-by-an-interrupted-attempt"
    leftover.mkdir(parents=True)

    threads = [threading.Thread(target=dev.prepared, args=[environment]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert capfd.readouterr().err.count("setting up venv with Python") == 1
    assert environment.is_ready()
    assert not leftover.exists()
    assert subprocess.run([environment.python, "-c", ""], check=False).returncode == 0


def test_a_place_that_can_not_be_written_is_named_with_what_to_do(dev: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").touch()
    environment = dev.Environment(tmp_path / "nowhere" / "venv", tmp_path / "requirements.txt", with_project=False)

    with pytest.raises(SystemExit, match=rf"^\./dev: {tmp_path}/nowhere/venv\.lock can't be written: .*\n.*clone"):
        dev.prepared(environment)


def test_a_python_without_ensurepip_is_told_which_package_to_install(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)  # as Debian ships it without python3-venv

    with pytest.raises(SystemExit, match=r"no module ensurepip\.\n.*apt install python3\.\d+-venv"):
        dev.prepared(dev.Environment(tmp_path / "venv", SCRIPT, with_project=False))


def test_settings_that_would_change_what_is_installed_are_left_out(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_TARGET", "PIP_USER", "PIP_CONSTRAINT", "PIP_INDEX_URL", "PYTHONPATH", "PYTHONHOME"):
        monkeypatch.setenv(name, "set")

    settings = dev.installer_settings()

    assert settings["PIP_INDEX_URL"] == "set", "a mirror is harmless: everything has a hash"
    assert settings["PIP_USER"] == "0"
    assert not {"PIP_TARGET", "PIP_CONSTRAINT", "PYTHONPATH", "PYTHONHOME"} & set(settings)


def test_all_steps_run_and_those_that_failed_are_named(dev: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    bad, good = [sys.executable, "-c", "raise SystemExit(3)"], [sys.executable, "-c", "print('ran')"]

    assert dev.run_all({"one": bad, "two": good, "three": bad}) == 1
    shown = capfd.readouterr()
    assert shown.out == "ran\n"
    assert shown.err.endswith("./dev: failed: one, three\n")
    assert dev.run_all({"two": good}) == 0


@pytest.mark.parametrize(("told", "version"), [("v20.20.2", 20), ("v9.0.0", 9), ("not found", 0), ("", 0)])
def test_the_major_version_of_node_is_read(dev: ModuleType, tmp_path: Path, told: str, version: int) -> None:
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\necho '{told}'\n")
    node.chmod(0o755)
    assert dev.node_version(str(node)) == version


def test_a_node_that_is_not_there_has_no_version(dev: ModuleType, tmp_path: Path) -> None:
    assert dev.node_version(str(tmp_path / "node")) == 0
