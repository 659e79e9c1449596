"""Everything around accounts, put together as the server does it: real parts, the cheapest Argon2, and a clock."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher as Argon2

from hubbub.domain.events import Event
from hubbub.domain.ids import RoomId, SessionId
from hubbub.domain.users import Identity, User
from hubbub.security.keys import parse_keys
from hubbub.security.passwords import Argon2Hasher
from hubbub.security.tokens import JwtTokens
from hubbub.services.accounts import Accounts, Grant
from hubbub.services.administration import Administration
from hubbub.services.credentials import Credentials
from hubbub.services.policies import AccountsPolicy
from hubbub.services.ports import Store, Tx
from hubbub.services.searches import Searches
from hubbub.services.users import UserDirectory
from hubbub.stores.memory import MemoryStore
from hubbub.stores.memory.users import MemoryUsers
from tests.clocks import ManualClock

PASSWORD = "correct horse"
HOME = "192.0.2.1"


class RecordingFanout:
    """Implements `ports.Fanout`: remembers which sessions' sockets were to be closed."""

    def __init__(self) -> None:
        self.ended: list[SessionId] = []

    def publish(self, events: Sequence[Event], epoch: str) -> None:
        raise AssertionError("accounts have no events")

    def resync(self, room_ids: Collection[RoomId]) -> None:
        raise AssertionError("accounts have no rooms")

    def end_sessions(self, session_ids: Collection[SessionId]) -> None:
        assert session_ids
        self.ended.extend(session_ids)


class People:
    def __init__(self, policy: AccountsPolicy, *, time_cost: int = 1, store: Store | None = None) -> None:
        self.policy = policy
        self.store: Store = store or MemoryStore()
        self.clock = ManualClock()
        self.fanout = RecordingFanout()
        self.tokens = JwtTokens(parse_keys("k" * 32), self.clock)
        self.hasher = Argon2Hasher(time_cost=time_cost, memory_cost=8, parallelism=1)
        self.credentials = Credentials(self.store, self.hasher, self.clock, policy)
        self.accounts = Accounts(self.store, self.credentials, self.tokens, self.clock, self.fanout, policy)
        self.administration = Administration(self.store, self.credentials, self.clock, self.fanout)
        self.directory = UserDirectory(self.store, self.credentials, Searches(self.store))

    async def register(self, username: str = "Ann") -> User:
        return await self.accounts.register(username, f"{username}@example.org", PASSWORD)

    async def login(self, login: str = "Ann", password: str = PASSWORD, *, address: str = HOME) -> Grant:
        return await self.accounts.login(login, password, address=address, label="a browser")

    async def sign_in(self, login: str = "Ann") -> Identity:
        return await self.accounts.authenticate((await self.login(login)).access_token)

    async def stored(self, user: User) -> User:
        found = await self.store.read(lambda tx: tx.users.get(user.id))
        assert found is not None
        return found

    async def change(self, user: User) -> None:
        await self.store.write(lambda tx: tx.users.update(user))

    async def forget(self, user: User) -> None:
        """They registered after the backup that was restored just now."""

        def drop(tx: Tx) -> None:
            assert isinstance(tx.users, MemoryUsers)
            tx.sessions.end([session.id for session in tx.sessions.of_user(user.id)])
            tx.users._drop(user)

        await self.store.write(drop)

    async def close(self) -> None:
        await self.hasher.close()
        await self.store.close()


async def change_after_verify(people: People, monkeypatch: pytest.MonkeyPatch, user: User) -> None:
    """Have the next password check end just after somebody else has changed the password."""
    loop = asyncio.get_running_loop()
    verify = Argon2.verify
    changed = replace(user, password_hash="!")

    def overtaken(argon2: Argon2, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002
        asyncio.run_coroutine_threadsafe(people.change(changed), loop).result(timeout=30)
        return verify(argon2, password, hash)

    monkeypatch.setattr(Argon2, "verify", overtaken)
