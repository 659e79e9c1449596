"""A program on the Python SDK: the real `client.live.Live`, over simulated sockets and requests.

It follows every room of its user from the beginning, loops over its events and marks them as read, looks away from a
room now and then, says what it is told to say until that is answered, and starts anew when its connection gives up.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random

from hubbub.client.core import State
from hubbub.client.errors import ClientError
from hubbub.client.feeds import RoomEvent, RoomReset
from hubbub.client.live import Live
from hubbub.client.rooms import Room
from hubbub.domain.errors import ChatError
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.simulator.deterministic.clients import Followed, Surroundings
from hubbub.simulator.deterministic.loop import Violation
from hubbub.simulator.deterministic.pipes import Pipe, latency
from hubbub.simulator.deterministic.servers import SimServer
from hubbub.wire import frames as wire
from hubbub.wire.position import Position

ROOMS_EVERY = 2.0  # seconds between two looks at the list of rooms
LOOP = 4  # events that wait for a loop over a room
PAUSE = 1.0  # seconds that a loop stops at most, now and then
AWAY = 0.2  # how often who does something in a room looks away from it
PAGES, PAGE = 3, 4  # that somebody pages back, and the messages of each


class Device:
    """What `clients.Client` is, made of the SDK."""

    room_id = None

    def __init__(self, world: Surroundings, device: str, user_id: UserId, username: str) -> None:
        self.device = device
        self.user_id = user_id
        self.unacked: dict[str, wire.Send] = {}  # by client_id, in the order in which they were said
        self.resting = False
        self.gone = False
        self._world = world
        self._loop = world.loop
        self._context = world.loop.context_of(device)
        self._loop.untraced[device] = None  # its `wait_for` has another number of steps in each Python
        self._server = SimServer(world, device, user_id, username)
        self._live: Live | None = None
        self._program: asyncio.Task[None] | None = None
        self._said = 0
        self._speaking: dict[str, asyncio.Task[None]] = {}
        self._loops: dict[RoomId, _Loop] = {}

    # What the oracle sees

    @property
    def pipe(self) -> Pipe | None:
        return self._server.pipe

    @property
    def open(self) -> bool:
        return self._live is not None and self._live.error is None and self._live._core.state is State.OPEN

    @property
    def rooms(self) -> Mapping[RoomId, Followed]:
        if self._live is None or self._live._core.hello is None:
            return {}
        epoch = self._live.hello.epoch
        followed = [room for room in self._live._followed.values() if not room.ended]
        return {room.id: self._view(room, epoch) for room in followed}

    def _view(self, room: Room, epoch: str) -> Followed:
        loop = self._loops[room.id]
        return Followed(
            fold=room.state,
            position=Position(room.position or Seq(0)),
            base=room.base,
            epoch=epoch,
            live=room.live,
            marked=room._marked,
            since=loop.since,
            loaded=loop.loaded,
        )

    @property
    def waits(self) -> bool:
        """Is there a frame without an answer, or a loop that has not given everything?"""
        if self._live is None:
            return False
        lags = any(not loop.has_given_all for loop in self._loops.values())
        return lags or self._live._core._window.oldest is not None or self._live._core._due() is not None

    # What its user does

    def start(self) -> None:
        self._loop.call_soon(self._start, context=self._context)

    def say(self, room_id: RoomId, text: str) -> None:
        self._said += 1
        client_id = f"{self.device}.{self._said}"
        self.unacked[client_id] = wire.Send(room_id=room_id, text=text, client_id=client_id)
        self._loop.call_soon(self._speak, context=self._context)

    def ask(self, make: Callable[[int], wire.ClientFrame]) -> None:
        frame = make(0)
        room_id = getattr(frame, "room_id", None)
        if room_id is not None and self._world.random.random() < AWAY:
            self._loop.call_soon(self._look_away, room_id, 2, context=self._context)
        if isinstance(frame, wire.Read) and frame.room_id is not None and self._live is not None:
            self._loop.call_soon(self._live.mark_read, frame.room_id, frame.seq, context=self._context)
        elif isinstance(frame, wire.Typing) and self._live is not None:
            self._loop.call_soon(self._live.tell, frame, context=self._context)
        elif isinstance(frame, wire.Presence) and self._live is not None:
            said = wire.Presence(status=frame.status, watch=frame.watch)
            self._loop.call_soon(self._live.presence, said, context=self._context)
        elif isinstance(frame, wire.Edit | wire.Delete):
            self._loop.call_soon(self._exchange, frame, context=self._context)
        elif isinstance(frame, wire.History) and frame.room_id is not None:
            self._loop.call_soon(self._look_back, frame.room_id, context=self._context)

    def hop(self) -> None:
        """The network changes: the socket is gone without a word."""
        if self.pipe is not None:
            self.pipe.cut()

    def rest(self, seconds: float) -> None:
        """The program is ended, and started again later."""
        self.resting = True
        self._loop.call_soon(self._stop, context=self._context)
        self._loop.call_later(seconds, self.wake, context=self._context)

    def wake(self) -> None:
        if self.resting and not self.gone:
            self.resting = False
            self.start()

    def quit(self) -> None:
        self.gone = True
        self._loop.call_soon(self._stop, context=self._context)

    # The program

    def _start(self) -> None:
        if self._program is None and not (self.gone or self.resting):
            self._program = self._loop.create_task(self._run())

    def _stop(self) -> None:
        if self._program is not None and (self.gone or self.resting):
            self._program.cancel()

    async def _run(self) -> None:
        try:
            while True:
                await self._run_once()
                await asyncio.sleep(1.0)
        finally:
            self._program = None
            self._start()  # it may have been woken before it had ended

    async def _run_once(self) -> None:
        live = Live(self._server, self._server, self._server, random=self._world.random.random, new_id=self._new_id)
        self._live = live
        try:
            await live.start()
            self._speak()
            while live.error is None:
                with suppress(ChatError, ClientError):
                    for room_id in await self._server.rooms():
                        self._follow(live, room_id)
                await asyncio.sleep(ROOMS_EVERY)
        except (ChatError, ClientError):
            return
        finally:
            self._live = None
            for task in (*self._speaking.values(), *(loop.task for loop in self._loops.values())):
                task.cancel()
            self._speaking.clear()
            self._loops.clear()
            await live.close()

    def _follow(self, live: Live, room_id: RoomId, after: Seq = Seq(0), epoch: str | None = None) -> None:
        room, loop = live.room(room_id, after=after, epoch=epoch), self._loops.get(room_id)
        if loop is None or loop.room is not room:
            self._loops[room_id] = _Loop(self._loop, self._world.random, room)

    def _look_away(self, room_id: RoomId, times: int) -> None:
        """Follow a room no more, and again a little later, so many times: in the middle of a join, it may be."""
        live = self._live
        room = None if live is None else live._followed.get(room_id)
        if live is not None and room is not None and times:
            room.unfollow()
            later = latency(self._world.random)
            self._loop.call_later(later, self._look_again, live, room, times - 1, context=self._context)

    def _look_again(self, live: Live, left: Room, times: int) -> None:
        """Begin anew, or go on from where it was left and look back from there."""
        if live is self._live and live.error is None:
            if left.position is not None and self._world.random.random() < 0.5:
                self._follow(live, left.id, left.position, left.epoch)
                self._look_back(left.id)
            else:
                self._follow(live, left.id)
            later = latency(self._world.random)
            self._loop.call_later(later, self._look_away, left.id, times, context=self._context)

    def _look_back(self, room_id: RoomId) -> None:
        """Page back in a room, and find out who is in it."""
        loop = self._loops.get(room_id)
        if loop is not None and not loop.room.ended:
            self._loop.create_task(loop.look_back())

    def _new_id(self) -> str:
        raise AssertionError("every message here has its client_id")

    def _speak(self) -> None:
        """Hand over what the SDK does not have yet, in order."""
        live = self._live
        if live is None or live._core.hello is None or live.error is not None:
            return
        for client_id, frame in self.unacked.items():
            if client_id not in self._speaking:
                self._speaking[client_id] = self._loop.create_task(self._say(live, client_id, frame))

    async def _say(self, live: Live, client_id: str, frame: wire.Send) -> None:
        try:
            await live.exchange(frame)
        except ChatError as error:
            if error.retryable:
                raise
        except ClientError:
            return  # it is said again on the next connection
        self.unacked.pop(client_id, None)
        self._speaking.pop(client_id, None)

    def _exchange(self, frame: wire.Edit | wire.Delete) -> None:
        if self._live is not None and self._live.error is None:
            self._loop.create_task(self._try(self._live, frame))

    async def _try(self, live: Live, frame: wire.Edit | wire.Delete) -> None:
        with suppress(ChatError, ClientError):
            await live.exchange(frame)


class _Loop:
    """A loop over a room, slow now and then, which marks as read much of what it is given."""

    def __init__(self, loop: asyncio.AbstractEventLoop, random: Random, room: Room) -> None:
        self.room = room
        self._random = random
        self._feed = room.events(limit=LOOP)
        self.since = self._given = room.position or Seq(0)
        self.loaded = False
        self.task = loop.create_task(self._run())

    @property
    def has_given_all(self) -> bool:
        return self.room.ended or self.room.position == self._given

    async def look_back(self) -> None:
        before = None
        with suppress(ChatError, ClientError):
            for _ in range(PAGES):
                page = await self.room.history(before, limit=PAGE)
                before = page[-1].seq if page else before
            await self.room.load()
            self.loaded = True

    async def _run(self) -> None:
        try:
            async for event in self._feed:
                self._take(event)
                if self._random.random() < 0.1:
                    await asyncio.sleep(PAUSE * self._random.random())
        except (ChatError, ClientError) as error:
            if not self.room.ended:
                raise Violation("loop", f"room {self.room.id} goes on, and its loop ended: {error!r}") from error

    def _take(self, event: RoomEvent) -> None:
        if isinstance(event, RoomReset):
            self._given, self.since, self.loaded = event.base, Seq(0), False
        elif event.seq == self._given + 1:
            self._given = event.seq
        else:
            raise Violation("loop", f"room {self.room.id}: event {event.seq} after {self._given}")
        if self._given % 3 == 0:
            self.room.mark_read(self._given)
