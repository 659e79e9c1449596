"""Bytes to frames and back; the only place that meets what strangers send.

Whatever comes in, what comes out is a frame or one of four refusals:

    TooLarge     more bytes than allowed
    BadFrame     not UTF-8, not JSON, not one object, or without a `type`
    UnknownType  a `type` that is not known here
    Invalid      a frame with a field that is missing, or of the wrong form; `field` says which

Their messages say what is wrong and where, and never repeat what was sent: they end up in logs.

Of two members of an object with the same name the last one counts, as in JavaScript and Python. Members that a frame
does not have are passed over, but they must be JSON as well: no NaN, no Infinity, no half of a surrogate pair.
"""

import re

from msgspec import DecodeError, Struct, ValidationError
from msgspec.json import Decoder, Encoder

from hubbub.domain.errors import BadFrame, ChatError, Invalid, TooLarge, UnknownType
from hubbub.domain.ids import MAX_ID
from hubbub.wire.frames import ClientFrame, ServerFrame
from hubbub.wire.limits import MAX_FRAME


class _Referring(Struct):
    ref: int


_encode = Encoder().encode
_client_frames: Decoder[ClientFrame] = Decoder(ClientFrame)
_server_frames: Decoder[ServerFrame] = Decoder(ServerFrame)
_referring = Decoder(_Referring)

# The forms of msgspec's messages that hold nothing of the input. Others quote it: "Invalid enum value 'secret'".
_SAFE = re.compile(r"Expected `[^`]*`(?:, got `[^`]*`| [<>]=? -?\d+)?")
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_PLACE = re.compile(r" - at (?:`key` in )?`\$\.?(.*)`\Z")


def decode_client(data: str | bytes, *, max_bytes: int = MAX_FRAME) -> ClientFrame:
    """The frame that a client sent, of at most `max_bytes` bytes (inclusive)."""
    raw = _utf8(data)
    if len(raw) > max_bytes:
        raise TooLarge(f"a frame may have at most {max_bytes} bytes")
    try:
        return _client_frames.decode(raw)
    except (DecodeError, RecursionError) as error:
        raise _refusal(error) from None


def decode_server(data: str | bytes) -> ServerFrame:
    """The frame that a server sent. UnknownType is no reason to give up: the server may be the newer one."""
    try:
        return _server_frames.decode(_utf8(data))
    except (DecodeError, RecursionError) as error:
        raise _refusal(error) from None


def encode(frame: ClientFrame | ServerFrame) -> bytes:
    """One JSON object in UTF-8."""
    return _encode(frame)


def ref_of(data: str | bytes) -> int | None:
    """The `ref` of a frame that was refused, so that its sender can match the answer; None when none can be seen."""
    try:
        ref = _referring.decode(_utf8(data)).ref
    except (ChatError, DecodeError, RecursionError):
        return None
    return ref if -MAX_ID <= ref <= MAX_ID else None


def _utf8(data: str | bytes) -> bytes:
    """The bytes of a text frame. msgspec does not look into what it passes over, so that it must be checked here."""
    try:
        if isinstance(data, str):
            return data.encode()
        data.decode()
    except UnicodeError:
        raise BadFrame("the frame is not UTF-8") from None
    return data


def _refusal(error: DecodeError | RecursionError) -> ChatError:
    """What to tell the sender."""
    if isinstance(error, RecursionError):
        return BadFrame("the frame is nested too deeply")
    message = str(error)
    if not isinstance(error, ValidationError):
        return BadFrame(f"the frame is not JSON: {message.removeprefix('JSON is malformed: ')}")
    found = _PLACE.search(message)
    place = found[1] if found else ""
    missing = _MISSING.match(message)
    if missing:
        field = f"{place}.{missing[1]}" if place else missing[1]
        return BadFrame("the frame has no type") if field == "type" else Invalid(f"{field} is missing", field=field)
    safe = _SAFE.match(message)
    if not place:
        return BadFrame("a frame must be one JSON object")
    if place == "type":
        return BadFrame("type must be a string") if safe else UnknownType("there is no such type of frame")
    detail = safe[0].replace("`", "").replace("Expected", "expected") if safe else "this value is not allowed"
    return Invalid(f"{place}: {detail}", field=place)
