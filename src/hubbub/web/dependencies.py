"""What routes ask for: the composition behind the application, and who is calling."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Protocol

from fastapi import Depends, Query, Request
from fastapi.security import OAuth2PasswordBearer
from starlette.types import Scope

from hubbub.domain.errors import Unauthenticated
from hubbub.domain.ids import SessionId, UserId
from hubbub.domain.users import Identity
from hubbub.realtime.streams import Streams
from hubbub.realtime.turns import UserTurns
from hubbub.services.chat import Chat
from hubbub.services.ports import Clock
from hubbub.settings import Settings
from hubbub.web.pace import Pace


class Server(Protocol):
    """What the web application needs of a composition."""

    @property
    def chat(self) -> Chat: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def streams(self) -> Streams: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def pace(self) -> Pace[UserId]:
        """Of what users ask: requests, and connections."""
        ...

    @property
    def turns(self) -> UserTurns:
        """Of what users read."""
        ...

    @property
    def draining(self) -> bool:
        """Is it about to stop? Then no new work should be sent here."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """Sentences about what its owner should mend."""
        ...

    @property
    def apart(self) -> str | None:
        """Why the other processes are not heard; None when they are, or there are none."""
        ...

    async def trouble(self) -> str | None:
        """Why nothing can be written now, and what to do; None when all is well."""
        ...


# Dependencies are async although they wait for nothing: FastAPI runs the others in a thread, at ten times their cost.


async def get_server(request: Request) -> Server:
    server: Server = request.app.state.server
    return server


async def get_chat(request: Request) -> Chat:
    chat: Chat = request.app.state.server.chat
    return chat


async def get_refresh_pace(request: Request) -> Pace[SessionId]:
    pace: Pace[SessionId] = request.app.state.refresh_pace
    return pace


ServerOf = Annotated[Server, Depends(get_server)]
ChatOf = Annotated[Chat, Depends(get_chat)]
RefreshPace = Annotated[Pace[SessionId], Depends(get_refresh_pace)]

# For OpenAPI, and so for the Authorize button of /docs. The URL is relative to that of openapi.json.
_scheme = OAuth2PasswordBearer(tokenUrl="auth/login", auto_error=False)


async def authenticate(scope: Scope, token: str) -> Identity:
    """Whoever holds this token, and may ask now. Raise Unauthenticated, TokenExpired, or RateLimited.

    Who may not ask costs no look at the store. Only who is signed in takes from the pace: with the token of a session
    that has ended nobody keeps its user from asking.
    """
    server: Server = scope["app"].state.server
    caller = await server.chat.accounts.authenticate(token, admit=server.pace.require)
    scope.setdefault("state", {})["user_id"] = caller.user_id  # for the access log
    server.pace.take(caller.user_id)
    return caller


async def get_caller(request: Request, token: Annotated[str | None, Depends(_scheme)]) -> Identity:
    """Whoever holds the access token of this request; raise Unauthenticated, TokenExpired, or RateLimited."""
    if not token:
        raise Unauthenticated("an access token is needed: Authorization: Bearer …")
    return await authenticate(request.scope, token)


Caller = Annotated[Identity, Depends(get_caller)]


async def take_turn(scope: Scope, caller: Identity) -> None:
    """Wait until it is the turn of this user, which `middlewares.Turns` gives back. Raise RateLimited."""
    turns: UserTurns = scope["app"].state.server.turns
    await turns.take(caller.user_id)
    scope["turns"].append(partial(turns.give_back, caller.user_id))


async def get_reader(request: Request, token: Annotated[str | None, Depends(_scheme)]) -> Identity:
    """The caller of a route that reads, once it is their turn."""
    caller = await get_caller(request, token)
    await take_turn(request.scope, caller)
    return caller


Reader = Annotated[Identity, Depends(get_reader)]


async def get_follower(
    request: Request,
    header: Annotated[str | None, Depends(_scheme)],
    token: Annotated[
        str | None, Query(description="The access token, for a browser's EventSource, which can send no header.")
    ] = None,
) -> Identity:
    """The caller of a route that may be an endless stream; a setting decides whether the token may stand in the URL."""
    server: Server = request.app.state.server
    return await get_caller(request, header or (token if server.settings.token_in_query else None))


Follower = Annotated[Identity, Depends(get_follower)]


def client_address(request: Request) -> str:
    """Whom a rate limit counts: the peer, or what a trusted proxy says of it; empty on a Unix socket."""
    return request.client.host if request.client else ""


def location(request: Request, path: str) -> dict[str, str]:
    """The header that says where the new thing is, also behind a proxy that adds a prefix."""
    return {"Location": request.scope.get("root_path", "").rstrip("/") + path}
