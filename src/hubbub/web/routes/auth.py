"""Register, sign in, stay signed in, sign out."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from hubbub.domain.errors import Conflict, Forbidden, NotFound, RateLimited, TokenExpired, Unauthenticated
from hubbub.web import examples
from hubbub.web.bodies import Login, PasswordChange, Refresh, Registration
from hubbub.web.dependencies import Caller, ChatOf, Reader, RefreshPace, ServerOf, client_address, location
from hubbub.web.encoding import JsonResponse, StrictRoute, media_type, require_media_type
from hubbub.web.openapi import answer, refusals
from hubbub.web.parameters import SessionIdInPath
from hubbub.web.shapes import SessionList, TicketBody, grant_shape, profile_shape, session_shape

router = APIRouter(prefix="/auth", tags=["auth"], route_class=StrictRoute, default_response_class=Response)

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_MAX_FIELDS = 20  # of a form

_LOGIN_BODY = {
    "required": True,
    "content": {
        _JSON: {"schema": Login.model_json_schema()},
        _FORM: {
            "schema": {
                "type": "object",
                "title": "PasswordGrant",
                "required": ["username", "password"],
                "properties": {
                    "grant_type": {"type": "string", "enum": ["password"]},
                    "username": {"type": "string"},
                    "password": {"type": "string", "format": "password"},
                },
            }
        },
    },
}


@router.post(
    "/register",
    operation_id="register",
    summary="Create an account",
    status_code=201,
    responses=answer(201, examples.PROFILE, "The new user.") | refusals(Conflict, Forbidden, RateLimited),
)
async def register(request: Request, server: ServerOf, body: Registration) -> Response:
    if server.settings.registration == "closed":
        raise Forbidden("this server does not take registrations")
    user = await server.chat.accounts.register(
        body.username, body.email, body.password, body.display_name, address=client_address(request)
    )
    return JsonResponse(profile_shape(user), 201, location(request, f"/users/{user.id}"))


async def read_login(request: Request) -> Login:
    """The form of an OAuth2 password grant (RFC 6749 4.3.2) or JSON, whichever the request says it is."""
    require_media_type(request, _JSON, _FORM)
    fields = _form(await request.body()) if media_type(request) == _FORM else await request.json()
    try:
        return Login.model_validate(fields)
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from None


@router.post(
    "/login",
    operation_id="login",
    summary="Sign in with a password, by form or JSON",
    responses=answer(200, examples.GRANT, "The tokens of a new session.")
    | refusals(Unauthenticated, Forbidden, RateLimited),
    openapi_extra={"requestBody": _LOGIN_BODY},
)
async def login(request: Request, chat: ChatOf, body: Annotated[Login, Depends(read_login)]) -> Response:
    label = body.label or request.headers.get("user-agent", "")
    grant = await chat.accounts.login(body.username, body.password, address=client_address(request), label=label)
    return JsonResponse(grant_shape(grant))


@router.post(
    "/refresh",
    operation_id="refresh",
    summary="Trade a refresh token for the next tokens",
    responses=answer(200, examples.GRANT, "The next tokens of the session.")
    | refusals(Unauthenticated, TokenExpired, RateLimited),
)
async def refresh(chat: ChatOf, pace: RefreshPace, body: Refresh) -> Response:
    """A refresh token is good for one use. A second use ends the session: one of the two users is a thief.

    With an `attempt` it can be repeated when the answer was lost: the answer is the same refresh token, until that is
    used.
    """
    return JsonResponse(grant_shape(await chat.accounts.refresh(body.refresh_token, body.attempt, admit=pace.take)))


@router.post("/logout", operation_id="logout", summary="Sign out this device", status_code=204)
async def logout(chat: ChatOf, caller: Caller) -> Response:
    """End the session of the access token. Its sockets are closed at once."""
    await chat.accounts.logout(caller)
    return Response(status_code=204)


@router.post(
    "/ticket",
    operation_id="issue_ticket",
    summary="Get a ticket that opens one socket",
    responses=answer(200, examples.TICKET, "A ticket for `?ticket=`, good for one use within seconds."),
)
async def issue_ticket(chat: ChatOf, caller: Caller) -> Response:
    return JsonResponse(TicketBody(ticket=await chat.accounts.issue_ticket(caller)))


@router.post(
    "/password",
    operation_id="change_password",
    summary="Change your password",
    status_code=204,
    responses=refusals(Forbidden, RateLimited),
)
async def change_password(chat: ChatOf, caller: Caller, body: PasswordChange) -> Response:
    """All other devices are signed out."""
    await chat.accounts.change_password(caller, body.old_password, body.new_password)
    return Response(status_code=204)


@router.get(
    "/sessions",
    operation_id="list_sessions",
    summary="List your devices that are signed in",
    responses=answer(200, examples.SESSIONS, "All of them, the last used first."),
)
async def list_sessions(chat: ChatOf, caller: Reader) -> Response:
    sessions = await chat.accounts.sessions(caller.user_id)
    return JsonResponse(
        SessionList(items=[session_shape(session, caller.session_id) for session in sessions], next_cursor=None)
    )


@router.delete(
    "/sessions/{session_id:number}",
    operation_id="end_session",
    summary="Sign out one of your devices",
    status_code=204,
    responses=refusals(NotFound),
)
async def end_session(chat: ChatOf, caller: Caller, session_id: SessionIdInPath) -> Response:
    """Its sockets are closed at once."""
    await chat.accounts.end_session(caller.user_id, session_id)
    return Response(status_code=204)


def _form(body: bytes) -> dict[str, str]:
    try:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS))
    except ValueError:
        raise HTTPException(400, "the body is not a form in UTF-8") from None
    if fields.pop("grant_type", "password") != "password":
        raise HTTPException(400, "grant_type must be password")
    return fields
