"""The chats that tests of rooms, messages, logs and read marks run on, and the accounts of the others."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hubbub.domain.ids import RoomId
from hubbub.services.policies import AccountsPolicy
from hubbub.stores.memory import MemoryStore
from hubbub.stores.sql import SqlStore
from tests.postgres import EmptyDatabases
from tests.unit.services.chats import ANN, BOB, Chats, open_chats
from tests.unit.services.people import People


@pytest.fixture
async def chats() -> AsyncIterator[Chats]:
    """In memory: quick, and every transaction runs at once."""
    async with open_chats() as opened:
        yield opened


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def sqlite(tmp_path: Path) -> SqlStore:
    return SqlStore.open(f"sqlite:///{tmp_path / 'chat.db'}")


@pytest.fixture
def postgres_store(empty_databases: EmptyDatabases) -> Iterator[SqlStore]:
    with empty_databases.one() as url:
        yield SqlStore.open(url)


@pytest.fixture(params=["memory", "sqlite", "postgres_store"])
async def any_chats(request: pytest.FixtureRequest) -> AsyncIterator[Chats]:
    """On each store, where the store has a part in the promise; with as many lanes as the store has writers."""
    store: MemoryStore | SqlStore = request.getfixturevalue(request.param)
    lanes = store.writers if isinstance(store, SqlStore) else 1
    async with open_chats(store, lanes=lanes) as opened:
        yield opened


@pytest.fixture
async def room_id(chats: Chats) -> RoomId:
    """Ann's group, with Bob."""
    return await chats.found(ANN, BOB)


@pytest.fixture
async def people() -> AsyncIterator[People]:
    """Accounts, log-ins without a limit, and three sessions for each user."""
    people = People(AccountsPolicy(login_rate=0, max_sessions=3))
    yield people
    await people.close()
