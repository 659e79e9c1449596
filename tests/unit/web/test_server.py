"""What the server asks of the system."""

from collections.abc import Iterator

import pytest

from hubbub.web.server import raise_open_files

resource = pytest.importorskip("resource", reason="Windows has no such limit")


@pytest.fixture
def most() -> Iterator[int]:
    """The limit that may not be exceeded, which is not in use."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(4096, before[0])
    resource.setrlimit(resource.RLIMIT_NOFILE, (most - 1, before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_as_many_files_may_be_open_as_the_system_allows(most: int) -> None:
    found = raise_open_files()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard == most
    assert soft == hard or hard == resource.RLIM_INFINITY
    assert found == soft
