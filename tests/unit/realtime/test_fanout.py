"""From the services to the hub: what a journal commits, loses or is unsure of, as the listeners get it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from hubbub.domain.errors import Unavailable
from hubbub.domain.events import RoomKind
from hubbub.domain.ids import RoomId, SessionId, UserId
from hubbub.realtime.fanout import HubFanout
from hubbub.realtime.hub import RETRY, Hub
from hubbub.services.changes import Draft
from hubbub.services.journal import Journal
from hubbub.services.logs import Logs
from hubbub.services.messages import Messages
from hubbub.services.rooms import Rooms
from tests.loops import run_jumping
from tests.unit.realtime.listeners import Recorder, SteppedStore
from tests.unit.services.chats import ANN, BOB, CYD, Chats, Failure, open_chats, turns

ROOM = RoomId(1)


class Server:
    """A journal whose events go to a hub at once. Ann's room has Bob in it, and its log is at 3."""

    def __init__(self, chats: Chats) -> None:
        self.chats = chats
        self.store = SteppedStore(chats.store)
        self.logs = Logs(self.store)
        self.hub = Hub(self.logs)
        self.fanout = HubFanout(self.hub)
        journal = Journal(self.store, chats.clock, self.fanout)
        self.rooms, self.messages = Rooms(chats.store, journal), Messages(chats.store, journal)

    async def enter(self, user_id: UserId, session_id: int = 1) -> Recorder:
        """Somebody connects, and looks at the room."""
        recorder = self.recorder(user_id, session_id)
        assert await recorder.join(self.logs, ROOM)
        return recorder

    def recorder(self, user_id: UserId, session_id: int = 1) -> Recorder:
        recorder = Recorder(self.hub, user_id, session_id)
        self.hub.attach(recorder)
        return recorder


async def opened(chats: Chats) -> Server:
    server = Server(chats)
    room = await server.rooms.create(ANN, RoomKind.GROUP, name="garden", member_ids=[BOB])
    assert room.room_id == ROOM
    return server


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with open_chats() as chats:
        server = await opened(chats)
        yield server
        await server.fanout.close()


async def test_what_is_committed_arrives_at_all_who_listen(server: Server) -> None:
    ann, bob = await server.enter(ANN), await server.enter(BOB)
    await asyncio.gather(*(server.messages.post(who, ROOM, Draft("hi")) for who in (ANN, BOB, ANN)))
    assert ann.seqs == bob.seqs == {ROOM: [4, 5, 6]}


async def test_a_repeat_does_not_arrive_again(server: Server) -> None:
    ann = await server.enter(ANN)
    for _ in range(2):
        await server.messages.post(ANN, ROOM, Draft("hi", "c1"))
    assert ann.seqs == {ROOM: [4]}


@pytest.mark.parametrize("failure", Failure)
async def test_a_commit_of_unknown_outcome_arrives_once_if_it_happened(server: Server, failure: Failure) -> None:
    ann = await server.enter(ANN)
    server.chats.store.failures.append(failure)
    with pytest.raises(Unavailable):
        await server.messages.post(BOB, ROOM, Draft("one", "c1"))
    await turns(30)
    assert ann.seqs == ({ROOM: [4]} if failure is Failure.COMMITTED else {})
    again = await server.messages.post(BOB, ROOM, Draft("one", "c1"))
    assert again.duplicate is (failure is Failure.COMMITTED)
    await server.messages.post(BOB, ROOM, Draft("two", "c2"))
    assert ann.seqs == {ROOM: [4, 5]}


def test_a_log_that_cannot_be_looked_at_now_is_looked_at_later() -> None:
    async def scene() -> None:
        async with open_chats() as chats:
            server = await opened(chats)
            ann = await server.enter(ANN)
            chats.store.failures.append(Failure.COMMITTED)
            server.store.failures += [Unavailable("away"), Unavailable("still away")]
            with pytest.raises(Unavailable):
                await server.messages.post(BOB, ROOM, Draft("one", "c1"))
            await asyncio.sleep(1.5 * RETRY)
            assert ann.seqs == {}
            await asyncio.sleep(RETRY)
            assert ann.seqs == {ROOM: [4]}

    run_jumping(scene())


async def test_closing_ends_what_still_waits_for_a_log(server: Server) -> None:
    await server.enter(ANN)
    server.store.hold()
    server.fanout.resync([ROOM])
    await turns()
    assert len(asyncio.all_tasks()) == 2
    await server.fanout.close()
    await turns()
    assert len(asyncio.all_tasks()) == 1


async def test_all_sockets_of_a_user_are_told_of_rooms_they_come_into_and_go_from(server: Server) -> None:
    phone, laptop, ann = server.recorder(CYD, 1), server.recorder(CYD, 2), server.recorder(ANN, 3)
    await server.rooms.put_member(ANN, ROOM, CYD)
    await server.messages.post(CYD, ROOM, Draft("hi"))
    await server.rooms.remove_member(ANN, ROOM, CYD)
    assert phone.signals == laptop.signals == [(ROOM, 4, True), (ROOM, 6, False)]
    assert ann.signals == []


async def test_the_sockets_of_ended_sessions_are_told_and_no_others(server: Server) -> None:
    sockets = [server.recorder(ANN, session_id) for session_id in (1, 1, 2, 3)]
    server.fanout.end_sessions([SessionId(1), SessionId(3), SessionId(99)])
    assert [socket.ended for socket in sockets] == [1, 1, 0, 1]
