"""The web application: its routes, what happens around them, and its life."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any, TypeAlias

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from hubbub.domain.errors import ChatError
from hubbub.settings import Settings
from hubbub.web import docs
from hubbub.web.dependencies import Server
from hubbub.web.middlewares import (
    AccessLog,
    BodyLimit,
    Compression,
    DefaultHeaders,
    Defects,
    HeadAsGet,
    RequestIds,
    Turns,
)
from hubbub.web.openapi import complete
from hubbub.web.pace import Pace
from hubbub.web.pages import nowhere, page_routes
from hubbub.web.plain_pages import PlainPages
from hubbub.web.problems import refuse
from hubbub.web.releases import worker_route
from hubbub.web.routes import auth, health, members, messages, rooms, users
from hubbub.web.sockets import socket_routes

REFRESH_RATE = 0.1  # refreshes a second of a session, which needs one in minutes and commits with each
REFRESH_BURST = 20  # for repeats of a client that gets no answer

OpenServer: TypeAlias = Callable[[Settings], AbstractAsyncContextManager[Server]]

_DESCRIPTION = """\
A chat server. A room is a **log**: each message, edit, deletion and change of membership is an event with the room's
next number, `seq`, so that a client that has applied 1 … n knows that it has missed nothing.

To try it here: *register* an account, press **Authorize** and sign in with it, then *create a room* and *post* to it.

Errors are problem details (RFC 9457). Programs go by their `code`, which is the same word on sockets. Fields that are
null or false are left out, but for `next_cursor`.
"""
_TAGS = [
    {"name": "auth", "description": "Register, sign in, stay signed in, sign out."},
    {"name": "users", "description": "Profiles."},
    {"name": "rooms", "description": "Direct rooms, groups and channels."},
    {"name": "members", "description": "Who is in a room, and as what."},
    {"name": "messages", "description": "Messages, history and the log."},
    {"name": "health", "description": "For load balancers."},
]

# For programs: nothing here is to be kept, framed, or taken for something else than it says.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class WebApplication(FastAPI):
    """FastAPI, with answers described by the structs that are sent."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = complete(super().openapi())
        return self.openapi_schema


def create_app(settings: Settings, open_server: OpenServer) -> FastAPI:
    """An application that opens its server when it starts and closes it when it ends.

    Nothing is shared between two applications: both can run in one process.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_server(settings) as server:
            app.state.server = server
            app.state.refresh_pace = Pace(min(REFRESH_RATE, settings.request_rate), REFRESH_BURST, server.clock)
            yield

    app = WebApplication(
        title="hubbub",
        version=version("hubbub"),
        summary="A real-time chat server",
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        middleware=_middlewares(settings),
        exception_handlers={
            404: nowhere(settings),
            ChatError: refuse,
            HTTPException: refuse,
            RequestValidationError: refuse,
        },
        redirect_slashes=False,  # the redirect would be built from the Host header, which is the client's
    )
    # First what comes most: routes are tried in their order.
    app.router.routes.extend([*socket_routes(), PlainPages(), *page_routes(settings), worker_route(settings)])
    for routes in (auth, users, rooms, members, messages, health):
        app.include_router(routes.router)
    if settings.docs:
        docs.add_docs(app)
    return app


def _middlewares(settings: Settings) -> list[Middleware]:
    """From the outside in: even a failed request has its id and its headers, and a page may read why it failed."""
    found = [Middleware(RequestIds)]
    if settings.access_log:
        found.append(Middleware(AccessLog))
    found.append(Middleware(DefaultHeaders, headers=_HEADERS))
    if settings.cors_origins:
        found.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
                allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID"],
                expose_headers=["Location", "Retry-After", "X-Request-ID"],
            )
        )
    return [
        *found,
        Middleware(Defects),
        Middleware(BodyLimit, most=settings.max_body_bytes),
        Middleware(HeadAsGet),
        Middleware(Turns),
        Middleware(Compression),
    ]
