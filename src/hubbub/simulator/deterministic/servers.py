"""What a program on the SDK reaches: sockets and requests, over simulated pipes to whichever node there is."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from hubbub.client.errors import Unreachable
from hubbub.client.ports import AccessToken, ConnectionEnded
from hubbub.client.results import LogPage, Membership, RoomSummary, person, room_summary
from hubbub.domain.errors import ChatError, Unauthenticated
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.realtime.frames import room_body, user_body
from hubbub.services.accounts import Grant
from hubbub.simulator.deterministic.clients import PASSWORD, Surroundings
from hubbub.simulator.deterministic.loop import Violation
from hubbub.simulator.deterministic.nodes import Node
from hubbub.simulator.deterministic.pipes import Pipe, latency
from hubbub.wire.close_codes import CloseCode

T = TypeVar("T")

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
        return room_summary(room_body(await self.ask(lambda node: node.chat.rooms.get(self._user_id, room_id))))

    async def members(self, room_id: RoomId) -> list[Membership]:
        found, _ = await self.ask(lambda node: node.chat.rooms.members(self._user_id, room_id, limit=200))
        return [Membership(item.member, person(user_body(item.user)), item.read_seq) for item in found]

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


def _ignore(handle: object) -> None:
    """A callback returns nothing."""
