"""Profiles: one's own, and those of others; and accounts that administrators disable."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from hubbub.domain.errors import Conflict, Forbidden, NotFound, RateLimited
from hubbub.domain.texts import MAX_QUERY
from hubbub.web import examples
from hubbub.web.bodies import AccountChange, ProfileChange
from hubbub.web.dependencies import Caller, ChatOf, Reader, take_turn
from hubbub.web.encoding import JsonResponse, StrictRoute
from hubbub.web.openapi import answer, refusals
from hubbub.web.parameters import Cursor, Limit, UserIdInPath, UserIdsInQuery
from hubbub.web.shapes import ProfileList, profile_shape

router = APIRouter(prefix="/users", tags=["users"], route_class=StrictRoute, default_response_class=Response)


@router.get(
    "",
    operation_id="search_users",
    summary="Find users",
    responses=answer(200, examples.PROFILES, "Users, by username; those of certain ids, by id."),
)
async def search_users(
    request: Request,
    chat: ChatOf,
    caller: Caller,
    q: Annotated[str, Query(max_length=MAX_QUERY, description="Part of a username or display name.")] = "",
    cursor: Cursor = None,
    limit: Limit = 50,
    ids: UserIdsInQuery = (),
) -> Response:
    """Whose name holds `q`; or, where `id` is given once or more often, these people and no others."""
    if ids:
        await take_turn(request.scope, caller)
        named = await chat.users.named(caller, ids)
        return JsonResponse(ProfileList(items=list(map(profile_shape, named)), next_cursor=None))
    found, next_cursor = await chat.users.search(caller, q, cursor=cursor, limit=limit)
    return JsonResponse(ProfileList(items=list(map(profile_shape, found)), next_cursor=next_cursor))


@router.get(
    "/me",
    operation_id="get_own_profile",
    summary="See your profile",
    responses=answer(200, examples.PROFILE, "Your profile."),
)
async def get_own_profile(chat: ChatOf, caller: Reader) -> Response:
    return JsonResponse(profile_shape(await chat.users.get(caller, caller.user_id)))


@router.patch(
    "/me",
    operation_id="change_profile",
    summary="Change your profile",
    responses=answer(200, examples.PROFILE, "Your profile as it is now.") | refusals(Forbidden, Conflict, RateLimited),
)
async def change_profile(chat: ChatOf, caller: Caller, body: ProfileChange) -> Response:
    changed = await chat.users.change_profile(
        caller, display_name=body.display_name, email=body.email, password=body.password
    )
    return JsonResponse(profile_shape(changed))


@router.get(
    "/{user_id:number}",
    operation_id="get_user",
    summary="See somebody's profile",
    responses=answer(200, examples.PROFILE, "The profile; its e-mail address for admins only.") | refusals(NotFound),
)
async def get_user(chat: ChatOf, caller: Reader, user_id: UserIdInPath) -> Response:
    return JsonResponse(profile_shape(await chat.users.get(caller, user_id)))


@router.patch(
    "/{user_id:number}",
    operation_id="change_user",
    summary="Disable or enable somebody's account, as an admin",
    responses=answer(200, examples.DISABLED_PROFILE, "The profile as it is now.")
    | refusals(Forbidden, NotFound, Conflict),
)
async def change_user(chat: ChatOf, caller: Caller, user_id: UserIdInPath, body: AccountChange) -> Response:
    """Disabling signs out all devices at once, sockets included, and nobody can sign in until it is enabled again.

    What was said stays. Nobody may disable their own account.
    """
    change = chat.administration.disable if body.disabled else chat.administration.enable
    return JsonResponse(profile_shape(await change(user_id, by=caller)))
