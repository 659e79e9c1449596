"""A wire to PostgreSQL that can be cut, or fall silent, at a chosen moment."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import make_url

COMMIT = b"COMMIT\x00"  # the statement, and not the isolation level


class Wire:
    """Passes on what is said between clients and a server, until it is told otherwise."""

    def __init__(self, url: str) -> None:
        parts = make_url(url)
        self._server = (parts.host, parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._unheard: set[socket.socket] = set()
        self._hushed: set[socket.socket] = set()
        self.url = parts.set(port=self._listener.getsockname()[1]).render_as_string(hide_password=False)
        self.lose_next_answer = False  # the server gets the COMMIT, and the client does not hear of it
        self.lose_next_commit = False  # the server does not even get it
        self.hush_next_answer = False  # the same, and the wire is not cut
        self.silent = False  # nothing is passed on any more, and all of it acknowledged, as by a server that hangs
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for end in (self._listener, *self._sockets):
            _shut(end)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                threading.Thread(target=self._pass_on, args=(client, server, server), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, client, server), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                commits = source is not server and COMMIT in data
                if commits and self.lose_next_commit:
                    self.lose_next_commit = False
                    break
                if commits and self.lose_next_answer:
                    self.lose_next_answer = False
                    self._unheard.add(server)
                if commits and self.hush_next_answer:
                    self.hush_next_answer = False
                    self._hushed.add(server)
                if source in self._unheard:
                    break  # this is the answer: it is committed
                if not self.silent and source not in self._hushed:
                    target.sendall(data)
        _shut(source)
        _shut(target)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def wire_to(url: str) -> Iterator[Wire]:
    wire = Wire(url)
    try:
        yield wire
    finally:
        wire.close()
