"""Users in SQL."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Integer,
    bindparam,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from hubbub.domain.errors import Conflict, NotFound
from hubbub.domain.ids import Millis, UserId
from hubbub.domain.users import User
from hubbub.stores.sql.dialects import Keys, contains, encode_keys, locks
from hubbub.stores.sql.savepoints import savepoint
from hubbub.stores.sql.statements import Statement
from hubbub.stores.sql.tables import users

_COLUMNS = (
    users.c.id,
    users.c.username,
    users.c.email,
    users.c.display_name,
    users.c.password_hash,
    users.c.is_admin,
    users.c.created_at,
    users.c.disabled_at,
)
_CHANGEABLE: dict[str, BindParameter[object]] = {
    name: bindparam(name)
    for name in (
        "username",
        "username_lower",
        "email",
        "email_lower",
        "display_name",
        "password_hash",
        "is_admin",
        "disabled_at",
    )
}
_ADD = Statement(insert(users).values(**_CHANGEABLE, created_at=bindparam("created_at")).returning(users.c.id))
_GET = Statement(select(*_COLUMNS).select_from(Keys(1).join(users, users.c.id)))
_LOCK = Statement(select(*_COLUMNS).where(users.c.id == bindparam("user_id")).with_for_update(key_share=True))
# Two statements, not one with OR, for which a planner that believes the table to be small reads all of it.
_BY_USERNAME = Statement(select(*_COLUMNS).where(users.c.username_lower == bindparam("login")))
_BY_EMAIL = Statement(select(*_COLUMNS).where(users.c.email_lower == bindparam("login")))
_ENABLED_ADMINISTRATORS = (
    select(*_COLUMNS)
    .where(users.c.is_admin == literal_column("1"), users.c.disabled_at.is_(None))  # with a parameter: no index is used
    .order_by(users.c.id)
)
_ADMINISTRATORS = Statement(_ENABLED_ADMINISTRATORS)
_LOCK_ADMINISTRATORS = Statement(_ENABLED_ADMINISTRATORS.with_for_update(key_share=True))
_UPDATE = Statement(update(users).values(**_CHANGEABLE).where(users.c.id == bindparam("user_id")))
_SEARCH = Statement(
    select(*_COLUMNS)
    .where(
        users.c.username_lower > bindparam("after"),
        or_(users.c.disabled_at.is_(None), bindparam("with_disabled", type_=Integer) == literal_column("1")),
        or_(contains(users.c.username, bindparam("query")), contains(users.c.display_name, bindparam("query"))),
    )
    .order_by(users.c.username_lower)
    .limit(bindparam("limit"))
)


class SqlUsers:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self, *, username: str, email: str, display_name: str, password_hash: str, at: Millis, is_admin: bool = False
    ) -> User:
        user = User(
            id=UserId(0),
            username=username,
            email=email,
            display_name=display_name,
            password_hash=password_hash,
            is_admin=is_admin,
            created_at=at,
        )
        self._require_free(user)
        with savepoint(self._connection, Conflict("this username or e-mail address is taken")):
            added = _ADD.first(self._connection, **_changeable(user), created_at=at)
        return replace(user, id=UserId(added.id))

    def get(self, user_id: UserId) -> User | None:
        if not locks(self._connection):
            return self.get_many([user_id]).get(user_id)
        row = _LOCK.first(self._connection, user_id=user_id)
        return None if row is None else _user(row)

    def get_many(self, user_ids: Collection[UserId]) -> dict[UserId, User]:
        return {UserId(row.id): _user(row) for row in _GET.rows(self._connection, keys=encode_keys(user_ids))}

    def find(self, login: str) -> User | None:
        key = login.lower()
        row = _BY_USERNAME.first(self._connection, login=key) or _BY_EMAIL.first(self._connection, login=key)
        return None if row is None else _user(row)

    def administrators(self) -> list[User]:
        statement = _LOCK_ADMINISTRATORS if locks(self._connection) else _ADMINISTRATORS
        return [_user(row) for row in statement.rows(self._connection)]

    def update(self, user: User) -> None:
        self._require_free(user)
        with savepoint(self._connection, Conflict("this username or e-mail address is taken")):
            updated = _UPDATE.run(self._connection, **_changeable(user), user_id=user.id)
        if updated != 1:
            raise NotFound(f"there is no user {user.id}")

    def search(self, query: str, *, after: str | None, limit: int, with_disabled: bool = False) -> list[User]:
        first = "" if after is None else after.lower()
        rows = _SEARCH.rows(
            self._connection, query=query.lower(), after=first, limit=limit, with_disabled=int(with_disabled)
        )
        return [_user(row) for row in rows]

    def _require_free(self, user: User) -> None:
        """Say which of the two is taken; the savepoint that follows speaks for those who ask at the same time."""
        holder = _BY_USERNAME.first(self._connection, login=user.username.lower())
        if holder is not None and holder.id != user.id:
            raise Conflict("this username is taken", field="username")
        holder = _BY_EMAIL.first(self._connection, login=user.email.lower())
        if holder is not None and holder.id != user.id:
            raise Conflict("this e-mail address is taken", field="email")


def _changeable(user: User) -> dict[str, object]:
    return {
        "username": user.username,
        "username_lower": user.username.lower(),
        "email": user.email,
        "email_lower": user.email.lower(),
        "display_name": user.display_name,
        "password_hash": user.password_hash,
        "is_admin": int(user.is_admin),
        "disabled_at": user.disabled_at,
    }


def _user(row: Any) -> User:
    return User(
        id=UserId(row.id),
        username=row.username,
        email=row.email,
        display_name=row.display_name,
        password_hash=row.password_hash,
        is_admin=bool(row.is_admin),
        created_at=Millis(row.created_at),
        disabled_at=row.disabled_at,
    )
