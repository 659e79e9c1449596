"""The hub: how views end, and what it is told that is no event."""

import asyncio

import pytest

from hubbub.domain.errors import Unauthenticated, Unavailable
from hubbub.domain.ids import RoomId, SessionId, UserId
from hubbub.realtime.hub import OPENING, Hub
from hubbub.services.logs import Logs
from hubbub.stores.memory import MemoryStore
from tests.loops import run_jumping
from tests.unit.realtime.listeners import ROOM, Node, Recorder, say
from tests.unit.services.chats import ANN, BOB, turns

# Ends


async def test_who_is_removed_sees_their_removal_and_nothing_after_it(node: Node) -> None:
    ann, bob = node.recorder(ANN), node.recorder(BOB)
    await ann.join(node.logs, ROOM)
    await bob.join(node.logs, ROOM)
    await node.chats.rooms.remove_member(ANN, ROOM, BOB)
    node.publish(*node.take(), *await say(node))
    assert (ann.seqs, bob.seqs) == ({ROOM: [4, 5]}, {ROOM: [4]})
    assert (ann.gone, bob.gone) == ([], [(ROOM, 4)])


async def test_who_is_removed_while_joining_sees_their_removal_and_nothing_after_it(node: Node) -> None:
    ann, bob = node.recorder(ANN), node.recorder(BOB)
    await ann.join(node.logs, ROOM)
    node.store.hold()
    joining = asyncio.ensure_future(bob.join(node.logs, ROOM))
    await turns()
    node.store.step()
    await turns()
    await node.chats.rooms.remove_member(ANN, ROOM, BOB)
    node.publish(*node.take(), *await say(node))
    node.store.release()
    assert not await joining
    assert (bob.seqs, bob.gone) == ({ROOM: [4]}, [(ROOM, 4)])


async def test_a_late_removal_does_not_cut_who_was_added_again(node: Node) -> None:
    ann, bob = node.recorder(ANN), node.recorder(BOB)
    await ann.join(node.logs, ROOM)
    await node.chats.rooms.remove_member(ANN, ROOM, BOB)
    await node.chats.rooms.put_member(ANN, ROOM, BOB)
    late = node.take()
    node.store.hold()
    joining = asyncio.ensure_future(bob.join(node.logs, ROOM))
    await turns()
    node.store.step()
    await turns()
    node.store.step()
    assert await joining
    node.publish(*late, *await say(node))
    assert (ann.seqs, bob.seqs, bob.gone) == ({ROOM: [4, 5, 6]}, {ROOM: [6]}, [])
    node.store.release()
    await node.settle()


async def test_a_deleted_room_ends_all_its_views(node: Node) -> None:
    ann, bob = node.recorder(ANN), node.recorder(BOB)
    await ann.join(node.logs, ROOM)
    await bob.join(node.logs, ROOM)
    await node.chats.rooms.delete(ANN, ROOM)
    node.publish(*node.take())
    assert (ann.gone, bob.gone) == ([(ROOM, 4)], [(ROOM, 4)])
    assert not node.hub.listens(ROOM)


async def test_a_slow_listener_falls_behind_and_costs_the_others_nothing(node: Node) -> None:
    ann, bob, cyd = node.recorder(ANN), node.recorder(BOB), node.recorder(ANN, 2)
    for who in (ann, bob, cyd):
        await who.join(node.logs, ROOM)
    bob.slow = True
    node.publish(*await say(node, 3))
    assert (ann.seqs, cyd.seqs, bob.seqs) == ({ROOM: [4, 5, 6]}, {ROOM: [4, 5, 6]}, {})
    assert bob.behind == [ROOM]
    bob.slow = False
    assert await bob.join(node.logs, ROOM)
    node.publish(*await say(node))
    assert bob.seqs == {ROOM: [7]}


async def test_who_is_too_slow_for_the_end_of_a_join_falls_behind(node: Node) -> None:
    ann, bob = node.recorder(ANN), node.recorder(BOB)
    await ann.join(node.logs, ROOM)
    node.store.hold()
    joining = asyncio.ensure_future(bob.join(node.logs, ROOM))
    await turns()
    node.store.step()
    await turns()
    node.publish(*await say(node, 2))
    bob.slow = True
    node.store.release()
    assert not await joining
    assert (bob.behind, bob.seqs) == ([ROOM], {})


