"""Argon2id in a few worker threads, behind a queue of bounded length.

A hash takes a good part of a second and 64 MiB on purpose. Without a bound a burst of sign-ins would take the memory
and the cores of the whole server; with it the burst is told to come back, and everybody else does not notice.
"""

import asyncio
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import argon2
from pwdlib.hashers.argon2 import Argon2Hasher as Argon2

from hubbub.domain.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

RETRY_AFTER = 2.0  # seconds


class Argon2Hasher:
    """Implements `ports.PasswordHasher`. Made on the event loop's thread; making it computes one hash."""

    def __init__(
        self,
        *,
        workers: int = 2,
        queue: int = 64,  # calls that may wait for a worker
        time_cost: int = argon2.DEFAULT_TIME_COST,  # passes over the memory (RFC 9106 4, the second recommendation)
        memory_cost: int = argon2.DEFAULT_MEMORY_COST,  # KiB, for each worker
        parallelism: int = argon2.DEFAULT_PARALLELISM,  # lanes within a hash
    ) -> None:
        self._argon2 = Argon2(time_cost=time_cost, memory_cost=memory_cost, parallelism=parallelism)
        self._nobody = self._argon2.hash(
            secrets.token_bytes()
        )  # what a password is compared with when there is no user
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="hubbub-passwords")
        self._places = threading.Semaphore(workers + queue)
        self._closed = False

    async def hash(self, password: str) -> str:
        return await self._run(self._argon2.hash, password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        return await self._run(self._verify, password, password_hash)

    def outdated(self, password_hash: str) -> bool:
        return self._argon2.check_needs_rehash(password_hash)

    async def close(self) -> None:
        """Let what is running and waiting finish. Afterwards both calls raise Unavailable."""
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown)

    def _verify(self, password: str, password_hash: str | None) -> bool:
        if password_hash is None or not self._argon2.identify(password_hash):
            self._argon2.verify(password, self._nobody)
            return False
        return self._argon2.verify(password, password_hash)

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._closed or not self._places.acquire(blocking=False):
            raise Unavailable("too many passwords are being checked at the moment", retry_after=RETRY_AFTER)
        job = self._pool.submit(work, *args, **kwargs)
        # The place is free when the work is done, not when its caller has gone: a hash cannot be interrupted.
        job.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(job)
