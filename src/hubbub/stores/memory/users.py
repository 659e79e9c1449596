"""Users in memory."""

from collections.abc import Collection
from dataclasses import replace

from hubbub.domain.errors import Conflict, NotFound
from hubbub.domain.ids import Millis, UserId
from hubbub.domain.users import User
from hubbub.stores.memory.tables import Tables


class MemoryUsers:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def add(
        self, *, username: str, email: str, display_name: str, password_hash: str, at: Millis, is_admin: bool = False
    ) -> User:
        self._require_free(username, email)
        user = User(
            id=UserId(self._tables.next_id("users")),
            username=username,
            email=email,
            display_name=display_name,
            password_hash=password_hash,
            is_admin=is_admin,
            created_at=at,
        )
        self._put(user)
        return user

    def get(self, user_id: UserId) -> User | None:
        return self._tables.users.get(user_id)

    def get_many(self, user_ids: Collection[UserId]) -> dict[UserId, User]:
        users = self._tables.users
        return {user_id: users[user_id] for user_id in user_ids if user_id in users}

    def find(self, login: str) -> User | None:
        key = login.lower()
        user_id = self._tables.usernames.get(key) or self._tables.emails.get(key)
        return None if user_id is None else self._tables.users[user_id]

    def administrators(self) -> list[User]:
        enabled = [user for user in self._tables.users.values() if user.is_admin and user.disabled_at is None]
        return sorted(enabled, key=lambda user: user.id)

    def update(self, user: User) -> None:
        old = self._require(user.id)
        self._require_free(user.username, user.email, but=user.id)
        self._drop(old)
        self._put(replace(user, created_at=old.created_at))

    def search(self, query: str, *, after: str | None, limit: int, with_disabled: bool = False) -> list[User]:
        wanted = query.lower()
        first = "" if after is None else after.lower()
        users = [(name, self._tables.users[user_id]) for name, user_id in sorted(self._tables.usernames.items())]
        found = [
            user
            for name, user in users
            if name > first
            and (wanted in name or wanted in user.display_name.lower())
            and (with_disabled or user.disabled_at is None)
        ]
        return found[:limit]

    def _require(self, user_id: UserId) -> User:
        user = self._tables.users.get(user_id)
        if user is None:
            raise NotFound(f"there is no user {user_id}")
        return user

    def _require_free(self, username: str, email: str, *, but: UserId | None = None) -> None:
        if self._tables.usernames.get(username.lower(), but) != but:
            raise Conflict("this username is taken", field="username")
        if self._tables.emails.get(email.lower(), but) != but:
            raise Conflict("this e-mail address is taken", field="email")

    def _put(self, user: User) -> None:
        self._tables.users[user.id] = user
        self._tables.usernames[user.username.lower()] = user.id
        self._tables.emails[user.email.lower()] = user.id

    def _drop(self, user: User) -> None:
        del self._tables.users[user.id]
        del self._tables.usernames[user.username.lower()]
        del self._tables.emails[user.email.lower()]
