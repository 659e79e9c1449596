"""Where access tokens come from: given, refreshed, or fetched with a password.

A refresh token is good for one use, and a second use ends the session. So there is one refresh at a time, whoever asks
for it, and it goes on when who asked is cancelled. A second use after a lost answer is none if it is by the same word,
the attempt: so that is told to who keeps the tokens before it is sent, and stays until there is an answer.
"""

import asyncio
import re
import secrets
from collections.abc import Callable
from typing import Annotated

import msgspec

from hubbub.client.errors import CLOSED, Closed
from hubbub.client.ports import AccessToken
from hubbub.client.rest import Rest
from hubbub.client.results import Tokens
from hubbub.domain.errors import Invalid, Unauthenticated

EARLY = 5.0  # seconds before its end in which a token is no longer used

_ONE_WORD = r"^[!-~]+\Z"  # what a header can hold in one word (RFC 9110 5.5)
Token = Annotated[str, msgspec.Meta(pattern=_ONE_WORD)]


class GrantBody(msgspec.Struct, frozen=True):
    access_token: Token
    refresh_token: Token
    expires_in: int


def check_credentials(
    *, token: str | None, refresh_token: str | None, username: str | None, password: str | None
) -> None:
    """Is there something to sign in with, and may it be sent? Raise Invalid, which shows none of it."""
    for field, value in (("token", token), ("refresh_token", refresh_token)):
        if value is not None and re.search(_ONE_WORD, value) is None:
            raise Invalid(
                f"{field} must be one word of printable ASCII characters: no space, no line feed at its end",
                field=field,
            )
    if username is None and password is None and token is None and refresh_token is None:
        raise Invalid("give username and password, or token, or refresh_token", field="token")
    if username is not None and password is None:
        raise Invalid("password is missing: a username goes with one", field="password")
    if password is not None and username is None:
        raise Invalid("username is missing: a password goes with one", field="username")


class SessionCredentials:
    """Implements `ports.Credentials` for one session. Give it what there is: tokens, a name and a password, or both."""

    def __init__(
        self,
        rest: Rest,
        *,
        token: str | None = None,
        refresh_token: str | None = None,
        attempt: str | None = None,
        username: str | None = None,
        password: str | None = None,
        label: str = "",
        changed: Callable[[Tokens], None] | None = None,
    ) -> None:
        """`label`: what the device calls itself. `changed` is told whenever there is something new to keep."""
        self._rest = rest
        self._token = None if token is None else AccessToken(token)
        self._refresh_token = refresh_token
        self._attempt = attempt
        self._login = None if username is None or password is None else (username, password)
        self._label = label
        self._changed = changed
        self._renewing: asyncio.Task[AccessToken] | None = None
        self._refreshing = False  # a refresh token is on its way
        self._closed = False

    @property
    def tokens(self) -> Tokens | None:
        """The current ones, to be kept for the next time; None before the first."""
        return None if self._token is None else self._kept(self._attempt)

    async def token(self) -> AccessToken:
        token = self._token
        if token is None:
            return await self._renew_once()
        if token.expires_at is not None and token.expires_at - EARLY <= asyncio.get_running_loop().time():
            return await self.renew(token.value)
        return token

    async def renew(self, rejected: str) -> AccessToken:
        if self._token is not None and self._token.value != rejected:
            return self._token  # somebody else was told so before
        return await self._renew_once()

    def forget_password(self) -> None:
        """Sign in no more: the session is meant to end."""
        self._login = None

    async def close(self) -> None:
        """Wait for a refresh that is under way, so that its tokens are not lost; end a login, which has none."""
        self._closed = True
        if self._renewing is not None:
            if not self._refreshing:
                self._renewing.cancel()
            await asyncio.wait([self._renewing])

    async def _renew_once(self) -> AccessToken:
        task = self._renewing
        if task is None:
            task = self._renewing = asyncio.get_running_loop().create_task(self._renew())
            task.add_done_callback(self._renewed)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._closed and task.cancelled():
                raise Closed(CLOSED) from None
            raise

    def _renewed(self, task: "asyncio.Task[AccessToken]") -> None:
        self._renewing = None
        if not task.cancelled():
            task.exception()  # it is raised where it is waited for, if anywhere

    async def _renew(self) -> AccessToken:
        if self._refresh_token is not None and not self._closed:
            self._refreshing = True
            try:
                return self._granted(await self._refresh(self._refresh_token))
            except Unauthenticated:
                self._refresh_token = self._attempt = None
                if self._login is None:
                    raise
            finally:
                self._refreshing = False
        if self._closed:
            raise Closed(CLOSED)
        if self._login is None:
            raise Unauthenticated("the access token is not valid (any more): sign in again")
        username, password = self._login
        body = {"username": username, "password": password, "label": self._label}
        return self._granted(await self._rest.ask(GrantBody, "POST", "/auth/login", body=body))

    async def _refresh(self, refresh_token: str) -> GrantBody:
        if self._attempt is None:
            attempt = secrets.token_urlsafe(16)
            self._tell(attempt)
            self._attempt = attempt  # once it is kept
        body = {"refresh_token": refresh_token, "attempt": self._attempt}
        return await self._rest.ask(GrantBody, "POST", "/auth/refresh", body=body, repeatable=True)

    def _granted(self, grant: GrantBody) -> AccessToken:
        self._refresh_token = grant.refresh_token
        self._attempt = None
        self._token = AccessToken(grant.access_token, asyncio.get_running_loop().time() + grant.expires_in)
        self._tell(None)
        return self._token

    def _kept(self, attempt: str | None) -> Tokens:
        return Tokens(None if self._token is None else self._token.value, self._refresh_token, attempt)

    def _tell(self, attempt: str | None) -> None:
        if self._changed is not None:
            self._changed(self._kept(attempt))
