"""Whoever runs a server that is out of files is told so."""

import logging
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hubbub.web.open_files import EXHAUSTED, RESERVE, WELL, OpenFiles


@contextmanager
def at_most(more: int) -> Iterator[None]:
    """Let this process open only so many files more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(64)]  # whatever is free between those in use
    spare = [os.open(os.devnull, os.O_RDONLY) for _ in range(more)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(held + spare) + 1, before[1]))
    for descriptor in spare:
        os.close(descriptor)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for descriptor in held:
            os.close(descriptor)


def test_the_end_of_free_files_is_logged_once_and_so_is_the_end_of_that(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    files = OpenFiles()
    files.look()
    assert files.trouble is None
    for more in (0, RESERVE - 1):
        with at_most(more):
            files.look()
            assert files.trouble == EXHAUSTED
    for _ in range(2):
        with at_most(RESERVE):
            files.look()
        assert files.trouble is None
    assert [(line.levelno, line.getMessage()) for line in caplog.records] == [
        (logging.ERROR, EXHAUSTED),
        (logging.INFO, WELL),
    ]
