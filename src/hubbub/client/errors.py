"""What goes wrong between a client and its server, beside the server's own refusals.

Exception
├── ChatError         the server said no: see hubbub.domain.errors, whose tree it is
└── ClientError
    ├── Unreachable   no answer: what was asked may have happened, or not
    ├── NotUnderstood an answer that this client can't read
    ├── Closed        the connection is over: closed here, or by the server for good
    └── Missed        events of a room from before a removal, which may not be read any more
"""

from hubbub.domain.errors import (
    BadFrame,
    ChatError,
    Forbidden,
    Internal,
    NotFound,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from hubbub.wire.close_codes import CloseCode

CLOSED = "the connection was closed here"


class ClientError(Exception):
    """Base of what is not a refusal by the server."""


class Unreachable(ClientError):
    pass


class NotUnderstood(ClientError):
    pass


class Closed(ClientError):
    pass


class Missed(ClientError):
    pass


def fresh(error: Exception) -> Exception:
    """An error that is raised wherever somebody asks, without the frames that it went through the last time."""
    return error.with_traceback(None)


def is_final(error: Exception) -> bool:
    """Would the same be refused again? Then there is no use in trying."""
    return isinstance(error, ChatError) and not error.retryable and not isinstance(error, Internal)


_BY_CLOSE_CODE: dict[int, type[ChatError]] = {
    CloseCode.BAD_FRAME: BadFrame,
    CloseCode.UNAUTHENTICATED: Unauthenticated,
    CloseCode.AUTH_TIMEOUT: Unauthenticated,
    CloseCode.FORBIDDEN: Forbidden,
    CloseCode.NOT_FOUND: NotFound,
    CloseCode.TOO_LARGE: TooLarge,
    CloseCode.RATE_LIMITED: RateLimited,
    CloseCode.INTERNAL: Internal,
    CloseCode.DRAINING: Unavailable,
}


def opening_error(code: int, reason: str, retry_after: float | None) -> ChatError | Unreachable:
    """The exception for a connection that ended before it was open, with a code that says to come back."""
    words = reason or "the server can't be reached"
    refusal = _BY_CLOSE_CODE.get(code)
    return Unreachable(words) if refusal is None else refusal(words, retry_after=retry_after)


def closing_error(code: int, reason: str) -> ChatError | ClientError:
    """The exception for a connection that the server closed with a code that says not to come back."""
    words = reason or f"the server closed the connection ({code})"
    if code == CloseCode.PROTOCOL_VERSION:
        return NotUnderstood(words)
    refusal = _BY_CLOSE_CODE.get(code)
    return Closed(words) if refusal is None else refusal(words)
