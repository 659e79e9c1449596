"""What the server asks of the system."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from hubbub.settings import Settings
from hubbub.web.server import CannotListen, bind, bind_shared, raise_open_files

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


def test_several_processes_share_a_port_and_another_server_does_not_get_it() -> None:
    with ExitStack() as stack:
        listeners = [stack.enter_context(closing(one)) for one in bind_shared(Settings(port=0), 3)]
        for listener in listeners:
            listener.listen()
        (port,) = {listener.getsockname()[1] for listener in listeners}
        with pytest.raises(CannotListen, match="Address already in use"):
            bind(Settings(port=port))
        with pytest.raises(CannotListen, match="Address already in use"):
            bind_shared(Settings(port=port), 2)
