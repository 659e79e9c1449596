"""The log of a room, read back by pages."""

from collections.abc import AsyncIterator

from hubbub.domain.events import Event
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.services.logs import Logs


async def read_log(logs: Logs, user_id: UserId, room_id: RoomId) -> AsyncIterator[Event]:
    """All events that this member may read, oldest first."""
    last = Seq(0)
    while True:
        page = await logs.events(user_id, room_id, after=last)
        for event in page.items:
            yield event
        if not page.items or page.items[-1].seq >= page.head:
            return
        last = page.items[-1].seq
