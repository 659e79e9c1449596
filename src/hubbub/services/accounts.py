"""Accounts and the sessions of their devices: register, sign in, stay signed in, sign out.

A **session** is a device that is signed in. It lives in the store, and whatever is shown for it is worth nothing once
it is gone:

- an *access token* says which session it is, and lasts minutes. The session is looked up at each use, so that signing
  out works at once;
- a *refresh token* lasts weeks and is good for one use, which answers with the next one. The session counts these
  generations, and a token of any other generation ends it: there are two copies, and nobody can tell which of them is
  the thief's (RFC 9700 4.14.2). That holds for two uses at the same moment too: one of them turns the generation, the
  other ends the session. So a client refreshes once at a time. One that got no answer can repeat its refresh, when it
  came with an *attempt*, a word that only this client knows: as long as the next token is not used, the answer is that
  token again. It is made of what the session says, and so need not be kept;
- a *ticket* opens one socket within seconds, where an access token would end up in logs.

Both tokens name, besides the id of the session, the moment at which it began: after a restore from a backup ids are
given out again, and a token from before must not open the session of somebody else.
"""

import hashlib
import logging
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from hubbub.domain.errors import Conflict, NotFound, TokenExpired, Unauthenticated
from hubbub.domain.ids import Millis, SessionId, UserId
from hubbub.domain.permissions import require_enabled
from hubbub.domain.texts import MAX_NAME, check_attempt, check_email, check_name, check_username
from hubbub.domain.users import Identity, Session, User
from hubbub.services.credentials import Credentials, replace_hash, require_unchanged
from hubbub.services.display_names import require_own_name
from hubbub.services.imports import require_not_imported
from hubbub.services.policies import AccountsPolicy
from hubbub.services.ports import Clock, Fanout, Store, Tokens, Tx
from hubbub.services.users import name_taken

ACCESS, REFRESH = "access", "refresh"  # purposes of tokens

_log = logging.getLogger(__name__)


def _anybody(id: int) -> None:
    """Admit everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a device gets that has signed in, or has refreshed."""

    user: User
    session_id: SessionId
    access_token: str = field(repr=False)
    expires_in: int  # seconds, rounded down; of the access token
    refresh_token: str = field(repr=False)


