"""Transactions in memory."""

from collections.abc import Callable
from typing import TypeVar

from hubbub.domain.errors import Unavailable
from hubbub.services.ports import Tx
from hubbub.stores.memory.log import MemoryLog
from hubbub.stores.memory.members import MemoryMembers
from hubbub.stores.memory.messages import MemoryMessages
from hubbub.stores.memory.rate_limits import MemoryRateLimits
from hubbub.stores.memory.reads import MemoryReads
from hubbub.stores.memory.rooms import MemoryRooms
from hubbub.stores.memory.sessions import MemorySessions
from hubbub.stores.memory.tables import Tables
from hubbub.stores.memory.users import MemoryUsers

T = TypeVar("T")


class MemoryTx:
    """The repositories over one set of tables."""

    def __init__(self, tables: Tables) -> None:
        self.users = MemoryUsers(tables)
        self.sessions = MemorySessions(tables)
        self.rooms = MemoryRooms(tables)
        self.members = MemoryMembers(tables)
        self.log = MemoryLog(tables)
        self.messages = MemoryMessages(tables)
        self.reads = MemoryReads(tables)
        self.rate_limits = MemoryRateLimits(tables)


class MemoryStore:
    """A `Store` that lives as long as the process.

    `fn` runs at once, in the calling coroutine, and nothing else runs meanwhile: that alone makes every transaction
    see one snapshot and makes writes serial.
    """

    def __init__(self, *, epoch: str = "memory") -> None:
        self._tables = Tables(epoch)
        self._tx = MemoryTx(self._tables)
        self._closed = False

    async def read(self, fn: Callable[[Tx], T]) -> T:
        self._require_open()
        return fn(self._tx)

    async def lookup(self, fn: Callable[[Tx], T]) -> T:
        return await self.read(fn)

    async def write(self, fn: Callable[[Tx], T]) -> T:
        self._require_open()
        with self._tables.undo.transaction():
            return fn(self._tx)

    async def close(self) -> None:
        self._closed = True

    def _require_open(self) -> None:
        if self._closed:
            raise Unavailable("the store is closed")
