"""Members of a room: listed, added, given a role, removed. `me` stands for the caller."""

from fastapi import APIRouter, Request, Response

from hubbub.domain.errors import Conflict, Forbidden, NotFound
from hubbub.domain.ids import UserId
from hubbub.domain.users import Identity
from hubbub.web import examples
from hubbub.web.bodies import MemberChange
from hubbub.web.dependencies import Caller, ChatOf, Reader, location
from hubbub.web.encoding import JsonResponse, StrictRoute
from hubbub.web.openapi import answer, refusals
from hubbub.web.parameters import Cursor, Limit, MemberIdInPath, RoomIdInPath
from hubbub.web.shapes import MemberList, member_shape

router = APIRouter(
    prefix="/rooms/{room_id:number}/members", tags=["members"], route_class=StrictRoute, default_response_class=Response
)


@router.get(
    "",
    operation_id="list_members",
    summary="List a room's members",
    responses=answer(200, examples.MEMBERS, "Members, by user id.") | refusals(Forbidden, NotFound),
)
async def list_members(
    chat: ChatOf, caller: Reader, room_id: RoomIdInPath, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    members, next_cursor = await chat.rooms.members(caller.user_id, room_id, cursor=cursor, limit=limit)
    return JsonResponse(MemberList(items=list(map(member_shape, members)), next_cursor=next_cursor))


@router.put(
    "/{user_id:number_or_me}",
    operation_id="put_member",
    summary="Join a channel, add somebody, or change a role",
    responses=answer(200, examples.MEMBER, "A member whose role is now this one.")
    | answer(201, examples.MEMBER, "A new member.")
    | refusals(Forbidden, NotFound, Conflict),
)
async def put_member(
    request: Request,
    chat: ChatOf,
    caller: Caller,
    room_id: RoomIdInPath,
    user_id: MemberIdInPath,
    body: MemberChange | None = None,
) -> Response:
    member_id = _member_id(caller, user_id)
    role = None if body is None else body.role
    membership, added = await chat.rooms.put_member(caller.user_id, room_id, member_id, role)
    headers = location(request, f"/rooms/{room_id}/members/{member_id}")
    return JsonResponse(member_shape(membership), 201 if added else 200, headers)


@router.delete(
    "/{user_id:number_or_me}",
    operation_id="remove_member",
    summary="Leave a room, or remove somebody from it",
    status_code=204,
    responses=refusals(Forbidden, NotFound, Conflict),
)
async def remove_member(chat: ChatOf, caller: Caller, room_id: RoomIdInPath, user_id: MemberIdInPath) -> Response:
    await chat.rooms.remove_member(caller.user_id, room_id, _member_id(caller, user_id))
    return Response(status_code=204)


def _member_id(caller: Identity, user_id: UserId | str) -> UserId:
    return caller.user_id if isinstance(user_id, str) else user_id
