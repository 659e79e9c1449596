"""Why a connection was closed, and whether to come back.

An error answers a frame and the connection goes on; a close code ends it. 44xx blame what the client sent: the same
again would be refused again. 45xx blame the server or the network: connect again and resume.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from hubbub.domain.errors import ChatError


class CloseCode(IntEnum):
    NORMAL = 1000
    GOING_AWAY = 1001  # the server stops, or the browser leaves the page
    ABNORMAL = 1006  # never sent: what an endpoint reports when there was no close frame (RFC 6455 7.1.5)
    RESTART = 1012  # uvicorn's own shutdown

    BAD_FRAME = 4400
    UNAUTHENTICATED = 4401  # not authenticated, or no longer
    FORBIDDEN = 4403  # or removed from the room
    NOT_FOUND = 4404
    AUTH_TIMEOUT = 4408
    TOO_LARGE = 4413
    PROTOCOL_VERSION = 4426
    RATE_LIMITED = 4429

    INTERNAL = 4500
    DRAINING = 4503
    HEARTBEAT = 4504
    SLOW = 4508
    STATE_MOVED = 4510


CLOSE_CODES: Mapping[str, CloseCode | None] = MappingProxyType(
    {
        "bad_frame": CloseCode.BAD_FRAME,
        "unknown_type": None,
        "invalid": CloseCode.BAD_FRAME,
        "unauthenticated": CloseCode.UNAUTHENTICATED,
        "token_expired": CloseCode.UNAUTHENTICATED,
        "forbidden": CloseCode.FORBIDDEN,
        "not_found": CloseCode.NOT_FOUND,
        "conflict": None,
        "too_large": CloseCode.TOO_LARGE,
        "rate_limited": CloseCode.RATE_LIMITED,
        "client_id_reused": None,
        "unavailable": CloseCode.DRAINING,
        "internal": CloseCode.INTERNAL,
    }
)
"""The close code of each error code, for an error that ends a connection; None for those that never do."""

# RFC 6455 7.4.1: codes that say *done*, or that what we sent was wrong.
_FINAL = frozenset({1000, 1002, 1003, 1007, 1008, 1009, 1010})


def close_code(error: BaseException) -> CloseCode | None:
    """With what to close the connection that this error ends; None when it is no reason to."""
    return CLOSE_CODES[error.code] if isinstance(error, ChatError) else CloseCode.INTERNAL


def may_resume(code: int) -> bool:
    """Is it right to connect again and resume, with nothing changed, after a connection ended with this code?"""
    return code not in _FINAL and not 4400 <= code < 4500
