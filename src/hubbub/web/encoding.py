"""JSON of answers, as bytes, and of requests, strictly."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from msgspec import DecodeError, Struct, ValidationError
from msgspec.json import Encoder, decode
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

encode = Encoder().encode


class JsonResponse(Response):
    """A struct as it goes over the wire."""

    media_type = "application/json"

    def render(self, content: Struct) -> bytes:
        return encode(content)


class StrictRequest(Request):
    """A request whose JSON is what RFC 8259 allows: no NaN, no half of a surrogate pair, no number without end."""

    async def json(self) -> Any:
        try:
            return decode(await self.body())
        except ValidationError:
            raise HTTPException(400, "the body holds a number that is out of range") from None
        except (DecodeError, UnicodeDecodeError):
            raise HTTPException(400, "the body is not JSON in UTF-8") from None
        except RecursionError:
            raise HTTPException(400, "the body is nested too deeply") from None


class StrictRoute(APIRoute):
    """A route whose body, if it has one, is JSON and says so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        reads_json = self.body_field is not None

        async def handle_strictly(request: Request) -> Response:
            request = StrictRequest(request.scope, request.receive)
            if reads_json and has_body(request):
                require_media_type(request, "application/json")
            return await handle(request)

        return handle_strictly


def has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


def media_type(request: Request) -> str:
    """The media type of the body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def require_media_type(request: Request, *allowed: str) -> None:
    if media_type(request) not in allowed:
        raise HTTPException(415, f"the content type must be {' or '.join(allowed)}")
