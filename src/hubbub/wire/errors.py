"""ChatErrors as `error` frames, and back.

Nothing of an internal error goes over the wire: its text may hold anything. It belongs into the log.
"""

from math import ceil

from hubbub.domain.errors import ChatError, Internal, error_classes
from hubbub.domain.ids import RoomId
from hubbub.wire.frames import Error, ErrorDetails

_INTERNAL = "something went wrong in the server"


def error_frame(error: BaseException, *, ref: int | None = None, room_id: RoomId | None = None) -> Error:
    """What a client is told about an error; about any that is not a ChatError, only that there was one."""
    if not isinstance(error, ChatError) or error.code == Internal.code:
        return Error(ref=ref, room_id=room_id, code=Internal.code, message=_INTERNAL, retryable=False)
    return Error(
        ref=ref,
        room_id=room_id,
        code=error.code,
        message=str(error),
        retryable=error.retryable,
        retry_after_ms=None if error.retry_after is None else ceil(error.retry_after * 1000),
        details=None if error.field is None else ErrorDetails(field=error.field),
    )


def chat_error(frame: Error) -> ChatError:
    """The exception that an `error` frame stands for. A code that is not known here becomes a plain ChatError."""
    return error_classes().get(frame.code, ChatError)(
        frame.message,
        field=None if frame.details is None else frame.details.field,
        retry_after=None if frame.retry_after_ms is None else frame.retry_after_ms / 1000,
    )
