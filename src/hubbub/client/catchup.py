"""How a client stays complete: what it has applied of each room, and when it has to ask for more.

Sans-I/O. A room is *wanted* (to be joined as soon as it is due), *joining* (asked for, and not caught up), *live* or
*ended*. Whatever happens (a hole, `behind`, a lost connection) leads back to *wanted* with the position kept, so that
there is one way to recover and it is the one that is used every day.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from hubbub.client.backoff import Backoff
from hubbub.client.errors import Missed
from hubbub.client.outputs import Applied, CaughtUp, Ended, Joined, Output, Reset
from hubbub.domain.errors import ChatError, Forbidden, Invalid, NotFound
from hubbub.domain.ids import RoomId, Seq
from hubbub.wire import frames as wire
from hubbub.wire.events import domain_event
from hubbub.wire.position import Position, Step

SYNC_ROOMS = 100  # rooms in one `sync`: some 2 kB


class Stage(Enum):
    WANTED = "wanted"
    JOINING = "joining"
    LIVE = "live"
    ENDED = "ended"


@dataclass(slots=True, eq=False)
class Following:
    """A room that is followed. `position` is None until it is known where the live tail begins."""

    room_id: RoomId
    position: Position | None
    epoch: str | None
    backoff: Backoff
    stage: Stage = Stage.WANTED
    due: float = 0.0  # from when on it may be joined
    ref: int | None = None  # of the frame that asked for it
    asked: bool = False  # on this connection
    head: Seq = Seq(0)  # what the last `joined` promised


class Catchup:
    """All rooms that one client follows."""

    def __init__(self, outputs: list[Output], random: Callable[[], float]) -> None:
        self._outputs = outputs
        self._random = random
        self._rooms: dict[RoomId, Following] = {}
        self._wanted: dict[RoomId, Following] = {}  # those that are to be joined; nearly always empty
        self._left: dict[RoomId, None] = {}  # those that the server is to be told of
        self._asked: dict[int, list[Following]] = {}  # by ref, also of what nobody wants any more; none for a `leave`

    # What the client wants

    def follow(self, room_id: RoomId, after: Seq | None, epoch: str | None) -> None:
        """Follow a room from the event after `after` on (None = what happens from now on)."""
        self.unfollow(room_id)
        asked = room_id in self._left
        self._left.pop(room_id, None)  # a later join takes the place of an earlier one
        position = None if after is None else Position(after)
        self._rooms[room_id] = room = Following(room_id, position, epoch, Backoff(self._random, free=1), asked=asked)
        self._wanted[room_id] = room

    def unfollow(self, room_id: RoomId) -> None:
        """Stop."""
        self._wanted.pop(room_id, None)
        room = self._rooms.pop(room_id, None)
        if room is None or room.stage is Stage.ENDED:
            return
        room.stage, room.ref = Stage.ENDED, None
        if room.asked:
            self._left[room_id] = None

    def continues(self, room_id: RoomId, epoch: str) -> bool:
        """Is what is known of the room not known to be of another log than that of this epoch?"""
        room = self._rooms.get(room_id)
        if room is None or room.stage not in (Stage.WANTED, Stage.JOINING):
            return True
        return room.epoch in (None, epoch)

    def due(self) -> float | None:
        """When there is something to ask for; None = nothing."""
        if self._left:
            return 0.0
        return min((room.due for room in self._wanted.values()), default=None)

    def next_request(self, now: float, ref: int) -> wire.Leave | wire.Join | wire.Sync | None:
        """What to ask for now, as one frame; None = nothing is due."""
        if self._left:
            left = next(iter(self._left))
            del self._left[left]
            self._asked[ref] = []
            return wire.Leave(ref=ref, room_id=left)
        due = [room for room in self._wanted.values() if room.due <= now]
        if not due:
            return None
        first = due[0]
        if first.position is None:
            self._ask(ref, [first])
            return wire.Join(ref=ref, room_id=first.room_id)
        together = [room for room in due if room.position is not None and room.epoch == first.epoch][:SYNC_ROOMS]
        self._ask(ref, together)
        if len(together) == 1:
            return wire.Join(ref=ref, room_id=first.room_id, after=first.position.applied, epoch=first.epoch)
        positions = {room.room_id: room.position.applied for room in together if room.position is not None}
        return wire.Sync(ref=ref, rooms=positions, epoch=first.epoch)

    def lost(self) -> None:
        """The connection is gone: every room has to be joined again."""
        self._asked.clear()
        self._left.clear()
        for room in self._rooms.values():
            room.asked = False
            if room.stage is not Stage.ENDED:
                self._want(room, 0.0)

    # What the server says. These return the refs that are answered with it, whoever still wants to know.

    def joined(self, frame: wire.Joined, now: float) -> Sequence[int]:
        answered = self._over(frame.ref) if frame.replay is None else ()
        room = self._asked_for(frame.room_id, frame.ref)
        if room is None:
            return answered
        room.epoch, room.head = frame.epoch, frame.head
        if room.position is None:
            room.position = Position(frame.head)
        elif room.position.applied > frame.head:
            # Events that are not there any more: the log that we know is not this one.
            self._restart(room, frame.base, "epoch_changed")
            self._want(room, now + room.backoff.next())
            return answered
        self._outputs.append(Joined(frame, room.position.applied))
        if frame.replay is None:
            self._settle(room, now)
        return answered

    def events(self, frame: wire.Events, now: float) -> Sequence[int]:
        answered = self._over(frame.ref)
        room = self._asked_for(frame.room_id, frame.ref)
        if room is None or room.position is None:
            return answered
        before = room.position.applied
        for body in frame.events:
            if self._take(room, body) is Step.GAP:
                break
        if not frame.more:
            self._settle(room, now)
        elif room.position.applied > before:
            self._want(room, now)
        else:
            self._want(room, now + room.backoff.next())
        return answered

    def event(self, frame: wire.EventFrame, now: float) -> None:
        room = self._rooms.get(frame.room_id)
        if room is None or room.position is None or room.stage is Stage.ENDED:
            return
        if self._take(room, frame) is Step.GAP and room.stage is Stage.LIVE:
            self._want(room, now + room.backoff.next())

    def behind(self, room_id: RoomId, now: float) -> None:
        """The room is not live on this connection any more, whatever was asked for before."""
        room = self._rooms.get(room_id)
        if room is not None and room.stage in (Stage.LIVE, Stage.JOINING):
            self._want(room, now)

    def reset(self, frame: wire.Reset, now: float) -> None:
        room = self._rooms.get(frame.room_id)
        if room is None or room.stage is Stage.ENDED:
            return
        if frame.reason == "forbidden":
            self._end(room, _missed(room, frame.seq))
            return
        self._restart(room, Seq(0) if frame.base is None else frame.base, frame.reason)
        if room.stage is Stage.LIVE:
            self._want(room, now)

    def heads(self, heads: dict[RoomId, Seq], now: float) -> None:
        """The heads of rooms that changed: what we have not got by now was lost on the way."""
        for room_id, head in heads.items():
            room = self._rooms.get(room_id)
            if room is None or room.position is None or room.stage is not Stage.LIVE:
                continue
            if room.position.applied < head:
                self._want(room, now + room.backoff.next())

    def refused(self, ref: int, room_id: RoomId | None, error: ChatError, now: float) -> bool:
        """An error answers what was asked for; is it of a room of ours? `room_id`: for one room of a `sync` only."""
        asked = self._asked.get(ref)
        if asked is None:
            return False
        for room in list(asked):
            if room.ref == ref and room_id in (None, room.room_id):
                self._refuse(room, error, now)
        if room_id is None:
            del self._asked[ref]
        return True

    def answered(self, ref: int, now: float) -> bool:
        """A `sync` or a `leave` is complete; was there one? A room of it that was not answered is asked for again."""
        asked = self._asked.pop(ref, None)
        if asked is None:
            return False
        for room in asked:
            if room.ref == ref:
                self._want(room, now + room.backoff.next())
        return True

    def _ask(self, ref: int, rooms: list[Following]) -> None:
        self._asked[ref] = rooms
        for room in rooms:
            room.stage, room.ref, room.asked = Stage.JOINING, ref, True
            del self._wanted[room.room_id]

    def _asked_for(self, room_id: RoomId, ref: int | None) -> Following | None:
        """The room, if this answers what was asked for last; an answer to anything older is passed over."""
        room = self._rooms.get(room_id)
        return None if room is None or ref is None or room.ref != ref else room

    def _over(self, ref: int | None) -> Sequence[int]:
        """The ref of a `join` is answered with its one room; a `sync` ends with an ack."""
        if ref is None or len(self._asked.get(ref, ())) != 1:
            return ()
        del self._asked[ref]
        return (ref,)

    def _want(self, room: Following, due: float) -> None:
        room.stage, room.ref, room.due = Stage.WANTED, None, due
        self._wanted[room.room_id] = room

    def _settle(self, room: Following, now: float) -> None:
        """The server has sent all that it means to: go live, if that is all there is."""
        assert room.position is not None
        if room.position.applied < room.head:
            self._want(room, now + room.backoff.next())
            return
        room.stage, room.ref = Stage.LIVE, None
        self._outputs.append(CaughtUp(room.room_id))

    def _take(self, room: Following, body: wire.EventBody | wire.EventFrame) -> Step:
        assert room.position is not None
        try:
            event = domain_event(room.room_id, body)
        except Invalid:
            return Step.GAP  # it can't be applied: as good as missing
        step = room.position.take(body.seq)
        if step is Step.APPLY:
            room.backoff.reset()  # only progress counts as success
            self._outputs.append(Applied(room.room_id, body.seq, event))
        return step

    def _restart(self, room: Following, base: Seq, reason: str) -> None:
        room.position, room.epoch = Position(base), None
        self._outputs.append(Reset(room.room_id, reason, base))

    def _refuse(self, room: Following, error: ChatError, now: float) -> None:
        if isinstance(error, Forbidden | NotFound | Invalid):
            self._end(room, error)
        else:  # retryable, or superseded by a frame that the server took for a later one
            self._want(room, now + max(error.retry_after or 0.0, room.backoff.next()))

    def _end(self, room: Following, error: ChatError | Missed | None) -> None:
        room.stage, room.ref = Stage.ENDED, None
        self._wanted.pop(room.room_id, None)
        self._outputs.append(Ended(room.room_id, error))


def _missed(room: Following, removal: Seq | None) -> Missed | None:
    """What there is to say of a removal before which events were lost on the way."""
    if removal is None or room.position is None or room.position.applied >= removal:
        return None
    span = f"events {room.position.applied + 1} to {removal} of room {room.room_id}"
    return Missed(f"{span} were lost on the way, and may not be read any more")
