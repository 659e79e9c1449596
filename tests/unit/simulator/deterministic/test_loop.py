"""The loop: virtual time, order, and the death of one actor."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any

import pytest

from hubbub.simulator.deterministic.guard import sealed
from hubbub.simulator.deterministic.loop import SimLoop, Violation


def nothing_said(level: int, name: str, text: str) -> None:
    raise AssertionError(text)


@pytest.fixture
def loop() -> Iterator[SimLoop]:
    made = SimLoop()  # type: ignore[abstract]
    with sealed(nothing_said):
        yield made
        made.close()


def run(loop: SimLoop, main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return loop.run(main(), max_steps=300)


def test_hours_pass_at_once_and_timers_go_off_in_their_order(loop: SimLoop) -> None:
    seen: list[tuple[float, str]] = []

    async def main() -> None:
        for delay, name in ((7200.0, "late"), (0.5, "soon"), (0.5, "next"), (3600.0, "cancelled")):
            handle = loop.call_later(delay, lambda name=name: seen.append((loop.time(), name)))
            if name == "cancelled":
                handle.cancel()
        await asyncio.sleep(10_000)

    run(loop, main)
    assert seen == [(0.5, "soon"), (0.5, "next"), (7200.0, "late")]
    assert loop.time() == 10_000


def test_tasks_futures_locks_and_timeouts_work_as_in_any_loop(loop: SimLoop) -> None:
    async def main() -> list[object]:
        lock, event = asyncio.Lock(), asyncio.Event()

        async def worker(number: int) -> int:
            async with lock:
                await asyncio.sleep(number)
            return number

        tasks = [asyncio.create_task(worker(number), name=f"{number}") for number in (3, 1)]
        loop.call_later(1, event.set)
        await event.wait()
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.sleep(60), timeout=2)
        return [sorted(task.get_name() for task in done), await asyncio.gather(*tasks), loop.time()]

    assert run(loop, main) == [["3"], [3, 1], 5.0]


def test_a_killed_actor_does_nothing_more_and_not_even_its_finally_runs(loop: SimLoop) -> None:
    seen: list[str] = []

    async def victim(name: str) -> None:
        try:
            await asyncio.sleep(1)
            seen.append(f"{name} woke")
            await asyncio.get_running_loop().create_task(child(name))
        finally:
            seen.append(f"{name} ended")

    async def child(name: str) -> None:
        await asyncio.sleep(1)
        seen.append(f"child of {name} woke")

    async def main() -> None:
        for name in ("a", "b"):
            loop.call_soon(lambda name=name: loop.create_task(victim(name)), context=loop.context_of(name))
        await asyncio.sleep(1.5)
        loop.kill("a")
        await asyncio.sleep(5)
        assert seen == ["a woke", "b woke", "child of b woke", "b ended"]

    run(loop, main)


def test_a_violation_is_not_swallowed_by_a_task_that_expects_exceptions(loop: SimLoop) -> None:
    async def careless() -> None:
        with suppress(Exception):
            raise Violation("rule", "detail")

    async def main() -> None:
        loop.create_task(careless())
        await asyncio.sleep(1)

    with pytest.raises(Violation, match="rule: detail"):
        run(loop, main)


async def broken() -> None:
    raise ZeroDivisionError


async def endless() -> None:
    await asyncio.sleep(0)
    await endless()


async def stuck() -> None:
    await asyncio.get_running_loop().create_future()


async def breaks_in_a_callback() -> None:
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(1)


@pytest.mark.parametrize(
    ("main", "rule"), [(endless, "livelock"), (stuck, "deadlock"), (breaks_in_a_callback, "unhandled exception")]
)
def test_what_can_not_go_on_is_a_violation(loop: SimLoop, main: Callable[[], Any], rule: str) -> None:
    with pytest.raises(Violation) as found:
        run(loop, main)
    assert found.value.rule == rule


def test_the_trace_tells_two_orders_of_the_same_steps_apart() -> None:
    def trace(*delays: float) -> str:
        loop = SimLoop()  # type: ignore[abstract]

        async def main() -> None:
            for name, delay in zip("ab", delays, strict=True):
                loop.call_later(delay, print, context=loop.context_of(name))
            await asyncio.sleep(3)

        run(loop, main)
        return loop.trace

    assert trace(1, 2) == trace(1, 2)
    assert trace(1, 2) != trace(2, 1)
