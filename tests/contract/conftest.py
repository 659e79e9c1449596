"""The stores that the suite runs on. Another one needs a factory here, and not a word elsewhere."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hubbub.services.ports import Store
from hubbub.stores.memory import MemoryStore
from hubbub.stores.sql import SqlStore, upgrade
from tests.postgres import EmptyDatabases

OpenStore = Callable[[], Store]


@pytest.fixture
def open_memory() -> OpenStore:
    """A new and empty store at each call."""
    return MemoryStore


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database file with the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def open_sqlite(migrated_file: Path, tmp_path: Path) -> OpenStore:
    """A new and empty store at each call."""
    numbers = iter(range(1000))

    def open_next() -> Store:
        path = tmp_path / f"{next(numbers)}.db"
        shutil.copy(migrated_file, path)
        return SqlStore.open(f"sqlite:///{path}")

    return open_next


@pytest.fixture
def open_postgres(empty_databases: EmptyDatabases) -> Iterator[OpenStore]:
    """A new and empty store at each call."""
    with ExitStack() as stack:
        yield lambda: SqlStore.open(stack.enter_context(empty_databases.one()))


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def open_store(request: pytest.FixtureRequest) -> OpenStore:
    """Open a new and empty store of the kind under test."""
    opener: OpenStore = request.getfixturevalue(f"open_{request.param}")
    return opener


@pytest.fixture
async def store(open_store: OpenStore) -> AsyncIterator[Store]:
    """An empty store, closed after the test."""
    opened = await asyncio.to_thread(open_store)
    yield opened
    await opened.close()
