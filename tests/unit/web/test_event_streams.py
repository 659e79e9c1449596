"""What is made for the reader of a stream who does not read, and what is kept of what they have read."""

import asyncio
import gc

from starlette.types import Message

from hubbub.domain.ids import RoomId, Seq
from hubbub.realtime.streams import Item, Streams
from hubbub.web.event_streams import event_stream
from hubbub.wire.limits import Limits
from tests.unit.realtime.sockets import World, world_of


class Wire:
    """An ASGI server. Its client may take nothing after the next body: then `send` waits, as uvicorn's does."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.stuck = False
        self._taken = asyncio.Event()
        self._taken.set()

    def go_on(self) -> None:
        self.stuck = False
        self._taken.set()

    async def receive(self) -> Message:
        gone: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await gone

    async def send(self, message: Message) -> None:
        await self._taken.wait()
        if message.get("body"):
            self.bodies.append(message["body"])
            if self.stuck:
                self._taken.clear()


async def test_nothing_is_made_for_a_reader_who_does_not_read_and_all_of_it_comes_later() -> None:
    async with world_of() as world:
        room_id, wire = await world.found(world.ann), Wire()
        answering = await answer(world, wire, after=2)
        wire.stuck = True
        for text in ("one", "two", "three"):
            await world.post(world.ann, room_id, text)
            await world.settle()
        wire.go_on()
        await world.settle()
        assert [body.count(b"data: ") for body in wire.bodies] == [0, 1, 2]
        answering.cancel()
        await asyncio.wait([answering])


async def test_nothing_is_kept_of_what_a_reader_has_taken() -> None:
    async with world_of() as world:
        room_id, wire = await world.found(world.ann), Wire()
        await world.post(world.ann, room_id, *(f"not to be kept {n}" for n in range(50)))
        answering = await answer(world, wire, after=0)
        assert b"".join(wire.bodies).count(b"data: ") == 52
        items = [each for each in gc.get_objects() if isinstance(each, Item)]
        assert not [item for item in items if b"not to be kept" in item.json]
        answering.cancel()
        await asyncio.wait([answering])


async def answer(world: World, wire: Wire, after: int) -> "asyncio.Task[None]":
    """Ann's stream of the first room, which has sent what there is."""
    identity = await world.chat.accounts.authenticate((await world.sign_in(world.ann)).access_token)
    streams = Streams(world.chat, world.hub, Limits(), world.gateway.turns)
    response = await event_stream(streams, world.clock, identity, RoomId(1), Seq(after), None)
    scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
    task = asyncio.get_running_loop().create_task(response(scope, wire.receive, wire.send))
    await world.settle()
    return task
