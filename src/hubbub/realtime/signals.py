"""What is only true now: who types, how far somebody has read, who is there. Never numbered, stored or replayed.

Everything here is beside the way of a message: it may be late or lost, and costs its readers nothing that they miss.
"""

from hubbub.domain.ids import RoomId
from hubbub.realtime.cluster import Bus
from hubbub.realtime.hub import Hub
from hubbub.realtime.listeners import Listener
from hubbub.realtime.presence import Presence, Tempo
from hubbub.realtime.read_signals import ReadSignals
from hubbub.realtime.typing_signals import TypingSignals
from hubbub.services.peers import Peers
from hubbub.services.ports import Clock
from hubbub.services.reads import Reads
from hubbub.wire.codec import decode_server, encode
from hubbub.wire.frames import Signal

SIGNALS = "signals"
PRESENCE = "presence"


class Signals:
    """All signals of one node."""

    def __init__(self, hub: Hub, reads: Reads, peers: Peers, clock: Clock, tempo: Tempo | None = None) -> None:
        self._bus: Bus | None = None
        self.typing = TypingSignals(hub, self._publish)
        self.reads = ReadSignals(hub, self._publish)
        self.presence = Presence(peers, clock, tempo)
        hub.delivered = self.typing.delivered
        reads.moved = self.reads.moved

    async def connect(self, bus: Bus, name: str) -> None:
        """Tell the other nodes, and listen to them. No other node, and no earlier life of this one, has this name."""
        self._bus = bus
        bus.subscribe(SIGNALS, self._receive)
        bus.subscribe(PRESENCE, self.presence.receive)
        bus.when_restored(self.presence.ask)
        await bus.settled()
        self.presence.connect(lambda payload: bus.publish(PRESENCE, payload), name)

    def left(self, listener: Listener, room_id: RoomId) -> None:
        """A connection listens to a room no longer."""
        self.typing.left(listener, room_id)

    def closed(self, listener: Listener) -> None:
        """A connection has ended, and the hub knows it."""
        self.typing.left(listener)
        self.presence.went(listener)

    async def close(self) -> None:
        """Tell nothing more."""
        self.typing.close()
        self.reads.close()
        await self.presence.close()

    def _publish(self, signal: Signal) -> None:
        if self._bus is not None:
            self._bus.publish(SIGNALS, encode(signal))

    def _receive(self, payload: bytes) -> None:
        match decode_server(payload):  # a newer node may know more kinds
            case Signal(kind="typing") as signal:
                self.typing.receive(signal)
            case Signal(kind="read") as signal:
                self.reads.receive(signal)
