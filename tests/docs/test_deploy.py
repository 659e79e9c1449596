"""The files of a cluster are what their programs understand, and hold no secret."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hubbub.buses.nats_server import nats_server
from hubbub.settings import Settings, variable
from tests.guards.project import ROOT

DEPLOY = ROOT / "deploy"
YAML = "{extends: default, rules: {line-length: {max: 120}, document-start: disable, braces: disable}}"
HADOLINT = shutil.which("hadolint", path=Path(sys.executable).parent)
HAPROXY = shutil.which("haproxy", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
HOST = "chat.example.org"


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """A copy of the folder in which secrets were made."""
    copy = tmp_path / "deploy"
    shutil.copytree(DEPLOY, copy, ignore=shutil.ignore_patterns("secrets"))
    assert verdict(copy / "make-secrets", HOST) == (0, f"{copy}/secrets: made\n")
    return copy


def verdict(*command: str | Path, **variables: str) -> tuple[int, str]:
    """The exit code of a program, and all that it said."""
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **variables})
    return ran.returncode, ran.stdout + ran.stderr


def assignments(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def test_the_compose_file_is_yaml_as_it_should_be(tmp_path: Path) -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    file = tmp_path / "compose.yaml"
    for content, expected in ((text, 0), (text + "services: {}\n", 1)):
        file.write_text(content)
        code, said = verdict(sys.executable, "-m", "yamllint", "--strict", "-d", YAML, file)
        assert code == expected, said


@pytest.mark.skipif(HADOLINT is None, reason="there is no hadolint for this machine")
def test_the_image_is_made_as_it_should_be(tmp_path: Path) -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    file = tmp_path / "Dockerfile"
    for content, expected in ((text, 0), (text.replace("WORKDIR /build", "WORKDIR build"), 1)):
        file.write_text(content)
        code, said = verdict(str(HADOLINT), file)
        assert code == expected, said


def test_the_image_is_made_from_files_that_are_sent_and_does_not_run_as_root() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    sent = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = [name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for name in line.split()]
    assert sorted(copied) == sorted(sent)
    assert all((ROOT / name).exists() for name in copied)
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["10001:10001"]


@pytest.mark.skipif(HAPROXY is None, reason="there is no HAProxy here")
def test_the_load_balancer_understands_every_line(deploy: Path) -> None:
    file = deploy / "haproxy.cfg"
    text = re.sub(r" node\d:", " 127.0.0.1:", file.read_text().replace("/etc/haproxy", str(deploy / "secrets")))
    file.write_text(text)
    code, said = verdict(str(HAPROXY), "-c", "-f", file)
    assert code == 0, said
    file.write_text(text.replace("balance leastconn", "balance lestconn"))
    assert verdict(str(HAPROXY), "-c", "-f", file)[0] == 1


def test_the_bus_understands_every_line(deploy: Path) -> None:
    token = assignments(deploy / "secrets" / "nats.env")
    for variables, expected in ((token, 0), ({}, 1)):
        code, said = verdict(nats_server(), "-t", "-c", deploy / "nats.conf", **variables)
        assert code == expected, said


def test_secrets_are_made_once_and_for_nobody_else(deploy: Path) -> None:
    folder = deploy / "secrets"
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(made) == {"hubbub.env", "nats.env", "postgres.env", "tls.pem"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    code, said = verdict(deploy / "make-secrets")
    assert (code, said) == (1, f"make-secrets: {folder} is there already; nothing was changed\n")
    assert {path.name: path.read_text() for path in folder.iterdir()} == made
    assert made["tls.pem"].count("-----BEGIN") == 2


def test_all_parts_know_the_same_secrets_and_every_setting_exists(deploy: Path) -> None:
    node = assignments(deploy / "secrets" / "hubbub.env")
    (password,) = assignments(deploy / "secrets" / "postgres.env").values()
    (token,) = assignments(deploy / "secrets" / "nats.env").values()
    assert f":{password}@" in node["HUBBUB_DATABASE_URL"]
    assert f"//{token}@" in node["HUBBUB_BUS_URL"]
    compose = (deploy / "compose.yaml").read_text()
    known = {variable(name) for name in Settings.model_fields}
    assert {*node, *re.findall(r"^ +(HUBBUB_\w+):", compose, re.MULTILINE)} <= known
    assert re.search("password|secret:", compose, re.IGNORECASE) is None
