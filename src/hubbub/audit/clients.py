"""The clients of a live audit: they talk, and keep what their programs were given."""

import asyncio
import random
import uuid
from collections.abc import Coroutine, Sequence
from typing import Any

from hubbub.audit.changes import Change, Needless
from hubbub.audit.delays import Delays
from hubbub.audit.edges import WatchedConnector
from hubbub.client import Chat, ClientError, Room, RoomReset
from hubbub.domain.errors import ChatError, Conflict
from hubbub.domain.events import Event, MessagePosted
from hubbub.domain.ids import RoomId, Seq
from hubbub.domain.messages import Message

UNANSWERED = 32  # sends of one client that may wait for an answer; while there are so many it says nothing
RECENT = 50  # its latest messages, some of which it changes
EDITS, DELETIONS = 0.08, 0.04  # the parts of all that is said that change what was said before


class Client:
    """A user with a connection, who follows rooms from their beginning."""

    def __init__(
        self, name: str, chat: Chat, connector: WatchedConnector, delays: Delays, chance: random.Random
    ) -> None:
        self.name = name
        self.chat = chat
        self.connector = connector
        self.rooms: dict[RoomId, Room] = {}
        self.taken: dict[RoomId, list[Event]] = {}  # what the loops over its rooms gave
        self.messages: list[Message] = []  # that were acknowledged, as they came
        self.acknowledged: dict[int, Change] = {}  # by the number of the call: they are counted as they begin
        self.needless: list[Needless] = []
        self.failures: list[Exception] = []
        self.waiting: dict[asyncio.Task[None], None] = {}
        self._delays = delays
        self._chance = chance
        self._loops: list[asyncio.Task[None]] = []
        self._said = 0
        self._took = asyncio.Event()

    def follow(self, room_ids: Sequence[RoomId]) -> None:
        """Follow these rooms, each in a loop of its own."""
        for room_id in room_ids:
            self.rooms[room_id] = room = self.chat.room(room_id, after=0)
            self.taken[room_id] = []
            self._loops.append(asyncio.create_task(self._take(room)))

    def speak(self) -> None:
        """Post something, or change something that was said before, unless too much waits for an answer."""
        if len(self.waiting) >= UNANSWERED:
            return
        self._said += 1
        text = f"{self.name} says {self._said}"
        draw = self._chance.random()
        if self.messages and draw < EDITS + DELETIONS:
            message = self._chance.choice(self.messages[-RECENT:])
            self._start(self._change(self._said, message, text if draw < EDITS else None))
        else:
            self._start(self._post(self._said, self._chance.choice(list(self.rooms.values())), text))

    async def reach(self, room_id: RoomId, head: Seq) -> None:
        """Wait until the loop over this room has taken all events up to `head`."""
        while len(self.taken[room_id]) < head:
            self._took.clear()
            await self._took.wait()

    def stop(self) -> None:
        """End the loops over its rooms."""
        for loop in self._loops:
            loop.cancel()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._run(work))
        self.waiting[task] = None
        task.add_done_callback(self.waiting.pop)

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Conflict:
            return  # what was to be edited was deleted before
        except (ChatError, ClientError) as error:
            self.failures.append(error)

    async def _post(self, call: int, room: Room, text: str) -> None:
        client_id = uuid.uuid4().hex
        self._delays.said(client_id)
        message = await room.send(text, client_id=client_id)
        self.messages.append(message)
        self.acknowledged[call] = MessagePosted(message)

    async def _change(self, call: int, message: Message, text: str | None) -> None:
        room, seq = self.rooms[message.room_id], message.seq
        change = await (room.delete(seq) if text is None else room.edit(seq, text))
        if change is None:
            self.needless.append(Needless(room.id, seq, text))
        else:
            self.acknowledged[call] = change

    async def _take(self, room: Room) -> None:
        taken = self.taken[room.id]
        try:
            async for event in room:
                if not isinstance(event, RoomReset):  # the edge reports it
                    taken.append(event)
                    self._took.set()
        except (ChatError, ClientError) as error:
            self.failures.append(error)
