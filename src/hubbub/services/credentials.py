"""Is it really them? Passwords, and how often one may be tried.

A stranger learns nothing here: an unknown login and a wrong password are refused in the same words, after the same
work.
"""

import logging
from dataclasses import replace

from hubbub.domain.errors import Forbidden, Invalid, Unauthenticated
from hubbub.domain.texts import MAX_PASSWORD, check_email, check_password, check_username
from hubbub.domain.users import Identity, User
from hubbub.services.policies import AccountsPolicy
from hubbub.services.ports import Clock, PasswordHasher, Store, Tx
from hubbub.services.rate_limits import RateLimit, address_key

FROM_ANYWHERE = 10  # times as many attempts may be made for a login, from all addresses together, as from one

log = logging.getLogger(__name__)


class Credentials:
    """Checks passwords, at most `policy.login_rate` a minute for each address, and ten times as many for each login.

    So nobody can lock others out from one address, and many addresses together don't get far with one login. Who is
    signed in has attempts of their own.

    What counts is the login as it was typed, so that the limit is the same for those that do not exist, and does not
    tell that a username and an e-mail address belong together. A success counts like a failure.
    """

    def __init__(self, store: Store, hasher: PasswordHasher, clock: Clock, policy: AccountsPolicy) -> None:
        self._store = store
        self._hasher = hasher
        self._logins = RateLimit(policy.login_rate * FROM_ANYWHERE, store, clock, "log-ins with one name")
        self._addresses = RateLimit(policy.login_rate, store, clock, "log-ins from one address")
        self._users = RateLimit(policy.login_rate, store, clock, "confirmations of one user")

    async def admit(self, address: str) -> None:
        """Count a stranger's request that costs as much as a log-in. Raise RateLimited, Unavailable."""
        await self._addresses.take(address_key(address), address=address)

    async def hash(self, password: str, *, field: str = "password") -> str:
        """The hash of a new password. Raise Invalid when it breaks the rules, Unavailable when too many wait."""
        return await self._hasher.hash(check_password(password, field=field))

    async def check(self, login: str, password: str, *, address: str) -> User:
        """The user with this username or e-mail address, in any case, and this password.

        A hash made with other parameters than today's is replaced. Raise Unauthenticated, RateLimited, Unavailable.
        """
        await self.admit(address)
        await self._logins.take(login.casefold(), address=address)
        if not (_could_be_login(login) and _could_be_password(password)):
            raise _wrong(address)
        user = await self._store.read(lambda tx: tx.users.find(login))
        if not await self._hasher.verify(password, user.password_hash if user else None) or user is None:
            raise _wrong(address, user)
        if not self._hasher.outdated(user.password_hash):
            return user
        password_hash = await self._hasher.hash(password)
        return await self._store.write(lambda tx: replace_hash(tx, user, password_hash))

    async def confirm(self, identity: Identity, password: str, *, field: str) -> User:
        """The user behind an identity, who knows their password too.

        For what must not be done from a device that was left open. Raise Forbidden (the client is signed in, and should
        stay so), RateLimited, Unavailable.
        """
        await self._users.take(str(identity.user_id), user_id=identity.user_id)
        user = await self._store.read(lambda tx: tx.users.get(identity.user_id))
        if (
            user is None
            or not _could_be_password(password)
            or not await self._hasher.verify(password, user.password_hash)
        ):
            raise Forbidden("this is not your password", field=field)
        return user


def require_unchanged(tx: Tx, user: User) -> User:
    """The user as they are now, if their password is still the one that was checked before this transaction."""
    current = tx.users.get(user.id)
    if current is None or current.password_hash != user.password_hash:
        raise Unauthenticated("the password has just been changed")
    return current


def replace_hash(tx: Tx, user: User, password_hash: str) -> User:
    """The user, with another hash, unless they have got one since `user` was read."""
    changed = replace(require_unchanged(tx, user), password_hash=password_hash)
    tx.users.update(changed)
    return changed


def _wrong(address: str, user: User | None = None) -> Unauthenticated:
    """Log a failure, but not the login: it may be a password that was typed into the wrong field."""
    log.warning("a log-in failed", extra={"address": address, "user_id": user and user.id})
    return Unauthenticated("wrong username, e-mail address or password")


# What no account can have is not worth a hash, and refusing it at once tells nothing about any account.


def _could_be_login(login: str) -> bool:
    try:
        check_email(login) if "@" in login else check_username(login)
    except Invalid:
        return False
    return True


def _could_be_password(password: str) -> bool:
    """The bounds of today apply to new passwords; here only what would cost too much, or could not be hashed at all."""
    return len(password) <= MAX_PASSWORD and not any("\ud800" <= character <= "\udfff" for character in password)
