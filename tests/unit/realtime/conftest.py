"""Fixtures of the tests of the live side."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.realtime.sockets import World, world_of


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with world_of() as world:
        yield world
