"""Refusals as problem details (RFC 9457): one table from a code to a status, and one shape for all of them.

Nothing that was sent comes back in a problem, and nothing of a defect: its text may hold anything and belongs into the
log.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import ceil
from types import MappingProxyType

from fastapi.exceptions import RequestValidationError
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from hubbub.domain.errors import ChatError, Internal, Invalid, NotFound, TooLarge, Unauthenticated, Unavailable
from hubbub.web.encoding import encode

STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "bad_frame": 400,
        "unknown_type": 400,
        "invalid": 422,
        "unauthenticated": 401,
        "token_expired": 401,
        "forbidden": 403,
        "not_found": 404,
        "conflict": 409,
        "client_id_reused": 409,
        "too_large": 413,
        "rate_limited": 429,
        "internal": 500,
        "unavailable": 503,
    }
)
"""The status of each code."""

# What Starlette and the parser refuse before a service is asked. Every other status of theirs is `invalid` too.
_CODES = {401: Unauthenticated.code, 404: NotFound.code, 413: TooLarge.code, 500: Internal.code}

PROBLEM_JSON = "application/problem+json"
ABOUT_BLANK = "about:blank"  # `code` says what kind of problem it is (RFC 9457 4.2.1)

_DEFECT = "something went wrong in the server; its log has more under this request_id"


class FieldProblem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field that is wrong, and why."""

    field: str
    message: str
    location: str | None = None  # body, query, path or header, where it is known


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was refused. Programs go by `code`, people by `detail`; the log has more under `request_id`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None = None
    errors: list[FieldProblem] | None = None


class BodyTooLarge(HTTPException):
    """The body has more than `most` bytes. The parser lets nothing but an HTTPException through."""

    def __init__(self, most: int) -> None:
        super().__init__(413, f"the body may have at most {most} bytes")


def title(status: int) -> str:
    """The status in words; RFC 9457 4.2.1 asks for these with the type about:blank."""
    return HTTPStatus(status).phrase


async def refuse(request: Request, error: Exception) -> Response:
    """The exception handler for everything that is refused on purpose."""
    match error:
        case ChatError():
            response = _chat_problem(request, error)
        case RequestValidationError():
            response = _validation_problem(request, error)
        case HTTPException():
            response = _http_problem(request, error)
        case _:  # registered for nothing else
            raise error
    return response


def defect(request: Request) -> Response:
    """What is told about an exception that nobody meant to raise."""
    return _respond(request, 500, Internal.code, _DEFECT)


def cut_off(request: Request) -> Response:
    """What is told about a request that the end of the server did not wait for."""
    return _chat_problem(request, Unavailable("the server has stopped: whether this was carried out is not known"))


def too_large(request: Request, most: int) -> Response:
    """What is told about a body whose announced length is too much."""
    return _http_problem(request, BodyTooLarge(most))


def _http_problem(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed_methods(request))  # Starlette names those of the first route alone
    code = _CODES.get(error.status_code, Invalid.code)
    return _respond(request, error.status_code, code, error.detail, headers=headers)


def _allowed_methods(request: Request) -> list[str]:
    routes = request.app.routes
    found = [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    return [*found, "HEAD"] if "GET" in found else found


def _chat_problem(request: Request, error: ChatError) -> Response:
    if error.code == Internal.code:
        return defect(request)
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"  # RFC 6750 3
    if error.retryable:
        headers["Retry-After"] = str(max(1, ceil(error.retry_after or 1)))  # whole seconds (RFC 9110 10.2.3)
    message = str(error)
    errors = None if error.field is None else [FieldProblem(field=error.field, message=message)]
    return _respond(request, STATUSES[error.code], error.code, message, errors=errors, headers=headers)


def _validation_problem(request: Request, error: RequestValidationError) -> Response:
    errors = []
    for problem in error.errors():
        location, *path = map(str, problem["loc"])
        if location != "body":
            path = path[:1]  # what follows is which of several types it was tried as
        message = str(problem["msg"]).removeprefix("Value error, ")
        errors.append(FieldProblem(field=".".join(path) or location, message=message, location=location))
    first = errors[0]
    detail = f"{first.field}: {first.message}"
    return _respond(request, STATUSES[Invalid.code], Invalid.code, detail, errors=errors)


def _respond(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[FieldProblem] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    problem = Problem(
        type=ABOUT_BLANK,
        title=title(status),
        status=status,
        detail=detail,
        code=code,
        request_id=request.scope.get("request_id"),
        errors=None if errors is None else list(errors),
    )
    return Response(encode(problem), status, headers, PROBLEM_JSON)
