"""RateLimit: so many at once, then at a steady pace, in a fixed amount of memory."""

import sys

import pytest

from hubbub.domain.errors import RateLimited
from hubbub.services.rate_limits import SLOTS, RateLimit, address_key
from tests.clocks import ManualClock


def refused(limit: RateLimit, key: str) -> float:
    """The seconds to wait."""
    with pytest.raises(RateLimited) as error:
        limit.take(key)
    assert error.value.retry_after is not None
    return error.value.retry_after


def other_slot(key: str) -> str:
    return next(name for name in map(str, range(SLOTS)) if hash(name) % SLOTS != hash(key) % SLOTS)


@pytest.mark.parametrize("per_minute", [1, 7, 20, 1000])
def test_a_minutes_worth_may_come_at_once_and_the_next_has_to_wait_its_turn(per_minute: int) -> None:
    clock = ManualClock()
    limit = RateLimit(per_minute, clock)
    for _ in range(per_minute):
        limit.take("ann")
    wait = refused(limit, "ann")
    assert wait == pytest.approx(60 / per_minute, rel=1e-4)
    clock.advance(wait - 0.002)
    refused(limit, "ann")
    clock.advance(0.003)
    limit.take("ann")
    refused(limit, "ann")


def test_refused_attempts_do_not_make_the_wait_longer() -> None:
    limit = RateLimit(2, ManualClock())
    limit.take("ann")
    limit.take("ann")
    assert {refused(limit, "ann") for _ in range(50)} == {30.0}


def test_an_idle_key_has_all_its_attempts_again_and_no_more() -> None:
    clock = ManualClock()
    limit = RateLimit(3, clock)
    for _ in range(2):
        for _ in range(3):
            limit.take("ann")
        refused(limit, "ann")
        clock.advance(3600)


def test_one_key_does_not_use_up_the_attempts_of_another() -> None:
    limit = RateLimit(1, ManualClock())
    limit.take("ann")
    limit.take(other_slot("ann"))
    refused(limit, "ann")


def test_zero_is_no_limit() -> None:
    limit = RateLimit(0, ManualClock())
    for _ in range(10_000):
        limit.take("ann")


def test_any_number_of_keys_takes_the_same_memory_and_frees_nobody() -> None:
    limit = RateLimit(1, ManualClock())
    limit.take("ann")
    size = sys.getsizeof(limit._full_at)
    for number in range(2 * SLOTS):
        try:
            limit.take(f"made up {number}")
        except RateLimited:
            continue
    assert sys.getsizeof(limit._full_at) == size
    refused(limit, "ann")


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
