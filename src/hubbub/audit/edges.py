"""What a server sends to one client, looked at before the SDK does.

The SDK heals what is lost, so that whoever looks behind it alone sees a server's mistakes only as slowness.
"""

import random
from collections.abc import Sequence

from hubbub.audit.delays import Delays
from hubbub.audit.findings import Findings
from hubbub.audit.ledger import Ledger
from hubbub.client.ports import Connector, Socket
from hubbub.domain.errors import ChatError
from hubbub.domain.ids import RoomId, Seq
from hubbub.wire import frames as wire
from hubbub.wire.codec import decode_client, decode_server
from hubbub.wire.events import domain_event


class Edge:
    """One connection's frames, in both directions, checked as they pass.

    On one connection the events of a room go on from what the client asked for, without a hole. A replay may repeat
    what the client has, a live event may not.
    """

    def __init__(self, name: str, ledger: Ledger, findings: Findings, delays: Delays) -> None:
        self._name = name
        self._ledger = ledger
        self._findings = findings
        self._delays = delays
        self._last: dict[RoomId, Seq] = {}  # by room: the last seq that is known to have been sent

    def sent(self, data: bytes) -> None:
        """The client has sent a frame."""
        match decode_client(data):
            case wire.Join(room_id=room_id, after=after) if room_id is not None and after is not None:
                self._last[room_id] = after
            case wire.Sync(rooms=rooms):
                self._last.update(rooms)

    def received(self, data: str | bytes) -> int:
        """The server has sent a frame; how many events it brought."""
        try:
            frame = decode_server(data)
        except ChatError as error:
            self._findings.add("unreadable frame", f"{self._name}: {error}")
            return 0
        match frame:
            case wire.EventFrame():
                self._event(frame.room_id, frame, live=True)
                return 1
            case wire.Events():
                for body in frame.events:
                    self._event(frame.room_id, body, live=False)
                return len(frame.events)
            case wire.Reset():
                self._findings.add("reset", f"{self._name}: {frame.reason}", frame.room_id, frame.seq)
        return 0

    def _event(self, room_id: RoomId, body: wire.EventBody, *, live: bool) -> None:
        last = self._last.get(room_id)
        seq = body.seq
        if last is None:
            self._findings.add("unasked", f"{self._name} did not ask for this room", room_id, seq)
        elif seq > last + 1:
            self._findings.add("missing", f"{self._name} got it right after {last}", room_id, seq)
        elif seq <= last and live:
            self._findings.add("doubled", f"{self._name} got it live after {last}", room_id, seq)
        elif seq > last and body.client_id is not None:
            self._delays.came(body.client_id)
        self._last[room_id] = max(seq, last or Seq(0))
        try:
            event = domain_event(room_id, body)
        except ChatError as error:
            self._findings.add("unreadable event", f"{self._name}: {error}", room_id, seq)
            return
        if event is not None and not self._ledger.agrees(event):
            self._findings.add("altered", f"{self._name} got another {body.kind} than others did", room_id, seq)


class AnyConnector:
    """Implements `client.ports.Connector`: each connection is made by one of these, drawn by lot."""

    def __init__(self, connectors: Sequence[Connector], chance: random.Random) -> None:
        self._connectors = connectors
        self._chance = chance

    async def connect(self, token: str) -> Socket:
        return await self._chance.choice(self._connectors).connect(token)


class WatchedConnector:
    """Implements `client.ports.Connector` over another one, with an `Edge` for each connection."""

    def __init__(self, connector: Connector, name: str, ledger: Ledger, findings: Findings, delays: Delays) -> None:
        self.connections = 0
        self.deliveries = 0
        self._connector = connector
        self._name = name
        self._ledger = ledger
        self._findings = findings
        self._delays = delays

    async def connect(self, token: str) -> Socket:
        socket = await self._connector.connect(token)
        self.connections += 1
        edge = Edge(f"{self._name}#{self.connections}", self._ledger, self._findings, self._delays)
        return _WatchedSocket(socket, edge, self)


class _WatchedSocket:
    def __init__(self, socket: Socket, edge: Edge, connector: WatchedConnector) -> None:
        self._socket = socket
        self._edge = edge
        self._connector = connector

    async def send(self, data: bytes) -> None:
        self._edge.sent(data)
        await self._socket.send(data)

    async def recv(self) -> str | bytes:
        data = await self._socket.recv()
        self._connector.deliveries += self._edge.received(data)
        return data

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code, reason)
