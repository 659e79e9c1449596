"""What OpenAPI says of answers: built from the structs that are sent, so that the two cannot differ."""

from typing import Any

from msgspec import Struct, to_builtins
from msgspec.json import schema_components

from hubbub.domain.errors import (
    ChatError,
    Internal,
    Invalid,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
    error_classes,
)
from hubbub.web import shapes
from hubbub.web.problems import ABOUT_BLANK, PROBLEM_JSON, STATUSES, Problem, title
from hubbub.wire.frames import MessageBody, RoomBody

Json = dict[str, Any]
Responses = dict[int | str, Json]

ANSWERS: tuple[type[Struct], ...] = (
    Problem,
    shapes.ProfileBody,
    shapes.ProfileList,
    shapes.GrantBody,
    shapes.TicketBody,
    shapes.SessionList,
    RoomBody,
    shapes.RoomList,
    shapes.ChannelList,
    shapes.MemberBody,
    shapes.MemberList,
    MessageBody,
    shapes.MessageTimeline,
    shapes.EventTimeline,
    shapes.ReadBody,
    shapes.HealthBody,
)
"""Everything that a route answers with."""

# Statuses that many routes share, and the header that comes with them.
_HEADERS = {
    201: ("Location", "Where the new thing is.", "string"),
    401: ("WWW-Authenticate", "How to authenticate (RFC 6750).", "string"),
    429: ("Retry-After", "Seconds to wait.", "integer"),
    503: ("Retry-After", "Seconds to wait.", "integer"),
}
_UNSUPPORTED = 415


def answer(status: int, example: Struct, description: str) -> Responses:
    """A success, whose schema is that of the example."""
    name = type(example).__name__
    content = {"schema": {"$ref": _ref(name)}, "example": to_builtins(example)}
    return {status: _response(status, description, "application/json", content)}


def stream(success: Responses, media_type: str, example: str) -> Responses:
    """A success that is text without end, too, for who asks for this media type."""
    content = {media_type: {"schema": {"type": "string"}, "example": example}}
    return {status: response | {"content": response["content"] | content} for status, response in success.items()}


def refusals(*errors: type[ChatError]) -> Responses:
    """What the service behind a route raises; `complete` adds what every route of its kind may answer."""
    by_status: dict[int, list[str]] = {}
    for error in errors:
        by_status.setdefault(STATUSES[error.code], []).append(error.code)
    return {status: _refusal(status, codes) for status, codes in by_status.items()}


def complete(schema: Json) -> Json:
    """Add the schemas of answers, and to each operation the refusals that come before its service is asked."""
    _, components = schema_components(ANSWERS, ref_template=_ref("{name}"))
    schemas = schema["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas.update({name: _without_nulls(component) for name, component in components.items()})
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            common = {str(status): response for status, response in _common_refusals(path, operation).items()}
            declared = {status: response for status, response in operation["responses"].items() if status != "422"}
            operation["responses"] = dict(sorted({**common, **declared}.items()))
            for response in operation["responses"].values():
                _restore_nulls(response, schemas)
    return schema


def _common_refusals(path: str, operation: Json) -> Responses:
    if path == "/health/live":
        return {}
    found = refusals(Internal, Unavailable)
    if "security" in operation:
        found |= refusals(Unauthenticated, error_classes()["token_expired"], RateLimited)
    if "parameters" in operation or "requestBody" in operation:
        found |= refusals(Invalid)
    if "requestBody" in operation:
        found |= refusals(TooLarge)
        found |= {400: _refusal(400, [Invalid.code]), _UNSUPPORTED: _refusal(_UNSUPPORTED, [Invalid.code])}
    return found


def _refusal(status: int, codes: list[str]) -> Json:
    example = Problem(
        type=ABOUT_BLANK,
        title=title(status),
        status=status,
        detail="…",
        code=codes[0],
        request_id="5f2b9a1c-2e",
    )
    words = " or ".join(f"`{code}`" for code in codes)
    content = {"schema": {"$ref": _ref("Problem")}, "example": to_builtins(example)}
    return _response(status, f"{title(status)}: {words}", PROBLEM_JSON, content)


def _response(status: int, description: str, media_type: str, content: Json) -> Json:
    response: Json = {"description": description, "content": {media_type: content}}
    if status in _HEADERS:
        name, meaning, kind = _HEADERS[status]
        response["headers"] = {name: {"description": meaning, "schema": {"type": kind}}}
    return response


def _restore_nulls(response: Json, schemas: Json) -> None:
    """FastAPI drops what is null from examples, also where it has to be there."""
    for content in response.get("content", {}).values():
        if "$ref" in content["schema"]:
            name = content["schema"]["$ref"].rpartition("/")[2]
            for field in schemas[name]["required"]:
                content["example"].setdefault(field, None)


def _without_nulls(component: Json) -> Json:
    """msgspec says *null by default* of what is left out when it is null."""
    required = set(component.get("required", ()))
    for name, field in component.get("properties", {}).items():
        if name in required or field.get("default", 0) is not None:
            continue
        del field["default"]
        kept = [choice for choice in field.pop("anyOf") if choice != {"type": "null"}]
        field.update(kept[0] if len(kept) == 1 else {"anyOf": kept})
    return component


def _ref(name: str) -> str:
    return f"#/components/schemas/{name}"
