"""The chats that tests of rooms, messages, logs and read marks run on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hubbub.domain.ids import RoomId
from hubbub.stores.memory import MemoryStore
from hubbub.stores.sql import SqlStore
from tests.unit.services.chats import ANN, BOB, Chats, open_chats


@pytest.fixture
async def chats() -> AsyncIterator[Chats]:
    """In memory: quick, and every transaction runs at once."""
    async with open_chats() as opened:
        yield opened


@pytest.fixture(params=["memory", "sqlite"])
async def any_chats(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Chats]:
    """On each store, where the store has a part in the promise."""
    store = MemoryStore() if request.param == "memory" else SqlStore.open(f"sqlite:///{tmp_path / 'chat.db'}")
    async with open_chats(store) as opened:
        yield opened


@pytest.fixture
async def room_id(chats: Chats) -> RoomId:
    """Ann's group, with Bob."""
    return await chats.found(ANN, BOB)
