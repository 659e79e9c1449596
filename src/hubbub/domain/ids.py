"""The plain integers that name things, kept apart by the type checker."""

from typing import NewType

UserId = NewType("UserId", int)
RoomId = NewType("RoomId", int)
SessionId = NewType("SessionId", int)

Seq = NewType("Seq", int)
"""A position in a room's log: 1, 2, 3 … without a hole. 0 stands for *before the first event*."""

Millis = NewType("Millis", int)
"""A point in time: milliseconds since 1970-01-01T00:00:00Z."""

MAX_ID = 2**53 - 1
"""The largest id or seq that leaves the server: beyond it JavaScript's numbers are no longer exact."""
