"""Other people's accounts: what administrators do with them, and whoever runs the server.

Nobody can sign in to an account that is disabled. What its owner has said stays, and so do they in their rooms.
"""

import logging
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import replace
from functools import partial

from hubbub.domain.ids import SessionId, UserId
from hubbub.domain.permissions import require_administrator, require_another_administrator, require_other
from hubbub.domain.users import Identity, User
from hubbub.services.credentials import Credentials
from hubbub.services.ports import MAX_PAGE, Clock, Fanout, Store, Tx
from hubbub.services.users import no_user

_log = logging.getLogger(__name__)


class Administration:
    """Use cases about other people's accounts. Sockets of a session that ends are closed right after the commit.

    `by` is who wants it; None is whoever runs the server, and is asked for no permission.
    """

    def __init__(self, store: Store, credentials: Credentials, clock: Clock, fanout: Fanout) -> None:
        self._store = store
        self._credentials = credentials
        self._clock = clock
        self._fanout = fanout

    async def everybody(self) -> AsyncIterator[User]:
        """All users by username, for whoever runs the server."""
        after: str | None = None
        while True:
            page = await self._store.read(partial(_page, after=after))
            for user in page:
                yield user
            if len(page) < MAX_PAGE:
                return
            after = page[-1].username

    async def find(self, login: str) -> User:
        """Whose username or e-mail address this is, for whoever runs the server. Raise NotFound."""
        user = await self._store.read(lambda tx: tx.users.find(login))
        if user is None:
            raise no_user(login)
        return user

    async def disable(self, user_id: UserId, *, by: Identity | None) -> User:
        """Let nobody sign in to this account, and end its sessions. It stays disabled since the first time.

        Raise Forbidden, also for one's own account; NotFound; Conflict for that of the last administrator.
        """
        now = self._clock.now()

        def disabled(user: User, administrators: Collection[UserId]) -> User:
            if by is not None:
                require_other(by.user_id, user_id)
            require_another_administrator(user_id, administrators)
            return user if user.disabled_at is not None else replace(user, disabled_at=now)

        return await self._change(user_id, disabled, by, "an account was disabled")

    async def enable(self, user_id: UserId, *, by: Identity | None) -> User:
        """Let its owner sign in again. Raise Forbidden, NotFound."""
        return await self._change(
            user_id, lambda user, _: replace(user, disabled_at=None), by, "an account was enabled"
        )

    async def grant_admin(self, user_id: UserId) -> User:
        """Make somebody an administrator, for whoever runs the server. Raise NotFound."""
        return await self._change(
            user_id, lambda user, _: replace(user, is_admin=True), None, "an administrator was appointed"
        )

    async def revoke_admin(self, user_id: UserId) -> User:
        """Make them one of the people again, for whoever runs the server. Raise NotFound, Conflict for the last one."""

        def revoked(user: User, administrators: Collection[UserId]) -> User:
            require_another_administrator(user_id, administrators)
            return replace(user, is_admin=False)

        return await self._change(user_id, revoked, None, "an administrator was dismissed")

    async def reset_password(self, user_id: UserId, password: str) -> User:
        """Set another password, and sign out all devices, for whoever runs the server. Raise NotFound, Invalid."""
        password_hash = await self._credentials.hash(password)
        return await self._change(
            user_id, lambda user, _: replace(user, password_hash=password_hash), None, "a password was reset"
        )

    async def _change(
        self,
        user_id: UserId,
        change: Callable[[User, Collection[UserId]], User],
        by: Identity | None,
        done: str,
    ) -> User:
        """`change` gets the user, and the administrators whose accounts are not disabled."""
        if by is not None:
            require_administrator(by.is_admin)  # most who may not are refused without a write

        def run(tx: Tx) -> tuple[User, list[SessionId]]:
            # They are locked first: two who disable each other at the same moment would leave the server without one.
            administrators = [user.id for user in tx.users.administrators()]
            if by is not None:
                require_administrator(by.user_id in administrators)
            user = tx.users.get(user_id)
            if user is None:
                raise no_user(user_id)
            changed = change(user, administrators)
            tx.users.update(changed)
            if changed.disabled_at is None and changed.password_hash == user.password_hash:
                return changed, []
            ended = [session.id for session in tx.sessions.of_user(user_id)]
            tx.sessions.end(ended)
            return changed, ended

        user, ended = await self._store.write(run)
        if ended:
            self._fanout.end_sessions(ended)
        _log.info(done, extra={"user_id": user_id, "by": None if by is None else by.user_id})
        return user


def _page(tx: Tx, after: str | None) -> list[User]:
    return tx.users.search("", after=after, limit=MAX_PAGE, with_disabled=True)
