"""What routes ask for: the composition behind the application, who is calling, ids and bounds."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from fastapi import Depends, Path, Query, Request
from fastapi.security import OAuth2PasswordBearer
from pydantic import BeforeValidator, Field
from starlette.convertors import Convertor, register_url_convertor

from hubbub.domain.errors import Unauthenticated
from hubbub.domain.ids import MAX_ID, RoomId, Seq, SessionId, UserId
from hubbub.domain.users import Identity
from hubbub.services.chat import Chat
from hubbub.services.cursors import MAX_CURSOR
from hubbub.services.ports import MAX_PAGE
from hubbub.settings import Settings


class Server(Protocol):
    """What the web application needs of a composition."""

    @property
    def chat(self) -> Chat: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def draining(self) -> bool:
        """Is it about to stop? Then no new work should be sent here."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """Sentences about what its owner should mend."""
        ...


# Dependencies are async although they wait for nothing: FastAPI runs the others in a thread, at ten times their cost.


async def get_server(request: Request) -> Server:
    server: Server = request.app.state.server
    return server


async def get_chat(request: Request) -> Chat:
    chat: Chat = request.app.state.server.chat
    return chat


ServerOf = Annotated[Server, Depends(get_server)]
ChatOf = Annotated[Chat, Depends(get_chat)]

# For OpenAPI, and so for the Authorize button of /docs. The URL is relative to that of openapi.json.
_scheme = OAuth2PasswordBearer(tokenUrl="auth/login", auto_error=False)


async def get_caller(request: Request, token: Annotated[str | None, Depends(_scheme)]) -> Identity:
    """Whoever holds the access token of this request; raise Unauthenticated or TokenExpired."""
    if not token:
        raise Unauthenticated("an access token is needed: Authorization: Bearer …")
    server: Server = request.app.state.server
    return await server.chat.accounts.authenticate(token)


Caller = Annotated[Identity, Depends(get_caller)]


def client_address(request: Request) -> str:
    """Whom a rate limit counts: the peer, or what a trusted proxy says of it; empty on a Unix socket."""
    return request.client.host if request.client else ""


def location(request: Request, path: str) -> dict[str, str]:
    """The header that says where the new thing is, also behind a proxy that adds a prefix."""
    return {"Location": request.scope.get("root_path", "").rstrip("/") + path}


# Numbers in a URL are digits and nothing else: pydantic would also take 1_000, 1.0 and white space.
_DIGITS = "[0-9]{1,16}"


def _digits(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(_DIGITS, value):
        raise ValueError("must be a whole number of at most 16 digits")
    return value


UrlNumber = BeforeValidator(_digits)


class Number(Convertor[int]):
    """`{room_id:number}` in a path: whatever is no number is no such path, rather than a room of a strange name."""

    regex = _DIGITS

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


class NumberOrMe(Convertor[str]):
    """`{user_id:number_or_me}` in a path: `me` is who asks."""

    regex = f"{_DIGITS}|me"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("number", Number())
register_url_convertor("number_or_me", NumberOrMe())

RoomIdInPath = Annotated[RoomId, Path(alias="room_id", ge=1, le=MAX_ID, examples=[1])]
UserIdInPath = Annotated[UserId, Path(alias="user_id", ge=1, le=MAX_ID, examples=[1])]
MemberIdInPath = Annotated[
    Annotated[UserId, Field(ge=1, le=MAX_ID)] | Literal["me"], Path(alias="user_id", examples=["me"])
]
SessionIdInPath = Annotated[SessionId, Path(alias="session_id", ge=1, le=MAX_ID, examples=[1])]
SeqInPath = Annotated[Seq, Path(alias="seq", ge=1, le=MAX_ID, examples=[3])]

Limit = Annotated[int, UrlNumber, Query(ge=1, le=MAX_PAGE, description="Most items in the answer.")]
Cursor = Annotated[
    str | None,
    Query(max_length=MAX_CURSOR, description="`next_cursor` of the page before; without it, the first page."),
]
SeqInQuery = Annotated[Seq, UrlNumber, Field(ge=0, le=MAX_ID)] | None
