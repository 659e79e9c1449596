"""Stores in SQLite files of their own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hubbub.stores.sql import SqlStore


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
