"""A program on the Python SDK: the real `client.live.Live`, over simulated sockets and requests.

It follows every room of its user from the beginning, loops over its events and marks them as read, looks away from a
room now and then, says what it is told to say until that is answered, and starts anew when its connection gives up.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from random import Random
from typing import Any, TypeVar

from hubbub.client.core import State
from hubbub.client.errors import ClientError, Unreachable
from hubbub.client.feeds import RoomEvent, RoomReset
from hubbub.client.live import Live
from hubbub.client.ports import AccessToken, ConnectionEnded
from hubbub.client.results import LogPage, Membership, RoomSummary
from hubbub.client.rooms import Room
from hubbub.domain.errors import ChatError, Unauthenticated
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.services.accounts import Grant
from hubbub.simulator.deterministic.clients import PASSWORD, Followed, Surroundings
from hubbub.simulator.deterministic.loop import Violation
from hubbub.simulator.deterministic.nodes import Node
from hubbub.simulator.deterministic.pipes import Pipe, latency
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from hubbub.wire.position import Position

T = TypeVar("T")

ROOMS_EVERY = 2.0  # seconds between two looks at the list of rooms
ANSWER_IN = 5.0  # seconds until a request counts as lost
LOOP = 4  # events that wait for a loop over a room
PAUSE = 1.0  # seconds that a loop stops at most, now and then
AWAY = 0.2  # how often who does something in a room looks away from it


class SimSocket:
    """Implements `client.ports.Socket` for the program, and `pipes.Reader` for the pipe."""

    def __init__(self) -> None:
        self.pipe: Pipe | None = None
        self._messages: deque[bytes | ConnectionEnded] = deque()
        self._arrived = asyncio.Event()

    def message(self, payload: bytes) -> None:
        self._messages.append(payload)
        self._arrived.set()

    def lost(self, code: int) -> None:
        self._messages.append(ConnectionEnded(code))
        self._arrived.set()

    async def send(self, data: bytes) -> None:
        if self.pipe is None or self.pipe.over:
            raise ConnectionEnded(CloseCode.ABNORMAL)
        self.pipe.send(data.decode())

    async def recv(self) -> str | bytes:
        while not self._messages:
            self._arrived.clear()
            await self._arrived.wait()
        message = self._messages.popleft()
        if isinstance(message, ConnectionEnded):
            raise message
        return message

    async def close(self, code: int, reason: str) -> None:
        if reason == "an answer did not come":
            raise Violation("sdk", "it hung up for want of an answer, and nothing was lost")
        if self.pipe is not None:
            self.pipe.hang_up()
        self.lost(code)


class SimServer:
    """Implements `client.ports.Connector`, `Credentials` and `Reader`: some node of the simulated world."""

    def __init__(self, world: Surroundings, device: str, user_id: UserId, username: str) -> None:
        self.pipe: Pipe | None = None
        self._world = world
        self._device = device
        self._user_id = user_id
        self._username = username
        self._grant: Grant | None = None
        self._attempt: str | None = None  # to refresh this grant, which has not been answered
        self._expires_at = 0.0  # loop time

    async def connect(self, token: str) -> SimSocket:
        loop, random, node = self._world.loop, self._world.random, self._world.some_node()
        if node is None:
            raise ConnectionRefusedError("no node lives")
        context = loop.context_of(self._device)
        socket = SimSocket()
        socket.pipe = self.pipe = pipe = Pipe(loop, random, node.context, context, socket)
        node.pipes[pipe] = None
        loop.call_later(
            latency(random), node.accept, pipe, self._user_id, token, None, None, None, context=node.context
        )
        await asyncio.sleep(latency(random))
        return socket

    async def token(self) -> AccessToken:
        if self._grant is None:
            self._take(await self._log_in())
        elif self._expires_at <= self._world.loop.time():
            return await self.renew(self._grant.access_token)
        return self._access()

    async def renew(self, rejected: str) -> AccessToken:
        grant = self._grant
        if grant is not None and grant.access_token == rejected:
            attempt = self._attempt = self._attempt or f"{self._world.random.getrandbits(128):032x}"
            try:
                renewed = await self.ask(lambda node: node.chat.accounts.refresh(grant.refresh_token, attempt))
            except Unauthenticated:
                self._grant = None
                renewed = await self._log_in()
            if self._grant in (grant, None):  # nobody was quicker
                self._take(renewed)
        return self._access() if self._grant is not None else await self.token()

    async def events(self, room_id: RoomId, *, after: Seq, limit: int = 200, epoch: str | None = None) -> LogPage:
        page = await self.ask(
            lambda node: node.chat.logs.events(self._user_id, room_id, after=after, limit=limit, epoch=epoch)
        )
        upto = page.items[-1].seq if page.items else page.head
        start = Seq(page.items[0].seq - 1) if page.items else after
        return LogPage(items=list(page.items), head=page.head, upto=upto, epoch=page.epoch, after=start)

    async def room(self, room_id: RoomId) -> RoomSummary:
        raise Unreachable("no program asks for this here")

    async def members(self, room_id: RoomId) -> list[Membership]:
        raise Unreachable("no program asks for this here")

    async def rooms(self) -> list[RoomId]:
        rooms, _ = await self.ask(lambda node: node.chat.rooms.page(self._user_id, limit=200))
        return [room.room_id for room in rooms]

    async def ask(self, make: Callable[[Node], Coroutine[Any, Any, T]]) -> T:
        """A request over HTTP. Raise its ChatError, and Unreachable when no answer comes."""
        loop, random, node = self._world.loop, self._world.random, self._world.some_node()
        if node is None:
            raise Unreachable("no node lives")
        answered: asyncio.Future[T | ChatError] = loop.create_future()
        context = loop.context_of(self._device)

        def arrive(answer: T | ChatError) -> None:
            if not answered.done():
                answered.set_result(answer)

        node.request(make, lambda answer: _ignore(loop.call_later(latency(random), arrive, answer, context=context)))
        await asyncio.wait([answered], timeout=ANSWER_IN)
        if not answered.done():
            raise Unreachable("no answer has come")
        answer = answered.result()
        if isinstance(answer, ChatError):
            raise answer
        return answer

    async def _log_in(self) -> Grant:
        return await self.ask(
            lambda node: node.chat.accounts.login(self._username, PASSWORD, address=self._device, label=self._device)
        )

    def _access(self) -> AccessToken:
        assert self._grant is not None
        return AccessToken(self._grant.access_token, self._expires_at)

    def _take(self, grant: Grant) -> None:
        self._grant, self._attempt = grant, None
        self._expires_at = self._world.loop.time() + grant.expires_in


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
        return {
            room.id: Followed(room.state, Position(room.position or Seq(0)), room.base, epoch, room.live, room._marked)
            for room in followed
        }

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
        elif isinstance(frame, wire.Edit | wire.Delete | wire.History):
            self._loop.call_soon(self._exchange, frame, context=self._context)

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

    def _follow(self, live: Live, room_id: RoomId) -> None:
        room, loop = live.room(room_id, after=Seq(0)), self._loops.get(room_id)
        if loop is None or loop.room is not room:
            self._loops[room_id] = _Loop(self._loop, self._world.random, room)

    def _look_away(self, room_id: RoomId, times: int) -> None:
        """Follow a room no more, and again a little later, so many times: in the middle of a join, it may be."""
        live = self._live
        room = None if live is None else live._followed.get(room_id)
        if live is not None and room is not None and times:
            room.unfollow()
            later = latency(self._world.random)
            self._loop.call_later(later, self._look_again, live, room_id, times - 1, context=self._context)

    def _look_again(self, live: Live, room_id: RoomId, times: int) -> None:
        if live is self._live and live.error is None:
            self._follow(live, room_id)
            later = latency(self._world.random)
            self._loop.call_later(later, self._look_away, room_id, times, context=self._context)

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

    def _exchange(self, frame: wire.Edit | wire.Delete | wire.History) -> None:
        if self._live is not None and self._live.error is None:
            self._loop.create_task(self._try(self._live, frame))

    async def _try(self, live: Live, frame: wire.Edit | wire.Delete | wire.History) -> None:
        with suppress(ChatError, ClientError):
            await live.exchange(frame)


class _Loop:
    """A loop over a room, slow now and then, which marks as read much of what it is given."""

    def __init__(self, loop: asyncio.AbstractEventLoop, random: Random, room: Room) -> None:
        self.room = room
        self._random = random
        self._feed = room.events(limit=LOOP)
        self._given = room.position
        self.task = loop.create_task(self._run())

    @property
    def has_given_all(self) -> bool:
        return self.room.ended or self.room.position == self._given

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
            self._given = event.base
        elif self._given is None or event.seq == self._given + 1:
            self._given = event.seq
        else:
            raise Violation("loop", f"room {self.room.id}: event {event.seq} after {self._given}")
        if self._given % 3 == 0:
            self.room.mark_read(self._given)


def _ignore(handle: object) -> None:
    """A callback returns nothing."""
