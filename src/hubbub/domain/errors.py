"""Every way in which hubbub says no.

    ChatError
    ├── Invalid          a field breaks a rule; `field` names it
    │   ├── BadFrame     not JSON, or not a frame of this protocol
    │   ├── UnknownType  a frame type that this server does not know
    │   └── TooLarge     more bytes than the limit
    ├── Unauthenticated  no credential, or one that is not (or no longer) valid
    │   └── TokenExpired valid once; refresh it
    ├── Forbidden        you may know that it exists, but not do this
    ├── NotFound         it does not exist, or you may not know that it does
    ├── Conflict         the state of the world is against it
    │   └── ClientIdReused  the client_id was used for another message
    ├── RateLimited      too often; `retry_after` says when
    ├── Unavailable      nothing is known to be wrong with the request; repeat it
    └── Internal         a defect of the server

A `code` is the word that clients see, in frames and in REST problems alike. HTTP statuses and close codes are tables at
the edge, looked up by it.
"""

from typing import ClassVar


class ChatError(Exception):
    """Base of all refusals. `str(error)` is meant for people and never holds a secret or a message's text."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, field: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.retry_after = retry_after  # seconds; None = no advice


class Invalid(ChatError):
    code = "invalid"


class BadFrame(Invalid):
    code = "bad_frame"


class UnknownType(Invalid):
    code = "unknown_type"


class TooLarge(Invalid):
    code = "too_large"


class Unauthenticated(ChatError):
    code = "unauthenticated"


class TokenExpired(Unauthenticated):
    code = "token_expired"


class Forbidden(ChatError):
    code = "forbidden"


class NotFound(ChatError):
    code = "not_found"


class Conflict(ChatError):
    code = "conflict"


class ClientIdReused(Conflict):
    code = "client_id_reused"


class RateLimited(ChatError):
    code = "rate_limited"
    retryable = True


class Unavailable(ChatError):
    code = "unavailable"
    retryable = True


class Internal(ChatError):
    code = "internal"


def error_classes() -> dict[str, type[ChatError]]:
    """All error classes by code, for the tables at the edge and the tests that compare them."""
    found: dict[str, type[ChatError]] = {}
    queue = list(ChatError.__subclasses__())
    while queue:
        cls = queue.pop()
        found[cls.code] = cls
        queue.extend(cls.__subclasses__())
    return found
