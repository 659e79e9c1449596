"""`connect`: REST and the live connection of one user, opened and closed together."""

import random as _random
import re
import uuid
from collections.abc import Callable, Collection
from importlib.metadata import version
from types import TracebackType
from typing import Literal

import httpx2

from hubbub.client import api as _api
from hubbub.client.api import Api
from hubbub.client.credentials import SessionCredentials, check_credentials
from hubbub.client.live import Live, Signals
from hubbub.client.ports import Connector
from hubbub.client.rest import Rest
from hubbub.client.results import Person, Profile, RoomSummary, Tokens, person
from hubbub.client.rooms import Room
from hubbub.client.transports import WebSocketConnector
from hubbub.domain.errors import Invalid
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.wire import frames as wire
from hubbub.wire.limits import MAX_WATCHED

TIMEOUT = 30.0  # seconds until a request must be answered
PATIENCE = 10.0  # seconds for which a safe request is repeated
USER_AGENT = f"hubbub-client/{version('hubbub')}"


class Chat:
    """One user's chat: `rooms`, `room()`, and REST under `api`. Made by `connect`."""

    def __init__(self, http: httpx2.AsyncClient, credentials: SessionCredentials, api: Api, live: Live) -> None:
        self.api = api
        self._http = http
        self._credentials = credentials
        self._live = live

    async def __aenter__(self) -> "Chat":
        try:
            await self._live.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection. Sends that wait for their acknowledgement raise Closed."""
        try:
            await self._live.close()
        finally:  # cancelled, perhaps
            try:
                await self._credentials.close()
            finally:
                await self._http.aclose()

    @property
    def user(self) -> Person:
        """Whose chat it is."""
        return person(self._live.hello.user)

    @property
    def tokens(self) -> Tokens | None:
        """To be kept for the next `connect`."""
        return self._credentials.tokens

    @property
    def rooms(self) -> list[RoomSummary]:
        """The latest ones, newest first, as of the last time that the connection was made; `api.rooms` has them all."""
        return self._live.rooms

    def room(
        self,
        room_id: RoomId | int,
        *,
        after: Seq | int | None = None,
        epoch: str | None = None,
        keep: int | None = None,
    ) -> Room:
        """Follow a room, from the event after `after` on (0 = from its beginning, None = from now on).

        `epoch` is of the log that `after` is a position in: `Room.epoch` when that event was given. With it loops give
        a RoomReset where the server was restored from a backup since; without it the same numbers may be other events.

        At most `keep` messages stay in `Room.messages` (None = all). While a room is followed, asking for it again
        gives the same object.
        """
        return self._live.room(RoomId(room_id), after=None if after is None else Seq(after), epoch=epoch, keep=keep)

    def signals(self) -> Signals:
        """What is true only now: typing, read marks, presence, and rooms that the user was added to."""
        return self._live.signals()

    def presence(self, status: Literal["online", "away"]) -> None:
        """How this device is used. It is told again after a reconnect."""
        self._live.presence(wire.Presence(status=status))

    def watch(self, user_ids: Collection[UserId | int]) -> None:
        """Ask for the presence of these people, in the place of those asked for before; the answers are signals.

        After a reconnect there is a signal about each of them again. Raise Invalid when they are more than 200.
        """
        if len(user_ids) > MAX_WATCHED:
            raise Invalid(f"at most {MAX_WATCHED} people can be watched", field="user_ids")
        self._live.presence(wire.Presence(watch=[UserId(user_id) for user_id in user_ids]))


def connect(
    url: str,
    *,
    username: str | None = None,
    password: str | None = None,
    token: str | None = None,
    refresh_token: str | None = None,
    attempt: str | None = None,
    label: str = USER_AGENT,
    tokens_changed: Callable[[Tokens], None] | None = None,
    patience: float = PATIENCE,
    connector: Connector | None = None,
    transport: httpx2.AsyncBaseTransport | None = None,
    random: Callable[[], float] = _random.random,
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
) -> Chat:
    """The chat of one user on the server at `url` (http or https), to be opened with `async with`.

    Sign in with a username (or e-mail address) and a password, or with tokens of an earlier session; with both, the
    password is used once the tokens are worth nothing. An access token alone lasts minutes. A refresh token is good for
    one use: `tokens_changed` is told the next one, to be kept by who wants to come back without a password. Before
    each use it is told the `attempt`: a program that ends before the answer has come repeats that use the next time.

    Opening raises at once when the server can't be reached or says no. From then on the connection is made again
    whenever it is lost. Safe REST requests are repeated for `patience` seconds. Raise Invalid for another `url`, for
    tokens that can't be any, and when there is nothing to sign in with.
    """
    check_credentials(token=token, refresh_token=refresh_token, username=username, password=password)
    http = _http(url, transport)
    rest = Rest(http, random=random, patience=patience)
    credentials = SessionCredentials(
        rest,
        token=token,
        refresh_token=refresh_token,
        attempt=attempt,
        username=username,
        password=password,
        label=label,
        changed=tokens_changed,
    )
    api = Api(rest, credentials, new_id)
    live = Live(connector or WebSocketConnector(url), credentials, api, random=random, new_id=new_id)
    return Chat(http, credentials, api, live)


async def register(
    url: str,
    username: str,
    email: str,
    password: str,
    *,
    display_name: str | None = None,
    patience: float = PATIENCE,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> Profile:
    """Create an account on the server at `url`. Raise Invalid, Conflict, Forbidden where registration is closed."""
    async with _http(url, transport) as http:
        rest = Rest(http, random=_random.random, patience=patience)
        return await _api.register(rest, username, email, password, display_name=display_name)


def _http(url: str, transport: httpx2.AsyncBaseTransport | None) -> httpx2.AsyncClient:
    if re.match("https?://[^/]", url, re.IGNORECASE) is None:
        raise Invalid("the URL of a server begins with http:// or https://", field="url")
    return httpx2.AsyncClient(base_url=url, timeout=TIMEOUT, transport=transport, headers={"User-Agent": USER_AGENT})
