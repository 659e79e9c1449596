from hubbub.domain.ids import Millis
from hubbub.simulator.clocks import StepClock


def test_a_step_is_a_second_of_both_clocks() -> None:
    clock = StepClock(Millis(5000))

    assert (clock.now(), clock.monotonic()) == (5000, 0.0)
    clock.advance()
    assert (clock.now(), clock.monotonic()) == (6000, 1.0)
