"""Is this process alive, and should work be sent to it? For load balancers; nobody has to sign in."""

import asyncio

from fastapi import APIRouter, Response

from hubbub.domain.errors import ChatError
from hubbub.web import examples
from hubbub.web.dependencies import ServerOf
from hubbub.web.encoding import JsonResponse
from hubbub.web.openapi import answer
from hubbub.web.shapes import HealthBody

PATIENCE = 2.0  # seconds in which the database has to answer
SILENT = "the database does not answer: look whether it hangs, or has too much to do"

router = APIRouter(prefix="/health", tags=["health"], default_response_class=Response)


@router.get(
    "/live",
    operation_id="live",
    summary="Is the process alive?",
    responses=answer(200, examples.HEALTHY, "It is."),
)
async def live() -> Response:
    return JsonResponse(HealthBody(status="ok", warnings=[]))


@router.get(
    "/ready",
    operation_id="ready",
    summary="Can it take work?",
    responses=answer(200, examples.HEALTHY, "It can; `degraded`: without news from the other processes.")
    | answer(503, examples.DRAINING, "It stops, or its database does not answer or takes no writes."),
)
async def ready(server: ServerOf) -> Response:
    warnings = list(server.warnings)
    if server.draining:
        return JsonResponse(HealthBody(status="draining", warnings=warnings), 503)
    status = "ok"
    if server.apart is not None:  # it serves on: were all processes taken out of service, nobody would be served
        status, warnings = "degraded", [server.apart, *warnings]
    try:
        await asyncio.wait_for(server.chat.logs.epoch(), PATIENCE)
    except ChatError:
        status = "unavailable"
    except asyncio.TimeoutError:  # nor would a write be answered
        return JsonResponse(HealthBody(status="unavailable", warnings=[SILENT, *warnings]), 503)
    trouble = await server.trouble()  # this look may just have shown it
    if trouble is not None:
        status, warnings = "unavailable", [trouble, *warnings]
    return JsonResponse(HealthBody(status=status, warnings=warnings), 503 if status == "unavailable" else 200)
