"""A live connection whose other end is the test, and a room on it."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.client.pipes import Opened, World, follow


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.live.close()


@pytest.fixture
async def opened(world: World) -> Opened:
    return await follow(world)
