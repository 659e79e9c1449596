"""A page of history without FastAPI, which takes longer over the request than the database does over the page.

Taken here is the plain form of the request, which nearly all have. Every other one, be it wrong or just written in
another way, goes on to the documented route in `routes.messages`. Both ask the same service and give the same answer.
"""

import re
from typing import Any

from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from hubbub.domain.ids import MAX_ID
from hubbub.services.ports import MAX_PAGE
from hubbub.web.dependencies import Server, authenticate, take_turn
from hubbub.web.encoding import JsonResponse
from hubbub.web.shapes import message_timeline

_PATH = re.compile(r"/rooms/([0-9]{1,16})/messages")
_DIGITS = re.compile("[0-9]{1,16}")
_TOKEN = re.compile(rb"[Bb]earer ([\w.+/=-]+)", re.ASCII)
_SEQS = range(MAX_ID + 1)
_BOUNDS = {"before": _SEQS, "after": _SEQS, "around": _SEQS, "limit": range(1, MAX_PAGE + 1)}


class PlainPages(BaseRoute):
    """`GET /rooms/{room_id}/messages` with a token and nothing unusual."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope["method"] != "GET" or scope.get("root_path"):
            return Match.NONE, {}
        path = _PATH.fullmatch(scope["path"])
        room_id = 0 if path is None else int(path[1])
        token = _token(scope) if 0 < room_id <= MAX_ID else None
        bounds = None if token is None else _bounds(scope["query_string"].decode("latin-1"))
        if bounds is None:
            return Match.NONE, {}
        return Match.FULL, {"plain_page": (token, room_id, bounds)}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        server: Server = scope["app"].state.server
        token, room_id, bounds = scope["plain_page"]
        caller = await authenticate(scope, token)
        await take_turn(scope, caller)
        page = await server.chat.messages.page(caller.user_id, room_id, **bounds)
        await JsonResponse(message_timeline(page))(scope, receive, send)


def _token(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            found = _TOKEN.fullmatch(value)
            return None if found is None else found[1].decode()
    return None


def _bounds(query: str) -> dict[str, Any] | None:
    """What the query asks for; None when it is not plain."""
    bounds: dict[str, Any] = {}
    for part in query.split("&") if query else ():
        name, _, digits = part.partition("=")
        if name not in _BOUNDS or name in bounds or not _DIGITS.fullmatch(digits) or int(digits) not in _BOUNDS[name]:
            return None
        bounds[name] = int(digits)
    return bounds
