"""Two nodes with signals, in virtual time: recorders instead of sockets, and a bus that may lose everything."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.realtime.signals import Signals
from hubbub.services.peers import Peers
from hubbub.services.reads import Reads
from hubbub.wire.frames import Signal
from tests.loops import run_jumping
from tests.unit.realtime.clusters import ClusterNode, Pair, open_pair
from tests.unit.realtime.listeners import Recorder
from tests.unit.services.chats import turns


class SignalNode:
    """One of two nodes. What a gateway does with connections is done here by hand."""

    def __init__(self, node: ClusterNode, pair: Pair) -> None:
        self.node = node
        self.store = node.store
        self.hub = node.hub
        self.reads = Reads(pair.chats.store)
        self.clock = pair.chats.clock
        self.signals = Signals(node.hub, self.reads, Peers(node.store), self.clock)

    def come(self, user_id: UserId) -> Recorder:
        recorder = self.node.recorder(user_id)
        self.signals.presence.came(recorder)
        return recorder

    async def join(self, user_id: UserId, room_id: RoomId) -> Recorder:
        """A connection with a live view of this room."""
        recorder = self.come(user_id)
        assert await recorder.join(self.node.logs, room_id)
        return recorder

    def go(self, recorder: Recorder, *room_ids: RoomId) -> None:
        """Its connection is closed."""
        self.hub.detach(recorder, room_ids)
        self.signals.closed(recorder)

    def type(self, recorder: Recorder, room_id: RoomId, *, on: bool = True) -> None:
        self.signals.typing.typing(recorder, room_id, on=on)

    async def watch(self, recorder: Recorder, *user_ids: int) -> list[tuple[int, str, str | None]]:
        """The answer: who, how, and when last seen."""
        return states(await self.signals.presence.watch(recorder, [UserId(user_id) for user_id in user_ids]))


class Signalling:
    """Two nodes over one memory store."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.here = SignalNode(pair.here, pair)
        self.there = SignalNode(pair.there, pair)

    async def connect(self) -> None:
        await self.here.signals.connect(self.pair.here.bus, "here")
        await self.there.signals.connect(self.pair.there.bus, "there")

    async def close(self) -> None:
        for node in (self.here, self.there):
            await node.reads.close()
            await node.signals.close()


@asynccontextmanager
async def open_signalling() -> AsyncIterator[Signalling]:
    async with open_pair() as pair:
        signalling = Signalling(pair)
        await signalling.connect()
        yield signalling
        await signalling.close()


def play(scene: Callable[[Signalling], Awaitable[None]]) -> None:
    """Run a scene in virtual time."""

    async def run() -> None:
        async with open_signalling() as signalling:
            await scene(signalling)

    run_jumping(run())


def typing(recorder: Recorder) -> list[tuple[UserId | None, bool | None]]:
    """Who was said to type (True) or to type no longer, since the last call."""
    return [(signal.user_id, signal.on) for signal in _take(recorder, "typing")]


def marks(recorder: Recorder) -> list[tuple[UserId | None, Seq | None]]:
    """Who was said to have read up to where, since the last call."""
    return [(signal.user_id, signal.seq) for signal in _take(recorder, "read")]


def presence(recorder: Recorder) -> list[tuple[int, str, str | None]]:
    """Who was said to be there how, and when last seen, since the last call."""
    return states(_take(recorder, "presence"))


def states(signals: Sequence[Signal]) -> list[tuple[int, str, str | None]]:
    return [(signal.user_id or 0, signal.status or "", signal.last_seen) for signal in signals]


async def after(seconds: float) -> None:
    """Let this much time pass, and what is due then happen."""
    await asyncio.sleep(seconds)
    await turns(30)


def _take(recorder: Recorder, kind: str) -> list[Signal]:
    taken = [signal for signal in recorder.whispers if signal.kind == kind]
    recorder.whispers = [signal for signal in recorder.whispers if signal.kind != kind]
    return taken
