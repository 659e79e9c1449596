from hubbub.client.backoff import Backoff


def test_delays_double_up_to_the_cap() -> None:
    backoff = Backoff(lambda: 1.0, base=0.5, cap=3.0)
    assert [backoff.next() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_delay_may_be_anything_from_nothing_on() -> None:
    draws = iter([0.0, 0.25, 0.5])
    backoff = Backoff(lambda: next(draws), base=1.0)
    assert [backoff.next() for _ in range(3)] == [0.0, 0.5, 2.0]


def test_after_a_success_delays_are_short_again() -> None:
    backoff = Backoff(lambda: 1.0, base=0.5)
    backoff.next()
    backoff.next()
    backoff.reset()
    assert backoff.next() == 0.5


def test_free_attempts_wait_for_nothing() -> None:
    backoff = Backoff(lambda: 1.0, base=0.5, free=1)
    assert [backoff.next() for _ in range(3)] == [0.0, 0.5, 1.0]


def test_a_thousand_failures_overflow_nothing() -> None:
    backoff = Backoff(lambda: 1.0, cap=30.0)
    assert [backoff.next() for _ in range(1000)][-1] == 30.0
