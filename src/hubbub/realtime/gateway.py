"""The gateway: from a frame to a service, and from its answer to a frame.

It decides nothing about chat. Whether a `send` is allowed is for the journal to say, after it has looked for the
repeat: asking here first would tell a client *forbidden* about a message that was committed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, TypeAlias

from hubbub.domain.errors import ChatError, Forbidden, Invalid, RateLimited, Unavailable
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.domain.users import Identity
from hubbub.realtime.connection import LOOK, Changing, Connection, State
from hubbub.realtime.deadlines import Deadlines
from hubbub.realtime.frames import hello_frame, hello_rooms, page_frame
from hubbub.realtime.hub import Hub
from hubbub.realtime.joins import Joins
from hubbub.realtime.outbox import Transport
from hubbub.realtime.presence import Tempo
from hubbub.realtime.signals import Signals
from hubbub.realtime.turns import UserTurns
from hubbub.services.changes import Answer, Draft
from hubbub.services.chat import Chat
from hubbub.services.ports import Clock
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from hubbub.wire.limits import Limits
from hubbub.wire.times import format_time

HELLO_ROOMS = 100  # rooms in `hello`; the rest is in GET /rooms
SPREAD = 2  # milliseconds of the reconnects' spread for each connection that is sent away

log = logging.getLogger(__name__)

Work: TypeAlias = Callable[[], Awaitable[None]]


def _anybody(user_id: UserId) -> None:
    """Admit everybody."""


class Gateway:
    """All connections of one node, and what their frames ask for.

    `admit` counts each connection and each change of a user, and raises RateLimited for one too many.
    """

    def __init__(
        self,
        chat: Chat,
        hub: Hub,
        clock: Clock,
        limits: Limits,
        new_id: Callable[[], str],
        tempo: Tempo | None = None,
        *,
        admit: Callable[[UserId], None] = _anybody,
    ) -> None:
        self.hub = hub
        self.clock = clock
        self.limits = limits
        self.signals = Signals(hub, chat.reads, chat.peers, clock, tempo)
        self._chat = chat
        self.turns = UserTurns()
        self._joins = Joins(hub, chat.logs, limits, self.turns)
        self._new_id = new_id
        self._admit = admit
        self._deadlines = Deadlines()
        self._connections: dict[str, Connection] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._draining = False

    def __len__(self) -> int:
        return len(self._connections)

    # Connections

    def connect(
        self, transport: Transport, *, room_id: RoomId | None, after: Seq | None = None, epoch: str | None = None
    ) -> Connection:
        """A socket was accepted. Call `admit` next if it brought a credential; otherwise its first frame must."""
        connection = Connection(self, self._new_id(), transport, room_id, after, epoch)
        if self._draining:
            connection.state = State.CLOSED
            connection.outbox.close(CloseCode.DRAINING, "the server is stopping: connect again")
            return connection
        self._connections[connection.id] = connection
        first_look = min(LOOK, self.limits.auth_timeout)
        self._deadlines.add(asyncio.get_running_loop().time() + first_look, connection.tick)
        return connection

    def admit(self, connection: Connection, verify: Coroutine[Any, Any, Identity]) -> None:
        """Verify a credential, and open the connection or close it."""
        if connection.state is State.CLOSED:
            verify.close()
            return
        connection.state = State.OPENING
        task = self._start(self._open(connection, verify))
        task.add_done_callback(lambda _: verify.close())  # cancelled before it began, the task has not awaited it

    def closed(self, connection: Connection) -> None:
        """A connection has ended."""
        self._connections.pop(connection.id, None)
        if connection.identity is not None:
            self.signals.closed(connection)

    async def drain(self, *, finish: Callable[[], Coroutine[Any, Any, None]], hurry: asyncio.Event) -> None:
        """Take no new connections, wait until what was asked for is done, and send everybody away.

        Once there is a `hurry`, it is waited for no longer: `finish` is cancelled.
        """
        self._draining = True
        ways = [asyncio.ensure_future(finish()), asyncio.ensure_future(hurry.wait())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.wait(ways)
        for connection in list(self._connections.values()):
            self.send_away(connection, CloseCode.DRAINING, "the server is stopping: connect again")
            await asyncio.sleep(0)

    def send_away(self, connection: Connection, code: CloseCode, reason: str, *, seconds: float = 0.0) -> None:
        """Close one of many connections, which come back after `seconds` and a spread that grows with their number."""
        first = int(seconds * 1000)
        spread = (first, first + max(1000, SPREAD * len(self._connections)))
        connection.send(wire.Bye(code=code, reconnect=True, after_ms=spread))
        connection.close(code, reason)

    async def close(self) -> None:
        """Stop the timers, and end what is still waiting for an answer."""
        self._deadlines.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.signals.close()

    async def _open(self, connection: Connection, verify: Coroutine[Any, Any, Identity]) -> None:
        try:
            identity = await verify
            if connection.state is State.CLOSED or not self._admitted(connection, identity):
                return
            if len(self.hub.of_user(identity.user_id)) >= self.limits.user_sockets:
                raise RateLimited(f"at most {self.limits.user_sockets} sockets of a user may be open")
            connection.authenticated(identity)
            self.hub.attach(connection)
            async with self.turns.of(identity.user_id):
                if connection.room_id is None:
                    await self._open_all_rooms(connection, identity)
                else:
                    await self._open_room(connection, identity, connection.room_id)
        except Exception as error:
            if not isinstance(error, ChatError):
                log.exception("a connection can't be opened", extra={"connection_id": connection.id})
            connection.end_with(error)

    def _admitted(self, connection: Connection, identity: Identity) -> bool:
        try:
            self._admit(identity.user_id)
        except RateLimited as error:
            reason = "too many connections at once: connect again later"
            self.send_away(connection, CloseCode.DRAINING, reason, seconds=error.retry_after or 0.0)
            return False
        return True

    async def _open_all_rooms(self, connection: Connection, identity: Identity) -> None:
        connection.require_open()  # it may have gone while it waited
        if not self.hub.memberships.knows(identity.user_id):
            memberships = await self._chat.rooms.memberships(identity.user_id)
            self.hub.memberships.learn(
                identity.user_id, {room_id: member.joined_seq for room_id, member in memberships.items()}
            )
        rooms, cursor = await self._chat.rooms.page(identity.user_id, limit=HELLO_ROOMS)
        epoch = await self._chat.logs.epoch()
        if connection.state is State.OPENING:
            self._hello(connection, identity, epoch, *hello_rooms(rooms, cursor, self.limits.frame_bytes))
            connection.opened()

    async def _open_room(self, connection: Connection, identity: Identity, room_id: RoomId) -> None:
        view = self._joins.begin(connection, room_id)
        joined = await self._joins.snapshot(identity, room_id, connection.after, connection.epoch)
        if connection.state is not State.OPENING:
            return
        self._hello(connection, identity, joined.epoch)
        await self._joins.welcome(connection, view, joined, None)
        if connection.state is State.OPENING:
            connection.opened()

    def _hello(
        self,
        connection: Connection,
        identity: Identity,
        epoch: str,
        rooms: list[wire.RoomBody] | None = None,
        rooms_cursor: str | None = None,
    ) -> None:
        self.hub.agrees(epoch)  # what it tells this client is what a look at the store must find again
        connection.send_encoded(hello_frame(connection.id, identity, epoch, self.limits, rooms, rooms_cursor))
        log.info(
            "connection opened",
            extra={"connection_id": connection.id, "user_id": identity.user_id, "room_id": connection.room_id},
        )
        self.signals.presence.came(connection)

    # Frames

    def handle(self, connection: Connection, frame: wire.ClientFrame) -> None:
        """Carry out a frame.

        Of one connection, the changes of a room take effect in the order in which they came, and so do the frames that
        read from the log, all of them together. A read may overtake a change.
        """
        ref = getattr(frame, "ref", None)
        try:
            if connection.state is State.AUTHENTICATING:
                self._first_frame(connection, frame)
            else:
                self._dispatch(connection, connection.signed_in(), frame)
        except ChatError as error:
            connection.refuse(error, ref)
        except Exception as error:
            log.exception("a frame can't be taken", extra={"connection_id": connection.id})
            connection.refuse(error, ref)

    def _first_frame(self, connection: Connection, frame: wire.ClientFrame) -> None:
        if isinstance(frame, wire.Auth):
            self.admit(connection, self._chat.accounts.authenticate(frame.token))
        else:
            connection.close(CloseCode.UNAUTHENTICATED, "the first frame must be auth")

    def _dispatch(self, connection: Connection, identity: Identity, frame: wire.ClientFrame) -> None:
        match frame:
            case wire.Send():
                self._send(connection, identity, frame)
            case wire.Pong():
                connection.ponged(frame.n)
            case wire.Read():
                room_id = _room_id(connection, frame.room_id)
                self._ask(connection, frame.ref, partial(self._mark_read, connection, identity, room_id, frame))
            case wire.Edit():
                room_id = _room_id(connection, frame.room_id)
                self._pace(connection, identity, frame)
                done = self._answering(connection, frame.ref, room_id)
                self._chat.messages.submit_edit(identity.user_id, room_id, frame.target, frame.text, done)
            case wire.Delete():
                room_id = _room_id(connection, frame.room_id)
                self._pace(connection, identity, frame)
                done = self._answering(connection, frame.ref, room_id)
                self._chat.messages.submit_delete(identity.user_id, room_id, frame.target, done)
            case wire.Join():
                self._ask_in_turn(connection, frame.ref, partial(self._join, connection, identity, frame))
            case wire.Sync():
                self._ask_in_turn(connection, frame.ref, partial(self._joins.sync, connection, identity, frame))
            case wire.Leave():
                self._ask_in_turn(connection, frame.ref, partial(self._leave, connection, frame))
            case wire.History():
                self._ask_in_turn(connection, frame.ref, partial(self._history, connection, identity, frame))
            case wire.Auth():
                self._ask(connection, frame.ref, partial(self._renew, connection, identity, frame))
            case wire.Typing():
                self.signals.typing.typing(connection, _room_id(connection, frame.room_id), on=frame.on)
            case wire.Presence():  # pragma: no branch
                self._ask_in_turn(connection, frame.ref, partial(self._presence, connection, identity, frame))

    def _send(self, connection: Connection, identity: Identity, frame: wire.Send) -> None:
        room_id = _room_id(connection, frame.room_id)
        self._pace(connection, identity, frame)
        draft = Draft(frame.text, frame.client_id, frame.reply_to)
        done = self._answering(connection, frame.ref, room_id, frame.client_id)
        self._chat.messages.submit_post(identity.user_id, room_id, draft, done)

    def _pace(self, connection: Connection, identity: Identity, frame: Changing) -> None:
        """Raise RateLimited for a change too many, and for those behind it until it comes again: none overtakes it."""
        connection.require_first(frame)
        try:
            self._admit(identity.user_id)
        except RateLimited as error:
            connection.comes_first(frame, error.retry_after or 0.0)
            raise

    def _answering(
        self, connection: Connection, ref: int | None, room_id: RoomId, client_id: str | None = None
    ) -> Callable[[Answer], None]:
        connection.begin()
        return partial(self._answer, connection, ref, room_id, client_id)

    def _answer(
        self, connection: Connection, ref: int | None, room_id: RoomId, client_id: str | None, answer: Answer
    ) -> None:
        """What became of a change."""
        connection.finish()
        if isinstance(answer, ChatError):
            connection.refuse(answer, ref)
            if isinstance(answer, Unavailable) and not self._draining:
                # Whether it happened is unknown: what this client sends next must not overtake what it sends again.
                connection.close(CloseCode.STATE_MOVED, "connect again, resume, and repeat what was not acknowledged")
            return
        event = answer.events[0] if answer.events else None
        connection.send(
            wire.Ack(
                ref=ref,
                room_id=room_id,
                client_id=client_id,
                seq=None if event is None else event.seq,
                at=None if event is None else format_time(event.at),
                duplicate=answer.duplicate,
            )
        )

    async def _mark_read(self, connection: Connection, identity: Identity, room_id: RoomId, frame: wire.Read) -> None:
        await self._chat.reads.mark(identity.user_id, room_id, frame.seq)
        if frame.ref is not None:
            connection.send(wire.Ack(ref=frame.ref, room_id=room_id))

    async def _history(self, connection: Connection, identity: Identity, frame: wire.History) -> None:
        room_id = _room_id(connection, frame.room_id)
        async with self.turns.of(identity.user_id):
            connection.require_open()
            max_bytes = self.limits.frame_bytes
            page = await self._chat.messages.page(
                identity.user_id, room_id, before=frame.before, limit=frame.limit, max_bytes=max_bytes
            )
            connection.send_encoded(page_frame(room_id, page, frame.ref, max_bytes))

    async def _renew(self, connection: Connection, identity: Identity, frame: wire.Auth) -> None:
        renewed = await self._chat.accounts.authenticate(frame.token)
        if (renewed.user_id, renewed.session_id) != (identity.user_id, identity.session_id):
            raise Forbidden("this token is of another session: open another connection for it")
        connection.authenticated(renewed)
        connection.send(wire.Ack(ref=frame.ref))

    async def _leave(self, connection: Connection, frame: wire.Leave) -> None:
        room_id = _room_id(connection, frame.room_id)
        connection.leave(room_id)
        self.signals.left(connection, room_id)
        connection.send(wire.Ack(ref=frame.ref, room_id=room_id))

    async def _presence(self, connection: Connection, identity: Identity, frame: wire.Presence) -> None:
        if frame.status is not None:
            self.signals.presence.say(connection, away=frame.status == "away")
        if frame.watch is not None:
            async with self.turns.of(identity.user_id):
                connection.require_open()
                for signal in await self.signals.presence.watch(connection, frame.watch):
                    connection.send(signal)
        if frame.watch is not None or frame.ref is not None:
            connection.send(wire.Ack(ref=frame.ref))

    async def _join(self, connection: Connection, identity: Identity, frame: wire.Join) -> None:
        await self._joins.join(connection, identity, _room_id(connection, frame.room_id), frame)

    def _ask(self, connection: Connection, ref: int | None, answer: Work) -> None:
        """Carry out what has to be waited for, beside the other frames."""
        connection.begin()
        self._start(self._answer_later(connection, ref, answer))

    def _ask_in_turn(self, connection: Connection, ref: int | None, answer: Work) -> None:
        """Carry out what reads from the log after what this connection asked for before.

        So these take effect in the order in which they came, and whoever doesn't read the answers gets no more of them.
        The reads themselves take a turn of the user too, as those over HTTP do: a flood of them, from however many
        sockets, never has more than a few of the store's readers.
        """
        self._ask(connection, ref, partial(self._in_turn, connection, answer))

    async def _in_turn(self, connection: Connection, answer: Work) -> None:
        async with connection.turn:
            await connection.ready()
            await answer()

    async def _answer_later(self, connection: Connection, ref: int | None, answer: Work) -> None:
        try:
            await answer()
        except ChatError as error:
            connection.refuse(error, ref)
        except Exception as error:
            log.exception("a frame can't be answered", extra={"connection_id": connection.id})
            connection.refuse(error, ref)
        finally:
            connection.finish()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task


def _room_id(connection: Connection, room_id: RoomId | None) -> RoomId:
    """The room that a frame is about."""
    if connection.room_id is None:
        if room_id is None:
            raise Invalid("room_id is missing", field="room_id")
        return room_id
    if room_id is not None and room_id != connection.room_id:
        raise Invalid(f"this connection is for room {connection.room_id}", field="room_id")
    return connection.room_id
