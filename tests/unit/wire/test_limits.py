from itertools import accumulate
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from hubbub.wire.limits import Limits, TokenBucket


def test_the_defaults_are_those_of_the_protocol() -> None:
    assert Limits() == Limits(
        frame_bytes=64 * 1024,
        inflight=64,
        frame_rate=50.0,
        frame_burst=200,
        outbox_frames=256,
        outbox_bytes=1024 * 1024,
        auth_timeout=5.0,
        heartbeat=25.0,
        pong_timeout=10.0,
        stuck_timeout=30.0,
        user_sockets=100,
    )


def test_a_full_bucket_allows_its_burst_at_once_and_then_says_how_long_to_wait() -> None:
    bucket = TokenBucket(rate=50.0, burst=3)
    assert [bucket.take(1000.0) for _ in range(5)] == [0.0, 0.0, 0.0, 0.02, 0.02]


def test_a_refused_take_costs_nothing() -> None:
    bucket = TokenBucket(rate=1.0, burst=1)
    bucket.take(0.0)
    for _ in range(10):
        assert bucket.take(0.5) == 0.5
    assert bucket.take(1.0) == 0.0


def test_to_ask_how_long_to_wait_costs_nothing() -> None:
    bucket = TokenBucket(rate=1.0, burst=1)
    assert [bucket.wait(0.0), bucket.wait(0.0), bucket.take(0.0)] == [0.0] * 3
    assert [bucket.wait(0.25), bucket.wait(0.5), bucket.wait(1.0), bucket.take(1.0)] == [0.75, 0.5, 0.0, 0.0]


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    bucket = TokenBucket(rate=50.0, burst=2)
    bucket.take(0.0)
    assert [bucket.take(3600.0) == 0.0 for _ in range(3)] == [True, True, False]


def test_a_clock_that_stands_below_zero_is_as_good_as_any() -> None:
    bucket = TokenBucket(rate=1.0, burst=1)
    assert [bucket.take(-50.0), bucket.take(-49.5)] == [0.0, 0.5]


def test_a_rate_of_zero_switches_the_limit_off() -> None:
    bucket = TokenBucket(rate=0.0, burst=1)
    assert {bucket.take(0.0) for _ in range(1000)} == {0.0}


@given(st.floats(0.1, 1000), st.integers(1, 50), st.lists(st.floats(0, 2), max_size=100))
def test_no_more_than_burst_and_rate_allow_ever_passes(rate: float, burst: int, pauses: list[float]) -> None:
    bucket, start, passed = TokenBucket(rate, burst), 1000.0, 0
    bucket.take(start)
    for now in accumulate(pauses, initial=start):
        passed += bucket.take(now) == 0.0
        assert passed <= burst - 1 + (now - start) * rate + 1e-6


@given(st.floats(0.1, 1000), st.integers(1, 20), st.lists(st.floats(0, 0.1), min_size=1, max_size=50))
def test_who_waits_as_long_as_told_to_the_millisecond_is_let_in(rate: float, burst: int, pauses: list[float]) -> None:
    bucket, now = TokenBucket(rate, burst), 0.0
    for pause in pauses:
        now += pause
        wait = bucket.take(now)
        if wait:
            now += ceil(wait * 1000 + 0.001) / 1000
            assert bucket.take(now) == 0.0


def test_time_that_was_counted_once_is_not_counted_again() -> None:
    bucket = TokenBucket(rate=1.0, burst=4)
    assert [bucket.take(1000.0) for _ in range(4)] == [0.0] * 4
    assert [bucket.take(1002.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert [bucket.take(1003.0) for _ in range(2)] == [0.0, 1.0]
