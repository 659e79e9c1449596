"""Rooms: found, listed, changed, deleted, read; and the directory of channels."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from hubbub.domain.errors import Forbidden, NotFound
from hubbub.domain.events import RoomKind
from hubbub.domain.texts import MAX_QUERY
from hubbub.web import examples
from hubbub.web.bodies import NewDirectRoom, NewRoom, ReadMark, RoomChange
from hubbub.web.dependencies import Caller, ChatOf, Reader, location
from hubbub.web.encoding import JsonResponse, StrictRoute
from hubbub.web.openapi import answer, refusals
from hubbub.web.parameters import Cursor, Limit, RoomIdInPath
from hubbub.web.shapes import ChannelList, ReadBody, RoomList, channel_shape, room_shape

router = APIRouter(tags=["rooms"], route_class=StrictRoute, default_response_class=Response)


@router.post(
    "/rooms",
    operation_id="create_room",
    summary="Found a group or a channel",
    status_code=201,
    responses=answer(201, examples.ROOM, "The new room, whose owner you are.") | refusals(NotFound),
)
async def create_room(request: Request, chat: ChatOf, caller: Caller, body: NewRoom) -> Response:
    room = await chat.rooms.create(
        caller.user_id,
        RoomKind(body.kind),
        name=body.name,
        topic=body.topic,
        history=body.history,
        member_ids=body.member_ids,
    )
    return JsonResponse(room_shape(room), 201, location(request, f"/rooms/{room.room_id}"))


@router.post(
    "/rooms/direct",
    operation_id="open_direct_room",
    summary="Open the one direct room with somebody",
    status_code=201,
    responses=answer(201, examples.DIRECT_ROOM, "The new room.")
    | answer(200, examples.DIRECT_ROOM, "The room that you two have already.")
    | refusals(NotFound),
)
async def open_direct_room(request: Request, chat: ChatOf, caller: Caller, body: NewDirectRoom) -> Response:
    room, created = await chat.rooms.open_direct(caller.user_id, body.user_id)
    headers = location(request, f"/rooms/{room.room_id}")
    return JsonResponse(room_shape(room), 201 if created else 200, headers)


@router.get(
    "/rooms",
    operation_id="list_rooms",
    summary="List your rooms",
    responses=answer(200, examples.ROOMS, "Your rooms, the one with the latest event first."),
)
async def list_rooms(chat: ChatOf, caller: Reader, cursor: Cursor = None, limit: Limit = 50) -> Response:
    rooms, next_cursor = await chat.rooms.page(caller.user_id, cursor=cursor, limit=limit)
    return JsonResponse(RoomList(items=list(map(room_shape, rooms)), next_cursor=next_cursor))


@router.get(
    "/rooms/{room_id:number}",
    operation_id="get_room",
    summary="See a room",
    responses=answer(200, examples.ROOM, "The room as you see it.") | refusals(Forbidden, NotFound),
)
async def get_room(chat: ChatOf, caller: Reader, room_id: RoomIdInPath) -> Response:
    return JsonResponse(room_shape(await chat.rooms.get(caller.user_id, room_id)))


@router.patch(
    "/rooms/{room_id:number}",
    operation_id="change_room",
    summary="Change a room's name or topic",
    responses=answer(200, examples.ROOM, "The room as it is now.") | refusals(Forbidden, NotFound),
)
async def change_room(chat: ChatOf, caller: Caller, room_id: RoomIdInPath, body: RoomChange) -> Response:
    return JsonResponse(room_shape(await chat.rooms.change(caller.user_id, room_id, name=body.name, topic=body.topic)))


@router.delete(
    "/rooms/{room_id:number}",
    operation_id="delete_room",
    summary="Delete a room for everybody in it",
    status_code=204,
    responses=refusals(Forbidden, NotFound),
)
async def delete_room(chat: ChatOf, caller: Caller, room_id: RoomIdInPath) -> Response:
    await chat.rooms.delete(caller.user_id, room_id)
    return Response(status_code=204)


@router.put(
    "/rooms/{room_id:number}/read",
    operation_id="mark_read",
    summary="Mark a room as read",
    responses=answer(200, examples.READ, "The mark as it is now; it never goes back.") | refusals(Forbidden, NotFound),
)
async def mark_read(chat: ChatOf, caller: Caller, room_id: RoomIdInPath, body: ReadMark) -> Response:
    """Everything up to `seq` is read. A number above the room's head counts as the head."""
    read_seq = await chat.reads.mark(caller.user_id, room_id, body.seq)
    return JsonResponse(ReadBody(room_id=room_id, read_seq=read_seq))


@router.get(
    "/channels",
    operation_id="list_channels",
    summary="Look through the directory of channels",
    responses=answer(200, examples.CHANNELS, "Channels, the oldest first."),
)
async def list_channels(
    chat: ChatOf,
    caller: Caller,
    q: Annotated[str, Query(max_length=MAX_QUERY, description="Part of a name or topic.")] = "",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    channels, next_cursor = await chat.channels.search(caller.user_id, q, cursor=cursor, limit=limit)
    return JsonResponse(ChannelList(items=list(map(channel_shape, channels)), next_cursor=next_cursor))