async def test_the_last_listener_who_falls_behind_while_a_hole_is_filled_ends_the_filling(node: Node) -> None:
    ann = node.recorder(ANN)
    await ann.join(node.logs, ROOM)
    ann.slow = True
    _, five = await say(node, 2)
    node.publish(five)
    await node.settle()
    assert (ann.behind, ann.seqs) == ([ROOM], {})
    assert not node.hub.listens(ROOM)


# What is not an event


async def test_a_resync_delivers_what_nobody_published(node: Node) -> None:
    ann = node.recorder(ANN)
    await ann.join(node.logs, ROOM)
    await say(node, 2)
    await node.hub.resync([ROOM, RoomId(99)])
    await node.settle()
    assert ann.seqs == {ROOM: [4, 5]}
    reads = node.store.reads
    await node.hub.resync([RoomId(99)])
    assert node.store.reads == reads  # nobody listens there


async def test_a_resync_of_a_room_that_was_left_meanwhile_does_nothing(node: Node) -> None:
    ann = node.recorder(ANN)
    await ann.join(node.logs, ROOM)
    await say(node)
    node.store.hold()
    resync = asyncio.ensure_future(node.hub.resync([ROOM]))
    await turns()
    ann.leave(ROOM)
    node.store.release()
    await resync
    assert node.hub.head(ROOM) is None


async def test_the_end_of_a_session_reaches_its_connections_and_those_about_to_open(node: Node) -> None:
    phone, laptop = node.recorder(ANN, 1), node.recorder(ANN, 2)
    node.hub.end_sessions([SessionId(2), SessionId(3)])
    assert (phone.ended, laptop.ended) == (0, 1)
    for session_id in (2, 3):
        with pytest.raises(Unauthenticated):
            node.recorder(ANN, session_id)
    node.recorder(ANN, 1)


def test_an_ended_session_is_remembered_as_long_as_a_connection_may_take_to_open() -> None:
    async def scene() -> None:
        hub = Hub(Logs(MemoryStore()))
        hub.end_sessions([SessionId(1), SessionId(2)])
        await asyncio.sleep(OPENING - 1)
        hub.end_sessions([SessionId(2), SessionId(3)])
        with pytest.raises(Unauthenticated):
            hub.attach(Recorder(hub, ANN, 1))
        await asyncio.sleep(2)
        hub.attach(Recorder(hub, ANN, 1))  # its id was given out again
        hub.end_sessions([SessionId(4)])
        assert list(hub._ended) == [2, 3, 4]

    run_jumping(scene())


async def test_after_a_restore_ids_of_sessions_are_given_out_again(node: Node) -> None:
    node.hub.end_sessions([SessionId(2)])
    node.hub.start_over("another epoch")
    node.recorder(ANN, 2)


async def test_connections_are_found_by_user(node: Node) -> None:
    phone, laptop, bob = node.recorder(ANN, 1), node.recorder(ANN, 2), node.recorder(BOB, 3)
    assert node.hub.of_user(ANN) == [phone, laptop]
    assert node.hub.everybody() == [phone, laptop, bob]
    await phone.join(node.logs, ROOM)
    node.hub.detach(phone, [ROOM])
    node.hub.detach(phone, [])
    assert not node.hub.listens(ROOM)
    assert node.hub.of_user(ANN) == [laptop]
    node.hub.detach(laptop, [])
    assert (node.hub.of_user(ANN), node.hub.of_user(UserId(99))) == ([], [])
    node.hub.leave(phone, ROOM)


async def test_an_epoch_that_others_name_is_believed_only_when_the_store_says_so(node: Node) -> None:
    ann = node.recorder(ANN)
    await ann.join(node.logs, ROOM)
    node.store.failures.append(Unavailable("the disk is away"))
    reads = node.store.reads
    assert not node.hub.agrees("another")
    assert not node.hub.agrees("another")
    await node.settle()
    assert node.store.reads == reads + 1  # one question for both doubts
    assert not node.hub.agrees("another")
    await node.settle()
    assert (ann.restored, node.hub.epoch) == (0, await node.logs.epoch())
    node.publish(*await say(node))
    assert ann.seqs == {ROOM: [4]}
