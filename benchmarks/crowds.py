"""Many raw WebSocket clients in one process, cheap enough not to be what is measured."""

import base64
import os
import select
import socket
import time
from collections.abc import Iterable, Sequence

_END = b"\r\n\r\n"
_CLOSE = b"\x88"  # the first byte of a close frame
_EVENT, _HELLO = b'{"type":"event"', b'{"type":"hello"'
_MASK = b"\x01\x02\x03\x04"  # a constant one: it protects nothing here, and costs nothing


def connect(port: int, path: str, token: str | None = None) -> socket.socket:
    """A socket after its handshake."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    sock.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{bearer}\r\n".encode()
    )
    head = b""
    while not head.endswith(_END):
        seen = sock.recv(4096, socket.MSG_PEEK)  # what comes behind the handshake is left to be read
        end = (head + seen).find(_END)
        head += sock.recv(len(seen) if end < 0 else end + len(_END) - len(head))
        if not seen:
            break
    if not head.startswith(b"HTTP/1.1 101"):
        sock.close()
        raise ConnectionError(head.split(b"\r\n")[0].decode() or "closed during the handshake")
    sock.setblocking(False)
    return sock


def opened(port: int, path: str, token: str) -> socket.socket:
    """A socket whose user the server has let in: it has said hello. Raise ConnectionError."""
    sock = connect(port, path, token)
    sock.settimeout(30.0)
    said = b""
    while _HELLO not in said:
        part = sock.recv(1 << 16)
        said += part
        if not part or said.startswith(_CLOSE):
            sock.close()
            raise ConnectionError("closed before hello")
    sock.setblocking(False)
    return sock


def text_frame(payload: bytes) -> bytes:
    """A masked text frame of at most 65,535 bytes, as a client sends it."""
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else bytes((0x81, 0x80 | 126)) + size.to_bytes(2, "big")
    stream = (_MASK * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")
    return head + _MASK + masked


class Crowd:
    """Sockets that count the events that reach them."""

    def __init__(self, sockets: Iterable[socket.socket]) -> None:
        self._sockets = {sock.fileno(): sock for sock in sockets}
        self._poll = select.epoll()
        for number in self._sockets:
            self._poll.register(number, select.EPOLLIN)

    def __len__(self) -> int:
        return len(self._sockets)

    def wait_for(self, count: int, *, marker: bytes = _EVENT, timeout: float = 30.0) -> None:
        """Read until `count` frames with this marker have come, over all sockets."""
        seen, until = 0, time.monotonic() + timeout
        while seen < count:
            ready: Sequence[tuple[int, int]] = self._poll.poll(1.0)
            for number, _ in ready:
                data = self._sockets[number].recv(1 << 18)
                if not data:
                    raise ConnectionError("the server has closed a socket")
                seen += data.count(marker)
            if time.monotonic() > until:
                raise TimeoutError(f"{seen} of {count} events within {timeout} s")

    def drain(self, quiet: float = 0.3) -> int:
        """Read until nothing has come for a while (seconds); how many events have."""
        seen = 0
        while ready := self._poll.poll(quiet):
            for number, _ in ready:
                seen += self._sockets[number].recv(1 << 18).count(_EVENT)
        return seen

    def close(self) -> None:
        self._poll.close()
        for sock in self._sockets.values():
            sock.close()
