"""How fast a user may ask over HTTP."""

import pytest

from hubbub.domain.errors import RateLimited
from hubbub.domain.ids import UserId
from hubbub.web.pace import Pace
from tests.clocks import ManualClock

ANN, BEN = UserId(1), UserId(2)


def taken(pace: Pace[UserId], user_id: UserId, tries: int = 100) -> int:
    """How many of these requests at once are allowed."""
    for count in range(tries):
        try:
            pace.take(user_id)
        except RateLimited:
            return count
    return tries


def test_a_burst_is_allowed_and_then_as_many_as_the_time_allows() -> None:
    clock = ManualClock()
    pace: Pace[UserId] = Pace(10, 20, clock)
    assert taken(pace, ANN) == 20
    clock.advance(0.5)
    assert taken(pace, ANN) == 5


def test_who_is_too_fast_is_told_when_to_come_again() -> None:
    clock = ManualClock()
    pace: Pace[UserId] = Pace(0.5, 1, clock)
    pace.take(ANN)
    with pytest.raises(RateLimited, match="slow down") as refused:
        pace.take(ANN)
    assert refused.value.retry_after == 2.0
    clock.advance(2.0)
    pace.take(ANN)


def test_to_ask_whether_one_may_counts_nothing() -> None:
    clock = ManualClock()
    pace: Pace[UserId] = Pace(0.5, 1, clock)
    for _ in range(3):
        pace.require(ANN)
    pace.take(ANN)
    for _ in range(3):
        with pytest.raises(RateLimited) as refused:
            pace.require(ANN)
        assert refused.value.retry_after == 2.0
    pace.require(BEN)
    clock.advance(2.0)
    pace.require(ANN)
    pace.take(ANN)


def test_one_user_takes_nothing_from_another() -> None:
    pace: Pace[UserId] = Pace(10, 20, ManualClock())
    assert taken(pace, ANN) == 20
    assert taken(pace, BEN) == 20


def test_a_rate_of_0_allows_everything() -> None:
    assert taken(Pace(0, 1, ManualClock()), ANN) == 100


def test_forgetting_who_is_quiet_gives_nothing_to_who_is_not() -> None:
    clock = ManualClock()
    pace: Pace[UserId] = Pace(10, 20, clock)
    allowed = taken(pace, ANN)
    for _ in range(100):  # in 50 seconds, over many turns of 2
        clock.advance(0.5)
        allowed += taken(pace, ANN)
    assert allowed == 20 + 50 * 10


def test_who_is_quiet_is_forgotten() -> None:
    clock = ManualClock()
    pace: Pace[UserId] = Pace(10, 20, clock)
    for number in range(1, 1001):
        pace.take(UserId(number))
    for _ in range(2):
        clock.advance(2.0)
        pace.take(ANN)
    assert len(pace._recent) + len(pace._former) <= 2
