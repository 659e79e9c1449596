"""The Python SDK: REST and the live chat of one user, asynchronous.

    async with connect("http://127.0.0.1:8000", username="ann", password="…") as chat:
        room = chat.room(9)
        async for event in room:
            if isinstance(event, MessagePosted) and event.user_id != chat.user.id:
                await room.send(event.message.text)

Every way in which it says no:

    ChatError                the server's refusals, by the same classes as inside it
    ├── Invalid              a field breaks a rule: TooLarge, BadFrame, UnknownType
    ├── Unauthenticated      sign in (again): TokenExpired
    ├── Forbidden
    ├── NotFound             it does not exist, or you may not know that it does
    ├── Conflict             ClientIdReused
    ├── RateLimited          `retry_after` says when
    ├── Unavailable          repeat it
    └── Internal
    ClientError
    ├── Unreachable          no answer: what was asked may have happened, or not
    ├── NotUnderstood        an answer that this client can't read
    ├── Closed               the connection is over
    └── Missed               events of a room that may not be read any more

The protocol is in `core.py`, without I/O; `live.py` is the shell around it, and `ports.py` says what that needs.
"""

from hubbub.client.api import Api
from hubbub.client.chat import Chat, connect, register
from hubbub.client.errors import ClientError, Closed, Missed, NotUnderstood, Unreachable
from hubbub.client.feeds import Feed, RoomEvent, RoomReset
from hubbub.client.live import Live, Signals
from hubbub.client.results import (
    Channel,
    Device,
    LogPage,
    Membership,
    Page,
    Person,
    Profile,
    RoomSummary,
    Tokens,
)
from hubbub.client.rooms import Room

__all__ = [
    "Api",
    "Channel",
    "Chat",
    "ClientError",
    "Closed",
    "Device",
    "Feed",
    "Live",
    "LogPage",
    "Membership",
    "Missed",
    "NotUnderstood",
    "Page",
    "Person",
    "Profile",
    "Room",
    "RoomEvent",
    "RoomReset",
    "RoomSummary",
    "Signals",
    "Tokens",
    "Unreachable",
    "connect",
    "register",
]
