"""Settings of the tools that all tests share, and the PostgreSQL server of a run.

Other fixtures live beside the tests that use them.
"""

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.postgres import Databases, EmptyDatabases, PostgresServer, running_postgres

pytest_plugins = ["tests.nats"]

settings.register_profile("default", deadline=None)  # a deadline measures the machine, not the code
settings.register_profile(
    "ci", parent=settings.get_profile("default"), derandomize=True, database=None, print_blob=True
)
settings.load_profile("ci" if "CI" in os.environ else "default")


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    """Lines go where they went before, also after a test in which a whole server was started."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Databases]:
    """A PostgreSQL server that many tests share: that of HUBBUB_TEST_POSTGRES_URL, or one of this run's own."""
    given = os.environ.get("HUBBUB_TEST_POSTGRES_URL")
    if given:
        yield Databases(given)
    else:
        with running_postgres() as server:
            yield server


@pytest.fixture(scope="session")
def empty_databases(postgres: Databases) -> Iterator[EmptyDatabases]:
    """Databases to be taken, and given back."""
    databases = EmptyDatabases(postgres)
    yield databases
    if not isinstance(postgres, PostgresServer):  # which takes them along
        databases.drop()


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server that the tests of one module may stop, and start again."""
    with running_postgres() as server:
        yield server
