"""WebSocket framing of what the server sends (RFC 6455 5.2).

A server's frames are not masked, so one framed bytes object serves every socket that it is sent to.
"""

_TEXT = 0x81  # FIN, opcode 1


def text_frame(payload: bytes) -> bytes:
    """A whole, unfragmented text frame."""
    size = len(payload)
    if size < 126:
        return bytes((_TEXT, size)) + payload
    if size < 65_536:
        return bytes((_TEXT, 126)) + size.to_bytes(2, "big") + payload
    return bytes((_TEXT, 127)) + size.to_bytes(8, "big") + payload


def close_reason(text: str) -> str:
    """As much of a reason as a close frame carries: 125 bytes, less the two of the code (RFC 6455 5.5)."""
    return text.encode()[:123].decode(errors="ignore")


def payload_of(frame: bytes) -> bytes:
    """What `text_frame` wrapped."""
    header = {126: 4, 127: 10}.get(frame[1], 2)
    return frame[header:]
