"""From a `join` or a `sync` to views of rooms: the snapshot first, then what has happened since, then what happens.

Whoever asks is served here, when it is the turn of their user; in which order is for the gateway to say.
"""

from hubbub.domain.errors import ChatError, Conflict, Invalid
from hubbub.domain.ids import RoomId, Seq
from hubbub.domain.users import Identity
from hubbub.realtime.connection import Connection
from hubbub.realtime.frames import events_frame, joined_frame, reset_frame
from hubbub.realtime.hub import Hub, View
from hubbub.realtime.turns import UserTurns
from hubbub.services.logs import Joined, Logs
from hubbub.wire import frames as wire
from hubbub.wire.limits import Limits

MAX_SYNC = 1000  # rooms in one `sync`
SYNC_ROOMS = 20  # of them read in one snapshot


class Joins:
    """Joins of all connections of one node."""

    def __init__(self, hub: Hub, logs: Logs, limits: Limits, turns: UserTurns) -> None:
        self._hub = hub
        self._logs = logs
        self._limits = limits
        self._turns = turns

    async def join(self, connection: Connection, identity: Identity, room_id: RoomId, frame: wire.Join) -> None:
        """Carry out a `join` of this room."""
        async with self._turns.of(identity.user_id):
            view = self.begin(connection, room_id)
            try:
                joined = await self.snapshot(identity, room_id, frame.after, frame.epoch)
                await self.welcome(connection, view, joined, frame.ref)
            except BaseException:
                self._abandon(view)
                raise

    async def sync(self, connection: Connection, identity: Identity, frame: wire.Sync) -> None:
        """Carry out a `sync`: many joins, a few in one snapshot, each part once its reader has taken the last one."""
        if len(frame.rooms) > MAX_SYNC:
            raise Invalid(f"rooms: at most {MAX_SYNC} in one frame", field="rooms")
        if connection.room_id is not None and any(room_id != connection.room_id for room_id in frame.rooms):
            raise Invalid(f"this connection is for room {connection.room_id}", field="rooms")
        positions = list(frame.rooms.items())
        for start in range(0, len(positions), SYNC_ROOMS):
            async with self._turns.of(identity.user_id):
                await self._sync_part(connection, identity, dict(positions[start : start + SYNC_ROOMS]), frame)
            await connection.ready()
        connection.send(wire.Ack(ref=frame.ref))

    async def _sync_part(
        self, connection: Connection, identity: Identity, positions: dict[RoomId, Seq], frame: wire.Sync
    ) -> None:
        views = {room_id: self.begin(connection, room_id) for room_id in positions}
        try:
            answers = await self._logs.join_many(
                identity.user_id, positions, epoch=frame.epoch, max_bytes=self._limits.frame_bytes
            )
            for room_id, answer in answers.items():
                try:
                    if isinstance(answer, ChatError):
                        raise answer
                    await self.welcome(connection, views[room_id], answer, frame.ref)
                except ChatError as error:
                    self._abandon(views[room_id])
                    connection.refuse(error, frame.ref, room_id)
        except BaseException:
            for view in views.values():
                self._abandon(view)
            raise

    def begin(self, connection: Connection, room_id: RoomId) -> View:
        """Keep what happens in the room from now on, until it is welcomed or abandoned."""
        connection.require_open()  # nobody would leave the room again
        connection.rooms[room_id] = Seq(0)
        return self._hub.begin_join(connection, room_id)

    async def snapshot(self, identity: Identity, room_id: RoomId, after: Seq | None, epoch: str | None) -> Joined:
        """What a view of this room begins with: of its events no more than about fits into a frame."""
        max_bytes = self._limits.frame_bytes
        return await self._logs.join(identity.user_id, room_id, after=after, epoch=epoch, max_bytes=max_bytes)

    def _abandon(self, view: View) -> None:
        if self._hub.is_current(view):
            assert isinstance(view.listener, Connection)
            view.listener.leave(view.room_id)

    async def welcome(self, connection: Connection, view: View, joined: Joined, ref: int | None) -> None:
        """Send the snapshot, and let the view go live if that was all of it."""
        if not self._hub.is_current(view):
            raise Conflict("superseded by a later frame for this room")
        reset = reset_frame(joined)
        if reset is not None:
            connection.send_encoded(reset)
        connection.send_encoded(joined_frame(joined, ref))
        more = False
        if joined.events:
            events, more = events_frame(joined, ref, self._limits.frame_bytes)
            connection.send_encoded(events)
        connection.rooms[joined.room_id] = joined.head
        if more:
            self._abandon(view)
        else:
            await self._hub.complete_join(view, joined)
