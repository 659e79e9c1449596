"""From the services to the hub: what was committed, and which sessions are over."""

import asyncio
from collections.abc import Collection, Sequence

from hubbub.domain.errors import ChatError
from hubbub.domain.events import Event, MemberJoined, MemberLeft
from hubbub.domain.ids import RoomId, SessionId
from hubbub.realtime.hub import RETRY, Hub, delivery


class HubFanout:
    """Implements `services.ports.Fanout` for one node: each event is encoded and framed once, if anybody listens."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._resyncs: set[asyncio.Task[None]] = set()

    def publish(self, events: Sequence[Event]) -> None:
        for event in events:
            if self._hub.listens(event.room_id):
                self._hub.publish(delivery(event))
            if isinstance(event, MemberJoined | MemberLeft):
                added = isinstance(event, MemberJoined)
                for listener in self._hub.of_user(event.member_id):
                    listener.signal_room(event.room_id, event.seq, added=added)

    def resync(self, room_ids: Collection[RoomId]) -> None:
        task = asyncio.get_running_loop().create_task(self._resync(list(room_ids)), name="resync")
        self._resyncs.add(task)
        task.add_done_callback(self._resyncs.discard)

    def end_sessions(self, session_ids: Collection[SessionId]) -> None:
        for listener in self._hub.of_sessions(session_ids):
            listener.session_ended()

    async def close(self) -> None:
        """Stop looking at logs that could not be read."""
        for task in self._resyncs:
            task.cancel()

    async def _resync(self, room_ids: list[RoomId]) -> None:
        while True:
            try:
                await self._hub.resync(room_ids)
            except ChatError:
                await asyncio.sleep(RETRY)
            else:
                return
