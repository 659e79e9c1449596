"""Messages of a room, their history, and the log itself."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from hubbub.domain.errors import ClientIdReused, Conflict, Forbidden, Invalid, NotFound
from hubbub.services.changes import Draft
from hubbub.web import examples
from hubbub.web.bodies import MessageChange, NewMessage
from hubbub.web.dependencies import Caller, ChatOf, Follower, Reader, ServerOf, location, take_turn
from hubbub.web.encoding import JsonResponse, StrictRoute
from hubbub.web.event_streams import MEDIA_TYPE, event_stream
from hubbub.web.openapi import answer, refusals, stream
from hubbub.web.parameters import Limit, Place, RoomIdInPath, SeqInPath, SeqInQuery
from hubbub.web.shapes import event_timeline, message_shape, message_timeline
from hubbub.wire.position import parse_place

router = APIRouter(
    prefix="/rooms/{room_id:number}", tags=["messages"], route_class=StrictRoute, default_response_class=Response
)

IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="Says `client_id` in a header.", examples=["7d1f0c9a"]),
]


@router.post(
    "/messages",
    operation_id="post_message",
    summary="Post a message",
    status_code=201,
    responses=answer(201, examples.MESSAGE, "The new message: it is on disk.")
    | answer(200, examples.MESSAGE, "A repeat of this client_id: the message of the first time, as it is now.")
    | refusals(Forbidden, NotFound, ClientIdReused),
)
async def post_message(
    request: Request,
    chat: ChatOf,
    caller: Caller,
    room_id: RoomIdInPath,
    body: NewMessage,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    draft = Draft(body.text, _client_id(body, idempotency_key), body.reply_to)
    posted = await chat.messages.post(caller.user_id, room_id, draft)
    headers = location(request, f"/rooms/{room_id}/messages/{posted.message.seq}")
    return JsonResponse(message_shape(posted.message), 200 if posted.duplicate else 201, headers)


@router.get(
    "/messages",
    operation_id="list_messages",
    summary="Read a page of a room's history",
    responses=answer(200, examples.MESSAGES, "Messages, newest first.") | refusals(Forbidden, NotFound),
)
async def list_messages(
    chat: ChatOf,
    caller: Reader,
    room_id: RoomIdInPath,
    before: Annotated[SeqInQuery, Query(description="Only messages older than this seq.")] = None,
    after: Annotated[SeqInQuery, Query(description="The page of messages just newer than this seq.")] = None,
    around: Annotated[SeqInQuery, Query(description="The page with this seq in its middle.")] = None,
    limit: Limit = 50,
) -> Response:
    """The newest messages, or one of `before`, `after` and `around`."""
    page = await chat.messages.page(caller.user_id, room_id, before=before, after=after, around=around, limit=limit)
    return JsonResponse(message_timeline(page))


@router.get(
    "/messages/{seq:number}",
    operation_id="get_message",
    summary="See a message as it is now",
    responses=answer(200, examples.MESSAGE, "The message.") | refusals(Forbidden, NotFound),
)
async def get_message(chat: ChatOf, caller: Reader, room_id: RoomIdInPath, seq: SeqInPath) -> Response:
    return JsonResponse(message_shape(await chat.messages.get(caller.user_id, room_id, seq)))


@router.patch(
    "/messages/{seq:number}",
    operation_id="edit_message",
    summary="Change what your message says",
    responses=answer(200, examples.EDITED_MESSAGE, "The message as it is now.")
    | refusals(Forbidden, NotFound, Conflict),
)
async def edit_message(
    chat: ChatOf, caller: Caller, room_id: RoomIdInPath, seq: SeqInPath, body: MessageChange
) -> Response:
    return JsonResponse(message_shape(await chat.messages.edit(caller.user_id, room_id, seq, body.text)))


@router.delete(
    "/messages/{seq:number}",
    operation_id="delete_message",
    summary="Delete a message",
    status_code=204,
    responses=refusals(Forbidden, NotFound),
)
async def delete_message(chat: ChatOf, caller: Caller, room_id: RoomIdInPath, seq: SeqInPath) -> Response:
    """It keeps its place in the history, without its text."""
    await chat.messages.delete(caller.user_id, room_id, seq)
    return Response(status_code=204)


@router.get(
    "/events",
    operation_id="list_events",
    summary="Read the log of a room",
    responses=stream(
        answer(200, examples.EVENTS, "Events, oldest first; or an endless stream of them."), MEDIA_TYPE, examples.STREAM
    )
    | refusals(Forbidden, NotFound, Conflict),
)
async def list_events(
    request: Request,
    server: ServerOf,
    caller: Follower,
    room_id: RoomIdInPath,
    after: Annotated[Place, Query(description="The last seq that you know, as `epoch:seq` or alone.")] = "0",
    limit: Limit = 200,
    last_event_id: Annotated[Place | None, Header(description="`after`, as an EventSource says it.")] = None,
) -> Response:
    """Every event has the next number, so that a client that applies them all has missed none.

    A number alone means whatever event has it now. Together with the `epoch` of the answer that it comes from, a
    position in a log that is no more is noticed: the server was restored from a backup.

    With `Accept: text/event-stream` the answer does not end: it goes on with what happens, as Server-Sent Events whose
    id is `epoch:seq`.
    """
    if MEDIA_TYPE in request.headers.get("accept", ""):
        epoch, seq = parse_place(after if last_event_id is None else last_event_id)
        return await event_stream(server.streams, server.clock, caller, room_id, seq, epoch)
    epoch, seq = parse_place(after)
    await take_turn(request.scope, caller)
    page = await server.chat.logs.events(caller.user_id, room_id, after=seq, limit=limit, epoch=epoch)
    return JsonResponse(event_timeline(page))


def _client_id(body: NewMessage, idempotency_key: str | None) -> str | None:
    if idempotency_key is None or body.client_id in {None, idempotency_key}:
        return body.client_id if idempotency_key is None else idempotency_key
    raise Invalid("client_id and the header Idempotency-Key differ", field="client_id")
