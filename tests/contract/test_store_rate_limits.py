"""Attempts, in any store."""

import asyncio
from functools import partial

import pytest

from hubbub.domain.errors import Internal
from hubbub.domain.ids import Millis
from hubbub.services.ports import Store
from tests.contract.acts import NOW

INTERVAL, BURST = 3000, 4  # 20 a minute


async def attempt(store: Store, at: int, *, key: bytes = b"key", interval: int = INTERVAL, burst: int = BURST) -> int:
    """One attempt: how long it has to wait."""
    return await store.write(lambda tx: tx.rate_limits.take(key, Millis(at), interval=interval, burst=burst))


async def test_so_many_may_come_at_once_and_then_one_each_interval(store: Store) -> None:
    assert [await attempt(store, NOW) for _ in range(BURST + 2)] == [0, 0, 0, 0, 3000, 3000]
    assert [await attempt(store, NOW + 2999), await attempt(store, NOW + 3000)] == [1, 0]
    assert await attempt(store, NOW + 3000) == 3000


async def test_all_attempts_come_back_and_no_more(store: Store) -> None:
    for at in (NOW, NOW + BURST * INTERVAL, NOW + 10**9):
        assert [await attempt(store, at) for _ in range(BURST + 1)] == [0, 0, 0, 0, 3000]


async def test_a_burst_of_one_is_one_each_interval(store: Store) -> None:
    attempts = [await attempt(store, NOW + offset, burst=1) for offset in (0, 1000, 3000, 3001)]
    assert attempts == [0, 2000, 0, 2999]


async def test_each_key_has_its_own_attempts(store: Store) -> None:
    keys = [b"", b"\x00", b"\x00\xff", bytes(16)]
    assert [await attempt(store, NOW, key=key, burst=1) for key in keys * 2] == [0] * 4 + [3000] * 4


async def test_a_time_of_a_wrong_clock_counts_as_none(store: Store) -> None:
    for _ in range(BURST):
        await attempt(store, NOW + 7_200_000)
    assert [await attempt(store, NOW) for _ in range(BURST + 1)] == [0, 0, 0, 0, 3000]


async def test_of_many_at_the_same_moment_no_more_than_the_burst_succeed(store: Store) -> None:
    waits = await asyncio.gather(*(attempt(store, NOW) for _ in range(40)))
    assert sorted(waits) == [0] * BURST + [INTERVAL] * (40 - BURST)


async def test_an_attempt_in_a_transaction_that_fails_does_not_count(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        await store.write(lambda tx: (tx.rate_limits.take(b"key", NOW, interval=9, burst=1), 1 // 0))
    assert await attempt(store, NOW, interval=9, burst=1) == 0


async def test_purge_forgets_only_keys_that_have_all_their_attempts(store: Store) -> None:
    await attempt(store, NOW - INTERVAL - 1, key=b"old")
    await attempt(store, NOW - INTERVAL, key=b"edge")
    for _ in range(BURST):
        await attempt(store, NOW, key=b"new")
    await store.write(lambda tx: tx.rate_limits.purge(NOW))
    # A key that is there says so at a time from which its own looks possible.
    early = partial(attempt, store, NOW - INTERVAL, burst=1)
    assert [await early(key=key) for key in (b"old", b"edge")] == [0, INTERVAL]
    assert await attempt(store, NOW, key=b"new") == INTERVAL


async def test_a_read_takes_nothing(store: Store) -> None:
    with pytest.raises(Internal):
        await store.read(lambda tx: tx.rate_limits.take(b"key", NOW, interval=9, burst=1))
