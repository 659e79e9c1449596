"""A real NATS server for the tests: started on a free port, or the one that `HUBBUB_TEST_NATS_URL` names.

It is never skipped: `nats-server` comes with what the tests need.
"""

import os
import re
import secrets
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from hubbub.buses.nats_server import nats_server

URL = "HUBBUB_TEST_NATS_URL"


class NatsServer:
    """A server that can be killed, stopped in its tracks, and started again on its port."""

    def __init__(self, *options: str) -> None:
        self.port = -1  # a free one
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._draining: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Run, on the port that it had before, and accept connections."""
        command = [str(nats_server()), "--addr", "127.0.0.1", "--port", str(self.port), *self._options]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        assert self._process.stderr is not None
        said = ""
        for line in self._process.stderr:
            said += line
            found = re.search(r"Listening for client connections on .*:(\d+)", line)
            if found:
                self.port = int(found[1])
            if "Server is ready" in line:
                self._draining = threading.Thread(target=_drain, args=(self._process.stderr,), daemon=True)
                self._draining.start()
                return
        raise RuntimeError(f"nats-server ended before it was ready:\n{said}")

    def kill(self) -> None:
        """`kill -9`, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._draining is not None:
            self._draining.join()
            self._draining = None

    def freeze(self) -> None:
        """Do nothing more, and keep all connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on where it was frozen."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


def _drain(log: IO[str]) -> None:
    """Read what nobody wants to know: a server whose log is full would wait."""
    with log:
        for _ in log:
            pass


@contextmanager
def serving_nats(*options: str) -> Iterator[NatsServer]:
    """A server of one's own, with these options of the command line."""
    server = NatsServer(*options)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def nats_url() -> Iterator[str]:
    """A server that all tests share, and none disturbs: each uses a prefix of its own."""
    given = os.environ.get(URL)
    if given:
        yield given
        return
    with serving_nats() as server:
        yield server.url


@pytest.fixture
def nats_prefix() -> str:
    """A beginning of subjects that no other test has."""
    return f"test-{secrets.token_hex(8)}"


@pytest.fixture
def nats_of_my_own() -> Iterator[NatsServer]:
    """A server that a test may kill, freeze and start again."""
    with serving_nats() as server:
        yield server
