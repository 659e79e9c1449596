"""A program on the Python SDK: the real `client.live.Live`, over simulated sockets and requests.

It follows every room of its user from the beginning, says what it is told to say until that is answered, and starts
anew when its connection gives up.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from hubbub.client.core import State
from hubbub.client.errors import ClientError, Unreachable
from hubbub.client.live import Live
from hubbub.client.ports import AccessToken, ConnectionEnded
from hubbub.client.results import LogPage, Membership, RoomSummary
from hubbub.domain.errors import ChatError, Unauthenticated
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.services.accounts import Grant
from hubbub.simulator.deterministic.clients import PASSWORD, Followed, Surroundings
from hubbub.simulator.deterministic.nodes import Node
from hubbub.simulator.deterministic.pipes import Pipe, latency
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from hubbub.wire.position import Position

T = TypeVar("T")

ROOMS_EVERY = 2.0  # seconds between two looks at the list of rooms
ANSWER_IN = 5.0  # seconds until a request counts as lost


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
        return {room.id: Followed(room.state, Position(room.position or Seq(0)), room.base, epoch) for room in followed}

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
        if isinstance(frame, wire.Read) and frame.room_id is not None and self._live is not None:
            self._loop.call_soon(self._live.mark_read, frame.room_id, frame.seq, context=self._context)
        elif isinstance(frame, wire.Typing | wire.Presence) and self._live is not None:
            self._loop.call_soon(self._live.tell, frame, context=self._context)
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
                        live.room(room_id, after=Seq(0))
                await asyncio.sleep(ROOMS_EVERY)
        except (ChatError, ClientError):
            return
        finally:
            self._live = None
            for task in self._speaking.values():
                task.cancel()
            self._speaking.clear()
            await live.close()

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


def _ignore(handle: object) -> None:
    """A callback returns nothing."""
