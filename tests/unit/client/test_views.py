"""Views that are read back and forth while a server loses, doubles and swaps what it says."""

import asyncio
from collections.abc import Iterator
from random import Random

import pytest

from hubbub.client.live import Live
from hubbub.client.results import Membership, Person, RoomSummary
from hubbub.client.rooms import Room
from hubbub.domain.events import MemberJoined, MemberLeft, MessageEdited, RoomChanged, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.simulator.deterministic.loop import SimLoop
from hubbub.simulator.deterministic.lossy import OTHER, ROOM, LossyServer, _LossySocket
from hubbub.wire import frames as wire
from hubbub.wire.codec import decode_client
from hubbub.wire.events import message_body
from tests.unit.client.scripted import summary

GUEST = UserId(3)
STEPS = 60


class ReadableServer(LossyServer):
    """It also has a name and members that change, and history; REST answers late."""

    def change(self) -> None:
        """The room gets another name, a guest comes or goes, or somebody edits what was said long ago."""
        what = self._random.random()
        if what < 0.6:
            target = self._random.choice(list(self.fold.messages))
            self._commit(MessageEdited(ROOM, self._next(), OTHER, Millis(0), target, f"edited at {self._next()}"))
        elif what < 0.8:
            self._commit(RoomChanged(ROOM, self._next(), OTHER, Millis(0), f"named at {self._next()}", ""))
        elif GUEST in self.fold.members:
            self._commit(MemberLeft(ROOM, self._next(), OTHER, Millis(0), GUEST))
        else:
            self._commit(MemberJoined(ROOM, self._next(), OTHER, Millis(0), GUEST, Role.MEMBER))

    async def room(self, room_id: RoomId) -> RoomSummary:
        name = self.fold.name
        await asyncio.sleep(self._random.random())
        return summary(room_id, RoomKind.GROUP, name)

    async def members(self, room_id: RoomId) -> list[Membership]:
        members = list(self.fold.members.values())
        await asyncio.sleep(self._random.random())
        return [Membership(member, Person(member.user_id, "somebody", ""), member.joined_seq) for member in members]

    def _hear(self, socket: _LossySocket, data: bytes) -> None:
        super()._hear(socket, data)
        frame = decode_client(data)
        if isinstance(frame, wire.History) and socket is self._socket and not socket.deaf:
            before = self._next() if frame.before is None else frame.before
            found = [message for message in reversed(self.fold.messages.values()) if message.seq < before]
            items = [message_body(message) for message in found[: frame.limit]]
            page = wire.Page(ref=frame.ref, room_id=ROOM, items=items, head=self.fold.head)
            asyncio.get_running_loop().call_later(2 * self._random.random(), socket.push, page)


async def look(room: Room, random: Random) -> None:
    """Read what came before, and who is there."""
    newest = int(random.random() * (room.head + 5))
    page = await room.history(None if random.random() < 0.5 else Seq(newest), limit=1 + int(random.random() * 9))
    assert [message.seq for message in page] == sorted((message.seq for message in page), reverse=True)
    await room.load()


async def talk(random: Random, after: Seq | None) -> None:
    server = ReadableServer(random)
    live = Live(server, server, server, random=random.random, new_id=iter("unused").__next__)
    while len(server.fold.messages) < 5:
        server.happen()
    await live.start()
    room = live.room(ROOM, after=after)
    looks = []
    for _ in range(STEPS):
        await asyncio.sleep(random.random())
        assert list(room.messages) == sorted(room.messages)
        what = random.random()
        if what < 0.15:
            looks.append(asyncio.get_running_loop().create_task(look(room, random)))
        elif what < 0.6:
            server.change()
        else:
            server.happen()
    server.honest = True
    await asyncio.sleep(120)
    for done in looks:
        done.result()
    current = server.fold.messages
    assert room.messages == {seq: current[seq] for seq in (current if after == 0 else room.messages)}
    assert (room.name, room.members) == (server.fold.name, server.fold.members)
    await live.close()


@pytest.fixture
def loop() -> Iterator[SimLoop]:
    loop = SimLoop()  # type: ignore[abstract]
    yield loop
    loop.close()


@pytest.mark.parametrize("after", [Seq(0), None])
@pytest.mark.parametrize("seed", range(50))
def test_a_view_that_is_read_back_and_forth_comes_to_the_same(loop: SimLoop, seed: int, after: Seq | None) -> None:
    loop.run(talk(Random(f"views {seed}"), after), max_steps=100_000)
