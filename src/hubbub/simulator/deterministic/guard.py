"""While a run lasts, nobody gets time, randomness, threads or sockets from outside of it.

What is said to a log is told to the run instead: an error there is a defect. It must not know what is simulated.
"""

import gc
import logging
import os
import random
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from hubbub.simulator.deterministic.loop import Violation

_FORBIDDEN: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (time, ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep")),
    (random, ("random", "randint", "randrange", "choice", "choices", "shuffle", "sample", "uniform", "SystemRandom")),
    (os, ("urandom",)),
    (uuid, ("uuid1", "uuid4")),
    (secrets, ("token_bytes", "token_hex", "token_urlsafe", "choice", "randbelow")),
    (threading.Thread, ("start",)),
    (socket, ("socket", "create_connection", "getaddrinfo")),
)

Said = Callable[[int, str, str], None]
"""Called with the level, the logger's name and the text of what was said."""


@contextmanager
def sealed(said: Said) -> Iterator[None]:
    """Raise Violation, inside of the block, where anything from outside of the run is asked for."""
    with ExitStack() as stack:
        for owner, names in _FORBIDDEN:
            for name in names:
                _replace(stack, owner, name, _refuse(f"{getattr(owner, '__name__', owner)}.{name}"))
        _replace(stack, logging.Logger, "_log", _listener(said))
        collecting = gc.isenabled()
        gc.disable()  # it would run the `finally` blocks of killed processes
        if collecting:
            stack.callback(gc.enable)
        yield


def _replace(stack: ExitStack, owner: Any, name: str, value: object) -> None:
    stack.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)


def _refuse(name: str) -> Callable[..., object]:
    def refuse(*args: object, **kwargs: object) -> object:
        raise Violation("not deterministic", f"{name} was called")

    return refuse


def _listener(said: Said) -> Callable[..., None]:
    def log(
        logger: logging.Logger, level: int, msg: object, args: tuple[object, ...], exc_info: object = None, **_: object
    ) -> None:
        text = str(msg) % args if args else str(msg)
        said(level, logger.name, text if exc_info is None else f"{text}: {exc_info!r}")

    return log
