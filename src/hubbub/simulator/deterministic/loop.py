"""An event loop in which time is a number and every step is known.

What is ready runs in the order in which it became ready; when nothing is, time jumps to the next timer. Every callback
belongs to an *actor* (a process of the simulated world), which whatever it starts inherits. A killed actor ends as with
`kill -9`: its callbacks are dropped, and none of its `finally` blocks run, for which the collector must be off and what
was dropped is kept.

It must not know what is simulated.
"""

import asyncio
import hashlib
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

_ACTOR: ContextVar[str] = ContextVar("actor", default="world")


class Violation(SystemExit):
    """A promise was broken. An ordinary exception would be swallowed by some task, and all would look well."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}"


class _Step(asyncio.TimerHandle):
    """A callback, and whose it is."""

    __slots__ = ("actor",)

    def __init__(
        self, when: float, callback: Callable[..., object], args: Any, loop: "SimLoop", context: Context | None
    ) -> None:
        context = copy_context() if context is None else context
        super().__init__(when, callback, args, loop, context)
        self.actor = context.get(_ACTOR, "world")


class SimLoop(asyncio.AbstractEventLoop):
    """Runs until a coroutine is done. `trace` is equal for two runs that took the same steps."""

    def __init__(self) -> None:
        self.steps = 0
        self.untraced: dict[str, None] = {}  # actors that use what asyncio does in other steps in other releases
        self._now = 0.0  # seconds since the run began
        self._ready: deque[_Step] = deque()
        self._timers: list[tuple[float, int, _Step]] = []
        self._order = 0  # the first of two timers with the same time goes first
        self._dead: dict[str, None] = {}
        self._dropped: list[_Step] = []
        self._closed = False
        self._trace = hashlib.blake2b(digest_size=16)

    # Actors

    def context_of(self, actor: str) -> Context:
        """For `call_soon` and its like: the callback is this actor's, and so is everything that it starts."""
        context = copy_context()
        context.run(_ACTOR.set, actor)
        return context

    def kill(self, actor: str) -> None:
        """Nothing of this actor runs from now on. Its name must not be used again."""
        self._dead[actor] = None

    # Running

    def run(self, main: Coroutine[Any, Any, T], *, max_steps: int) -> T:
        """Run `main` to its end; raise Violation when it does not come to it."""
        asyncio._set_running_loop(self)
        try:
            task = self.create_task(main)
            while not task.done():
                self._advance(max_steps)
            return task.result()
        finally:
            asyncio._set_running_loop(None)

    def _advance(self, max_steps: int) -> None:
        if not self._ready:
            if not self._timers:
                raise Violation("deadlock", "nothing is ready, and no timer is set")
            when, _, step = heapq.heappop(self._timers)
            self._now = max(self._now, when)
        else:
            step = self._ready.popleft()
        if step.cancelled():
            return
        if step.actor in self._dead:
            self._dropped.append(step)
            return
        self.steps += 1
        if self.steps > max_steps:
            raise Violation("livelock", f"no rest after {max_steps} steps")
        if step.actor not in self.untraced:
            self.note(f"{self._now!r} {step.actor} {_name(step._callback)}")  # type: ignore[attr-defined]
        step._run()

    def note(self, text: str) -> None:
        """Make something part of the trace."""
        self._trace.update(text.encode())

    @property
    def trace(self) -> str:
        return self._trace.hexdigest()

    def close(self) -> None:
        """The run is over: end what still waits, and forget it."""
        self._closed = True
        asyncio._set_running_loop(self)
        ended: set[asyncio.Task[Any]] = set()
        while waiting := asyncio.all_tasks(self) - ended:  # one that ends may have begun another
            ended |= waiting
            for task in waiting:
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                with suppress(BaseException):  # their `finally` blocks find a world that is no more
                    task.get_coro().close()
        asyncio._set_running_loop(None)
        self._ready.clear()
        self._timers.clear()
        self._dropped.clear()

    # What asyncio and its users call

    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        step = _Step(self._now, callback, args, self, context)
        if not self._closed:
            self._ready.append(step)
        return step

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        step = _Step(when, callback, args, self, context)
        if not self._closed:
            self._order += 1
            heapq.heappush(self._timers, (when, self._order, step))
        return step

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, T], *, name: str | None = None, context: Context | None = None
    ) -> "asyncio.Task[T]":
        make = partial(asyncio.Task, coro, loop=self, name=name)
        return make() if context is None else context.run(make)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self._closed

    def is_closed(self) -> bool:
        return self._closed

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Something failed where nobody looks: a callback, or a task whose result nobody has asked for."""
        if not self._closed:
            raise Violation("unhandled exception", f"{context.get('message')}: {context.get('exception')!r}")

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It stays in the heap until its time comes."""


def _name(callback: Callable[..., object]) -> str:
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        return str(owner.get_coro().__qualname__)  # type: ignore[union-attr]
    if isinstance(callback, partial):
        return _name(callback.func)
    return str(getattr(callback, "__qualname__", type(callback).__name__))
