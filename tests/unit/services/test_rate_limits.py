"""RateLimit: so many at once, then at a steady pace, whichever node they come to."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

import pytest

from hubbub.domain.errors import ChatError, RateLimited
from hubbub.services import rate_limits
from hubbub.services.ports import Tx
from hubbub.services.rate_limits import MAX_COUNTING, PURGE, RateLimit, address_key
from hubbub.stores.memory import MemoryStore
from tests.clocks import ManualClock

T = TypeVar("T")


async def refused(limit: RateLimit, key: str) -> float:
    """The seconds to wait."""
    with pytest.raises(RateLimited) as error:
        await limit.take(key)
    assert error.value.retry_after is not None
    return error.value.retry_after


@pytest.mark.parametrize("per_minute", [1, 7, 20, 1000])
async def test_a_minutes_worth_may_come_at_once_and_the_next_has_to_wait_its_turn(per_minute: int) -> None:
    clock = ManualClock()
    limit = RateLimit(per_minute, MemoryStore(), clock)
    for _ in range(per_minute):
        await limit.take("ann")
    wait = await refused(limit, "ann")
    assert wait == 60_000 // per_minute / 1000
    clock.advance(wait - 0.001)
    assert await refused(limit, "ann") == pytest.approx(0.001, abs=1e-6)
    clock.advance(0.001)
    await limit.take("ann")
    await refused(limit, "ann")


async def test_refused_attempts_do_not_make_the_wait_longer() -> None:
    limit = RateLimit(2, MemoryStore(), ManualClock())
    await limit.take("ann")
    await limit.take("ann")
    assert {await refused(limit, "ann") for _ in range(50)} == {30.0}


async def test_an_idle_key_has_all_its_attempts_again_and_no_more() -> None:
    clock = ManualClock()
    limit = RateLimit(3, MemoryStore(), clock)
    for _ in range(2):
        for _ in range(3):
            await limit.take("ann")
        await refused(limit, "ann")
        clock.advance(3600)


async def test_one_key_does_not_use_up_the_attempts_of_another() -> None:
    limit = RateLimit(1, MemoryStore(), ManualClock())
    await limit.take("ann")
    await limit.take("ben")
    await refused(limit, "ann")


async def test_one_limit_does_not_use_up_the_attempts_of_another() -> None:
    store, clock = MemoryStore(), ManualClock()
    await RateLimit(1, store, clock, "log-ins").take("ann")
    await RateLimit(1, store, clock, "confirmations").take("ann")


async def test_nodes_share_their_limits_and_a_new_one_knows_them() -> None:
    store, clock = MemoryStore(), ManualClock()
    nodes = [RateLimit(4, store, clock) for _ in range(2)]
    for node in (*nodes, *nodes):
        await node.take("ann")
    assert [await refused(node, "ann") for node in (*nodes, RateLimit(4, store, clock))] == [15.0] * 3


async def test_zero_is_no_limit_and_asks_nobody() -> None:
    store = MemoryStore()
    await store.close()
    limit = RateLimit(0, store, ManualClock())
    for _ in range(1000):
        await limit.take("ann")


async def test_a_flood_of_refused_attempts_does_not_reach_the_store() -> None:
    store = MemoryStore()
    limit = RateLimit(1, store, ManualClock())
    await limit.take("ann")
    await refused(limit, "ann")
    await store.close()
    assert {await refused(limit, "ann") for _ in range(1000)} == {60.0}


async def test_a_flood_of_made_up_names_does_not_fill_the_queue_of_the_store() -> None:
    slow = HeldStore()
    limit = RateLimit(1, slow, ManualClock())
    attempts = [asyncio.create_task(_outcome(limit, f"made up {number}")) for number in range(2 * MAX_COUNTING)]
    await asyncio.sleep(0)
    assert slow.waiting == MAX_COUNTING
    slow.release.set()
    outcomes = await asyncio.gather(*attempts)
    assert (outcomes.count(None), outcomes.count("unavailable")) == (MAX_COUNTING, MAX_COUNTING)
    await limit.take("ann")


class HeldStore(MemoryStore):
    """Writes wait until they are released."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.release = asyncio.Event()

    async def write(self, fn: Callable[[Tx], T]) -> T:
        self.waiting += 1
        await self.release.wait()
        return await super().write(fn)


async def _outcome(limit: RateLimit, key: str) -> str | None:
    try:
        await limit.take(key)
    except ChatError as error:
        return error.code
    return None


async def test_what_is_remembered_of_refused_keys_is_bounded_and_frees_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MAX_REFUSED", 10)
    limit = RateLimit(1, MemoryStore(), ManualClock())
    for expected in (False, True, True):
        assert {await _is_refused(limit, f"made up {number}") for number in range(30)} == {expected}
    assert len(limit._refused) == 10


async def _is_refused(limit: RateLimit, key: str) -> bool:
    try:
        await limit.take(key)
    except RateLimited:
        return True
    return False


async def test_made_up_names_are_forgotten_while_others_come() -> None:
    store, clock = MemoryStore(), ManualClock()
    limit = RateLimit(20, store, clock)
    for number in range(100):
        await limit.take(f"made up {number}")
    clock.advance(PURGE)
    await limit.take("ann")
    assert len(store._tables.rate_limits) == 1


async def test_the_first_refusal_in_a_row_is_logged_without_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = ManualClock()
    limit = RateLimit(1, MemoryStore(), clock, "log-ins")
    for _ in range(2):
        await limit.take("a secret")
        for _ in range(3):
            with pytest.raises(RateLimited):
                await limit.take("a secret", address="192.0.2.1")
        clock.advance(60)
    shown = [(line.__dict__["limit"], line.__dict__["address"]) for line in caplog.records]
    assert shown == [("log-ins", "192.0.2.1")] * 2
    assert "a secret" not in repr([line.__dict__ for line in caplog.records])


@pytest.mark.parametrize(
    ("one", "another", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:DB8:0:0::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("unix:/run/hubbub", "unix:/run/other", False),
        ("", "", True),
    ],
)
def test_an_address_is_who_stands_behind_it(one: str, another: str, same: bool) -> None:
    assert (address_key(one) == address_key(another)) is same
