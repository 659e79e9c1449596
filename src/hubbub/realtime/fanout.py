"""From the services to the hub: what was committed, and which sessions are over."""

import asyncio
from collections.abc import Collection, Sequence

from hubbub.domain.errors import ChatError
from hubbub.domain.events import Event, MemberJoined, MemberLeft, RoomDeleted
from hubbub.domain.ids import RoomId, SessionId
from hubbub.realtime.deliveries import Delivery, delivery
from hubbub.realtime.hub import RETRY, Hub


class HubFanout:
    """Implements `services.ports.Fanout` for one node: each event is encoded and framed once, if anybody listens."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._resyncs: dict[asyncio.Task[None], None] = {}

    def publish(self, events: Sequence[Event], epoch: str) -> None:
        if not self._hub.agrees(epoch):
            return
        for event in events:
            if self._hub.listens(event.room_id):
                self._hub.publish(delivery(event))
            self._tell_member(event)

    def deliver(self, items: Sequence[Delivery], epoch: str) -> None:
        """`publish`, of what is encoded already."""
        if not self._hub.agrees(epoch):
            return
        for item in items:
            self._hub.publish(item)
            self._tell_member(item.event)

    def resync(self, room_ids: Collection[RoomId]) -> None:
        task = asyncio.get_running_loop().create_task(self._resync(list(room_ids)), name="resync")
        self._resyncs[task] = None
        task.add_done_callback(self._resyncs.pop)

    def end_sessions(self, session_ids: Collection[SessionId]) -> None:
        self._hub.end_sessions(session_ids)

    async def close(self) -> None:
        """Stop looking at logs that could not be read."""
        for task in self._resyncs:
            task.cancel()

    def _tell_member(self, event: Event) -> None:
        if isinstance(event, MemberJoined | MemberLeft):
            joined = isinstance(event, MemberJoined)
            self._hub.memberships.happened(event.member_id, event.room_id, event.seq, joined=joined)
        elif isinstance(event, RoomDeleted):
            self._hub.memberships.room_deleted(event.room_id, event.seq)

    async def _resync(self, room_ids: list[RoomId]) -> None:
        while True:
            try:
                await self._hub.resync(room_ids)
            except ChatError:
                await asyncio.sleep(RETRY)
            else:
                return
