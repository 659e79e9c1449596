"""Stores in SQLite files of their own, and in databases of a PostgreSQL server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hubbub.stores.sql import SqlStore
from tests.postgres import EmptyDatabases


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is, or will be."""
    return tmp_path / "hubbub.db"


@pytest.fixture
def url(path: Path) -> str:
    """The same as a URL."""
    return f"sqlite:///{path}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    """An empty store, closed after the test."""
    opened = await asyncio.to_thread(SqlStore.open, url)
    yield opened
    await opened.close()


@pytest.fixture
def server_url(empty_databases: EmptyDatabases) -> Iterator[str]:
    """A migrated database on a server."""
    with empty_databases.one() as url:
        yield url


@pytest.fixture
async def server_store(server_url: str) -> AsyncIterator[SqlStore]:
    """An empty store on a server, closed after the test."""
    opened = await asyncio.to_thread(SqlStore.open, server_url)
    yield opened
    await opened.close()


@pytest.fixture
async def other(server_url: str) -> AsyncIterator[SqlStore]:
    """The same database in another process, as far as it can tell."""
    opened = await asyncio.to_thread(SqlStore.open, server_url)
    yield opened
    await opened.close()
