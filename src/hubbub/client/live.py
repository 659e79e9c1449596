"""The I/O shell around the core: tasks, timers, and rooms that get what the core hands out.

Sockets, tokens, ids and randomness come through ports; times are those of the event loop.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any
from weakref import WeakKeyDictionary

from hubbub.client import outputs
from hubbub.client.core import Core
from hubbub.client.errors import CLOSED, ClientError, Closed, fresh, is_final
from hubbub.client.outbox import ExchangeFrame
from hubbub.client.ports import AccessToken, ConnectionEnded, Connector, Credentials, Reader, Socket
from hubbub.client.results import RoomSummary, room_summary
from hubbub.client.rooms import Room
from hubbub.domain.errors import ChatError
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode

OPEN_TIMEOUT = 15.0  # seconds until a socket must be open
BREATH = 64  # messages after which the loop gets its turn, however many have come
SIGNALS = 1000  # signals that wait for a loop over them; then the oldest is dropped

log = logging.getLogger(__name__)


class Live:
    """One user's live connection to all of their rooms."""

    def __init__(
        self,
        connector: Connector,
        credentials: Credentials,
        reader: Reader,
        *,
        random: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        """`random` gives numbers in [0, 1); `new_id` words of at most 64 characters that never come twice."""
        self.random = random
        self.new_id = new_id
        self.rooms: list[RoomSummary] = []  # as of the last hello: the latest ones, the newest first
        self._connector = connector
        self._credentials = credentials
        self._reader = reader
        self._core = Core(random)
        self._followed: dict[RoomId, Room] = {}
        self._rooms: WeakKeyDictionary[Room, None] = WeakKeyDictionary()  # also those that have ended
        self._answers: dict[int, asyncio.Future[wire.Ack | wire.Page]] = {}
        self._signals: WeakKeyDictionary[Signals, None] = WeakKeyDictionary()
        self._error: Exception | None = None  # why it is over
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._connection: asyncio.Task[None] | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._socket: Socket | None = None
        self._token: AccessToken | None = None
        self._outgoing: deque[bytes] = deque()
        self._writable = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()

    # Its life

    async def start(self) -> None:
        """Connect, and wait for the first hello. Raise why that can't be."""
        self._core.start()
        self._flush()
        while self._core.hello is None:
            if self._error is not None:
                raise fresh(self._error)
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Close the connection. What was not acknowledged raises Closed: it may have happened, or not."""
        self._core.stop(Closed(CLOSED))
        self._flush()
        if self._timer is not None:
            self._timer.cancel()
        for task in (self._connection, self._renewal):
            if task is not None:
                task.cancel()
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    @property
    def error(self) -> Exception | None:
        """Why it is over; None while it is not."""
        return self._error

    @property
    def hello(self) -> wire.Hello:
        """The last one."""
        if self._core.hello is None:
            raise Closed("the connection was never open")
        return self._core.hello

    @property
    def user_id(self) -> UserId:
        return self.hello.user.id

    # What a program does with it

    def room(
        self, room_id: RoomId, *, after: Seq | None = None, epoch: str | None = None, keep: int | None = None
    ) -> Room:
        """Follow a room, from the event after `after` on (0 = from its beginning, None = from now on).

        `epoch` is of the log that `after` is a position in (None = of any). At most `keep` messages stay in
        `Room.messages` (None = all). While a room is followed, asking for it again gives the same object.
        """
        known = self._followed.get(room_id)
        if known is not None and not known.ended:
            return known
        room = Room(room_id, self, self._reader, after=after, epoch=epoch, keep=keep)
        self._followed[room_id] = room
        self._rooms[room] = None
        for summary in self.rooms:
            if summary.id == room_id:
                room.describe(summary)
        if self._error is not None:
            room.end(self._error)
        else:
            self._core.follow(room_id, self._now(), after=after, epoch=epoch)
            self._flush()
        return room

    def signals(self) -> "Signals":
        """What is true only now (typing, read marks, presence, being added to a room), from now on."""
        signals = Signals(self)
        self._signals[signals] = None
        return signals

    def unfollow(self, room_id: RoomId) -> None:
        self._followed.pop(room_id, None)
        self._core.unfollow(room_id, self._now())
        self._flush()

    async def exchange(self, frame: ExchangeFrame) -> wire.Ack | wire.Page:
        """Send a frame until it is answered. Raise what it was refused with, or why the connection is over."""
        if self._error is not None:
            raise fresh(self._error)
        answered: asyncio.Future[wire.Ack | wire.Page] = asyncio.get_running_loop().create_future()
        key = self._core.exchange(frame, self._now())
        self._answers[key] = answered
        self._flush()
        try:
            return await answered
        finally:
            if self._answers.pop(key, None) is not None:
                self._core.withdraw(key)

    def mark_read(self, room_id: RoomId, seq: Seq) -> None:
        self._core.mark_read(room_id, seq, self._now())
        self._flush()

    def tell(self, frame: wire.Typing) -> None:
        self._core.tell(frame, self._now())
        self._flush()

    def presence(self, frame: wire.Presence) -> None:
        self._core.presence(frame, self._now())
        self._flush()

    # Between the core and the world

    def _flush(self) -> None:
        for output in self._core.take():
            self._carry_out(output)
        self._set_timer()

    def _carry_out(self, output: outputs.Output) -> None:
        match output:
            case outputs.Applied(room_id, seq, event):
                self._followed[room_id].apply(seq, event)
            case outputs.Transmit(data):
                self._outgoing.append(data)
                self._writable.set()
            case outputs.Answered(key, answer):
                self._answer(key, answer)
            case outputs.Joined(frame, position):
                self._followed[frame.room_id].joined(frame, position)
            case outputs.CaughtUp(room_id):
                self._followed[room_id].caught_up()
            case outputs.Reset(room_id, reason, base):
                self._followed[room_id].reset(reason, base)
            case outputs.Ended(room_id, error):
                self._followed.pop(room_id).end(error)
            case outputs.Signalled(signal):
                self._signal(signal)
            case outputs.Connect(delay):
                self._connection = self._start(self._connect(delay))
            case outputs.Renew():
                self._renewal = self._start(self._renew())
            case outputs.HangUp(code, reason):
                self._hang_up(code, reason)
            case outputs.Welcomed(hello):
                self._welcome(hello)
            case outputs.Stopped(error):  # pragma: no branch
                self._stopped(error)

    def _signal(self, signal: wire.Signal) -> None:
        room = None if signal.room_id is None else self._followed.get(signal.room_id)
        if room is not None and signal.kind == "read" and signal.user_id == self.user_id and signal.seq is not None:
            room.read_seq = max(room.read_seq, signal.seq)  # on another device, perhaps
        for signals in list(self._signals):
            signals.put(signal)

    def _answer(self, key: int, answer: wire.Ack | wire.Page | Exception) -> None:
        answered = self._answers.pop(key, None)
        if answered is None or answered.done():
            return  # nobody waits any more
        if isinstance(answer, Exception):
            answered.set_exception(answer)
        else:
            answered.set_result(answer)

    def _welcome(self, hello: wire.Hello) -> None:
        self.rooms = [room_summary(body) for body in hello.rooms or ()]
        self._changed.set()

    def _stopped(self, error: Exception) -> None:
        self._error = error
        self._changed.set()
        for answered in self._answers.values():
            if not answered.done():
                answered.set_exception(error)
        self._answers.clear()
        for room in list(self._rooms):
            room.end(error)
        self._followed.clear()
        for signals in list(self._signals):
            signals.wake()

    def _hang_up(self, code: int, reason: str) -> None:
        socket, self._socket = self._socket, None
        self._disconnected()
        if self._connection is not None:
            self._connection.cancel()
        if socket is not None:
            self._start(_close(socket, code, reason))

    def _set_timer(self) -> None:
        deadline = self._core.deadline()
        if deadline is None or (self._timer is not None and self._timer.when() <= deadline):
            return  # a timer that comes too early looks again
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(deadline, self._time_out)

    def _time_out(self) -> None:
        self._timer = None
        self._core.timeout(self._now())
        self._flush()

    # Tasks

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.pop(task, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:  # a defect: let nobody wait for ever
            log.error("the live connection failed", exc_info=error)
            self._core.stop(error if isinstance(error, Exception) else Closed(repr(error)))
            self._flush()

    async def _connect(self, delay: float) -> None:
        await asyncio.sleep(delay)
        self._core.connecting()
        try:
            token = self._token = await self._credentials.token()
            socket = await asyncio.wait_for(self._connector.connect(token.value), OPEN_TIMEOUT)
        except ConnectionEnded as error:
            self._lost(error.code, error.reason)
        except (ChatError, ClientError) as error:
            self._refused(error)
        except (OSError, asyncio.TimeoutError) as error:
            self._lost(CloseCode.ABNORMAL, str(error))
        else:
            await self._run(socket, token)

    async def _run(self, socket: Socket, token: AccessToken) -> None:
        if self._error is not None:  # closed at the very moment in which it opened
            await _close(socket, CloseCode.NORMAL, "")
            return
        self._socket = socket
        self._outgoing.clear()
        self._core.connected(self._now(), self._lifetime(token))
        self._flush()
        writer = self._start(self._write(socket))
        try:
            await self._read(socket)
        except ConnectionEnded as error:
            self._socket = None
            self._lost(error.code, error.reason)
        finally:
            writer.cancel()

    async def _read(self, socket: Socket) -> None:
        received = 0
        while True:
            data = await socket.recv()
            self._core.received(self._now(), data)
            self._flush()
            received += 1
            if received % BREATH == 0:
                await asyncio.sleep(0)

    async def _write(self, socket: Socket) -> None:
        try:
            while True:
                while self._outgoing:
                    await socket.send(self._outgoing.popleft())
                self._writable.clear()
                await self._writable.wait()
        except ConnectionEnded:
            return  # the reader is told so too

    async def _renew(self) -> None:
        assert self._token is not None
        try:
            token = await self._credentials.renew(self._token.value)
        except (ChatError, ClientError) as error:
            self._core.not_renewed(self._now(), error)
        else:
            self._token = token
            self._core.renewed(self._now(), token.value, self._lifetime(token))
        self._flush()

    def _disconnected(self) -> None:
        for room in self._followed.values():
            room.disconnected()

    def _lost(self, code: int, reason: str) -> None:
        self._disconnected()
        self._core.lost(self._now(), code, reason)
        self._flush()

    def _refused(self, error: ChatError | ClientError) -> None:
        """There is no token to connect with."""
        if is_final(error) or self._core.hello is None:
            self._core.stop(error)
            self._flush()
        else:
            self._lost(CloseCode.ABNORMAL, str(error))

    def _lifetime(self, token: AccessToken) -> float | None:
        return None if token.expires_at is None else token.expires_at - self._now()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class Signals(AsyncIterator[wire.Signal]):
    """Signals for one loop; while it does not take them, the oldest are dropped."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._queue: deque[wire.Signal] = deque(maxlen=SIGNALS)
        self._wake = asyncio.Event()

    def put(self, signal: wire.Signal) -> None:
        self._queue.append(signal)
        self._wake.set()

    def wake(self) -> None:
        self._wake.set()

    def __aiter__(self) -> "Signals":
        return self

    async def __anext__(self) -> wire.Signal:
        while not self._queue:
            if self._live.error is not None:
                raise fresh(self._live.error)
            self._wake.clear()
            await self._wake.wait()
        return self._queue.popleft()


async def _close(socket: Socket, code: int, reason: str) -> None:
    try:
        await socket.close(code, reason)
    except (ConnectionEnded, OSError):
        return