class Accounts:
    """Use cases about accounts and sessions. Sockets of a session that ends are closed right after the commit."""

    def __init__(
        self,
        store: Store,
        credentials: Credentials,
        tokens: Tokens,
        clock: Clock,
        fanout: Fanout,
        policy: AccountsPolicy,
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._tokens = tokens
        self._clock = clock
        self._fanout = fanout
        self._policy = policy

    async def register(
        self, username: str, email: str, password: str, display_name: str | None = None, *, address: str | None = None
    ) -> User:
        """A new account; without a display name the username is shown.

        A stranger's `address` is counted with its log-ins. Raise Invalid, Conflict, RateLimited, Unavailable.
        """
        if address is not None:
            await self._credentials.admit(address)
        check_username(username)
        check_email(email)
        require_not_imported(email)
        shown = username if display_name is None else check_name(display_name, field="display_name")
        password_hash = await self._credentials.hash(password)
        now = self._clock.now()

        def add(tx: Tx) -> User:
            user = tx.users.add(username=username, email=email, display_name=shown, password_hash=password_hash, at=now)
            require_own_name(tx, user)
            return user

        try:
            return await self._store.write(add)
        except Conflict:
            raise name_taken() from None

    async def login(self, login: str, password: str, *, address: str, label: str) -> Grant:
        """A new session. `login` is a username or an e-mail address, `label` what the device calls itself.

        Raise Unauthenticated, RateLimited, Unavailable, and Forbidden when the account is disabled: only who knows its
        password is told.
        """
        user = await self._credentials.check(login, password, address=address)
        now = self._clock.now()
        expires_at = _after(now, self._policy.refresh_ttl)

        def begin(tx: Tx) -> tuple[Session, list[SessionId]]:
            require_enabled(require_unchanged(tx, user))
            surplus = [session.id for session in tx.sessions.of_user(user.id)[self._policy.max_sessions - 1 :]]
            tx.sessions.end(surplus)
            return tx.sessions.add(user_id=user.id, label=_clean(label), at=now, expires_at=expires_at), surplus

        session, ended = await self._store.write(begin)
        self._close_sockets(ended)
        return self._grant(user, session, now)

    async def refresh(
        self, refresh_token: str, attempt: str | None = None, *, admit: Callable[[SessionId], None] = _anybody
    ) -> Grant:
        """The next tokens of a session, whose end moves with each refresh.

        `admit` may refuse the session that a genuine token names, whether it goes on or not: nothing has happened then.

        With the same `attempt` it may be repeated until the next refresh token is used, or this one expires: that gives
        the same refresh token and a fresh access token, and changes nothing. Raise TokenExpired, Invalid, and
        Unauthenticated for a token that was used before in any other way: that ends the session.
        """
        attempt_hash = None if attempt is None else _hash(check_attempt(attempt))
        claims = self._tokens.verify(REFRESH, refresh_token)
        admit(SessionId(int(claims["sid"])))
        generation = int(claims["gen"])
        now = self._clock.now()
        expires_at = _after(now, self._policy.refresh_ttl)

        def turn(tx: Tx) -> tuple[User, Session, bool]:
            _, session = _session_of(tx, claims, now)
            turned = tx.sessions.rotate(
                session.id, generation=generation, attempt=attempt_hash, at=now, expires_at=expires_at
            )
            user, session = _session_of(tx, claims, now)  # as it is now, whoever was first
            granted = turned or session.was_made_by(attempt_hash, generation)
            if not granted:
                tx.sessions.end([session.id])
            return user, session, granted

        user, session, granted = await self._store.write(turn)
        if not granted:
            self._close_sockets([session.id])
            _log.warning("a refresh token of user %d was used twice: session %d is ended", user.id, session.id)
            raise Unauthenticated("this refresh token was used before: sign in again")
        return self._grant(user, session, now)

    async def authenticate(self, access_token: str, *, admit: Callable[[UserId], None] = _anybody) -> Identity:
        """Whose token this is, if their session goes on. Raise TokenExpired, Unauthenticated.

        `admit` may refuse the user whom a genuine token names, before their session is looked up.
        """
        claims = self._tokens.verify(ACCESS, access_token)
        admit(UserId(int(claims["sub"])))
        now = self._clock.now()
        user, session = await self._store.lookup(lambda tx: _session_of(tx, claims, now))
        return _identity(user, session, Millis(int(claims["exp"]) * 1000))

    async def issue_ticket(self, identity: Identity) -> str:
        """A word that opens one socket, for as long as the access token that was shown for it would."""
        now = self._clock.now()
        # The hash covers the time too, so that it comes back as it went out.
        ticket = f"{secrets.token_urlsafe(32)}.{identity.expires_at}"
        expires_at = min(_after(now, self._policy.ticket_ttl), identity.expires_at)

        def issue(tx: Tx) -> None:
            _live_session(tx, identity.session_id, now)
            tx.sessions.add_ticket(_hash(ticket), identity.session_id, expires_at)

        try:
            await self._store.write(issue)
        except NotFound:  # it ended while its user was locked
            raise _ended() from None
        return ticket

    async def redeem_ticket(self, ticket: str) -> Identity:
        """Whose ticket this is; it is used up. Raise Unauthenticated, TokenExpired.

        A stranger's word is looked up, and costs no write.
        """
        now = self._clock.now()
        ticket_hash = _hash(ticket)
        session_id = await self._store.lookup(lambda tx: tx.sessions.of_ticket(ticket_hash))
        if session_id is None:
            raise _no_ticket()

        def redeem(tx: Tx) -> tuple[User, Session, bool]:
            # This waits for who changes the password or disables the account just now. Whoever ends a session takes its
            # tickets along: where it ended meanwhile, there is none to take.
            user, session = _live_session(tx, session_id, now)
            return user, session, tx.sessions.take_ticket(ticket_hash, now) == session_id

        user, session, taken = await self._store.write(redeem)
        if not taken:
            raise _no_ticket()
        return _identity(user, session, Millis(int(ticket.rpartition(".")[2])))

    async def sessions(self, user_id: UserId) -> list[Session]:
        """The devices that are signed in, the last used first."""
        now = self._clock.now()
        found = await self._store.read(lambda tx: tx.sessions.of_user(user_id))
        return [session for session in found if session.expires_at > now]

    async def logout(self, identity: Identity) -> None:
        """End the session of this identity; nothing happens when it has ended already."""
        await self._store.write(lambda tx: tx.sessions.end([identity.session_id]))
        self._close_sockets([identity.session_id])

    async def end_session(self, user_id: UserId, session_id: SessionId) -> None:
        """Sign out another of one's own devices. Raise NotFound."""

        def end(tx: Tx) -> None:
            session = tx.sessions.get(session_id)
            if session is None or session.user_id != user_id:
                raise NotFound(f"there is no session {session_id}")
            tx.sessions.end([session_id])

        await self._store.write(end)
        self._close_sockets([session_id])

    async def change_password(self, identity: Identity, old: str, new: str) -> None:
        """Set another password, and sign out all other devices.

        Raise Forbidden when `old` is wrong, Invalid, RateLimited, Unavailable.
        """
        user = await self._credentials.confirm(identity, old, field="old_password")
        password_hash = await self._credentials.hash(new, field="new_password")

        def change(tx: Tx) -> list[SessionId]:
            replace_hash(tx, user, password_hash)
            others = [session.id for session in tx.sessions.of_user(user.id) if session.id != identity.session_id]
            tx.sessions.end(others)
            return others

        self._close_sockets(await self._store.write(change))

    async def purge(self) -> None:
        """Delete what has expired. To be called now and then: nothing but disk space depends on it."""
        now = self._clock.now()

        def purge(tx: Tx) -> list[SessionId]:
            tx.rate_limits.purge(now)
            return tx.sessions.purge(now)

        self._close_sockets(await self._store.write(purge))

    def _grant(self, user: User, session: Session, now: Millis) -> Grant:
        expires_at = min(_after(now, self._policy.access_ttl), session.expires_at)
        claims = _claims(session)
        return Grant(
            user=user,
            session_id=session.id,
            access_token=self._tokens.sign(ACCESS, claims, expires_at),
            expires_in=(expires_at // 1000 * 1000 - now) // 1000,
            refresh_token=self._tokens.sign(REFRESH, {**claims, "gen": session.generation}, session.expires_at),
        )

    def _close_sockets(self, session_ids: Collection[SessionId]) -> None:
        if session_ids:
            self._fanout.end_sessions(session_ids)


def _after(now: Millis, seconds: int) -> Millis:
    return Millis(now + seconds * 1000)


def _claims(session: Session) -> dict[str, int | str]:
    return {"sub": str(session.user_id), "sid": session.id, "since": session.created_at}


def _session_of(tx: Tx, claims: Mapping[str, int | str], now: Millis) -> tuple[User, Session]:
    """The user and the session that a token names. Raise as `_live_session` does."""
    user, session = _live_session(tx, SessionId(int(claims["sid"])), now)
    if not _claims(session).items() <= claims.items():
        raise _ended()
    return user, session


def _live_session(tx: Tx, session_id: SessionId, now: Millis) -> tuple[User, Session]:
    """Raise Unauthenticated when the session has ended, TokenExpired when it has expired."""
    session = tx.sessions.get(session_id)
    user = None if session is None else tx.users.get(session.user_id)
    if session is None or user is None or user.disabled_at is not None:
        raise _ended()
    if session.expires_at <= now:
        raise TokenExpired("this session has expired: sign in again")
    return user, session


def _ended() -> Unauthenticated:
    return Unauthenticated("this session has ended: sign in again")


def _no_ticket() -> Unauthenticated:
    return Unauthenticated("this ticket was used before, or has expired")


def _identity(user: User, session: Session, expires_at: Millis) -> Identity:
    return Identity(user.id, user.username, user.display_name, session.id, user.is_admin, expires_at)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _clean(label: str) -> str:
    """What can be shown of a label: it is often a browser's own words, and no reason to refuse anybody."""
    return "".join(filter(str.isprintable, label)).strip()[:MAX_NAME]
