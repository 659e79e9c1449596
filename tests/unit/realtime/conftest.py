"""Fixtures of the tests of the live side."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.realtime.listeners import Node, opened
from tests.unit.realtime.sockets import World, world_of
from tests.unit.services.chats import open_chats


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with world_of() as world:
        yield world


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """Ann's room with Bob, whose log is at 3, and nobody who listens."""
    async with open_chats() as chats:
        yield await opened(chats)
