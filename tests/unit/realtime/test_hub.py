"""The hub: events in order, holes filled from the log, and joins that race with events."""

import asyncio

from hubbub.domain.errors import Unavailable
from hubbub.domain.events import History
from hubbub.domain.ids import Seq
from hubbub.realtime.hub import RETRY
from tests.loops import run_jumping
from tests.unit.realtime.listeners import ROOM, Node, opened, say
from tests.unit.services.chats import ANN, BOB, open_chats, turns

# In order


async def test_what_is_published_reaches_all_who_listen_to_the_room(node: Node) -> None:
    ann, bob = node.recorder(ANN), node.recorder(BOB)
    assert await ann.join(node.logs, ROOM)
    node.publish(*await say(node, 2))
    assert await bob.join(node.logs, ROOM)
    node.publish(*await say(node))
    assert (ann.seqs, bob.seqs) == ({ROOM: [4, 5, 6]}, {ROOM: [6]})
    assert node.hub.head(ROOM) == 6
    assert node.store.reads == 2  # nothing but the two snapshots


async def test_an_edit_of_what_a_late_member_may_not_read_reaches_them_without_its_text(node: Node) -> None:
    room_id = await node.chats.found(ANN, history=History.SINCE_JOINED)
    old = await node.chats.say(ANN, room_id, "old")
    await node.chats.rooms.put_member(ANN, room_id, BOB)
    new = await node.chats.say(ANN, room_id, "new")
    ann, bob, bobs_other = node.recorder(ANN), node.recorder(BOB), node.recorder(BOB)
    assert await ann.join(node.logs, room_id)
    assert await bob.join(node.logs, room_id)
    node.take()

    async def change(target: Seq, text: str) -> None:
        await node.chats.messages.edit(ANN, room_id, target, text)
        node.publish(*node.take())

    node.store.hold()
    joining = asyncio.ensure_future(bobs_other.join(node.logs, room_id))
    await turns()
    node.store.step()  # the snapshot is read, and what comes now is kept for the view
    await turns()
    await change(old, "a secret")
    node.store.release()
    assert await joining
    await change(new, "no secret")
    assert ann.texts == ["a secret", "no secret"]
    assert bob.texts == bobs_other.texts == ["", "no secret"]


async def test_an_edit_is_put_together_once_for_all_who_may_read_it_and_once_for_the_others(node: Node) -> None:
    room_id = await node.chats.found(ANN, history=History.SINCE_JOINED)
    old = await node.chats.say(ANN, room_id, "old")
    await node.chats.rooms.put_member(ANN, room_id, BOB)
    listeners = [node.boxed(user_id) for user_id in (ANN, BOB, ANN, BOB)]
    for listener in listeners:
        assert await listener.join(node.logs, room_id)
    node.take()
    await node.chats.messages.edit(ANN, room_id, old, "a secret")
    node.publish(*node.take())
    anns, bobs, anns_other, bobs_other = (listener.outbox.due for listener in listeners)
    assert anns is anns_other
    assert bobs is bobs_other
    assert b"a secret" in anns.joined()
    assert b"a secret" not in bobs.joined()


async def test_an_edit_that_a_slow_listener_cannot_take_leaves_it_behind(node: Node) -> None:
    room_id = await node.chats.found(ANN, history=History.SINCE_JOINED)
    old = await node.chats.say(ANN, room_id, "old")
    await node.chats.rooms.put_member(ANN, room_id, BOB)
    ann, bob = node.recorder(ANN), node.recorder(BOB)
    for listener in (ann, bob):
        assert await listener.join(node.logs, room_id)
        listener.slow = True
    node.take()
    await node.chats.messages.edit(ANN, room_id, old, "changed")
    node.publish(*node.take())
    assert (ann.behind, bob.behind) == ([room_id], [room_id])


async def test_an_event_of_a_room_that_nobody_listens_to_is_passed_over(node: Node) -> None:
    assert not node.hub.listens(ROOM)
    node.publish(*await say(node))
    assert node.hub.head(ROOM) is None
    ann = node.recorder(ANN)
    await ann.join(node.logs, ROOM)
    assert node.hub.listens(ROOM)
    ann.leave(ROOM)
    assert not node.hub.listens(ROOM)


async def test_what_is_published_twice_arrives_once(node: Node) -> None:
    ann = node.recorder(ANN)
    await ann.join(node.logs, ROOM)
    four, five = await say(node, 2)
    node.publish(four, four, five, four, five)
    assert ann.seqs == {ROOM: [4, 5]}


async def test_what_comes_too_early_waits_for_what_precedes_it(node: Node) -> None:
    ann = node.recorder(ANN)
    await ann.join(node.logs, ROOM)
    node.store.hold()
    four, five, six = await say(node, 3)
    node.publish(six, five)
    assert ann.seqs == {}
    node.publish(four)
    assert ann.seqs == {ROOM: [4, 5, 6]}
    node.store.release()
    await node.settle()
    assert ann.seqs == {ROOM: [4, 5, 6]}


async def test_a_hole_is_filled_from_the_log(node: Node) -> None:
    ann, bob = node.recorder(ANN), node.recorder(BOB)
    await ann.join(node.logs, ROOM)
    await bob.join(node.logs, ROOM)
    *_, last = await say(node, 450)  # more than are read at once
    node.publish(last)
    await node.settle()
    assert ann.seqs == bob.seqs == {ROOM: list(range(4, 454))}


async def test_a_hole_is_filled_while_more_is_published(node: Node) -> None:
    ann = node.recorder(ANN)
    await ann.join(node.logs, ROOM)
    node.store.hold()
    four, five, _, seven = await say(node, 4)
    node.publish(five)
    await turns()
    node.store.step()  # what is read goes as far as 5
    await turns()
    node.publish(seven, four)
    assert ann.seqs == {ROOM: [4, 5]}
    node.store.release()
    await node.settle()
    assert ann.seqs == {ROOM: [4, 5, 6, 7]}


def test_a_hole_that_cannot_be_read_is_tried_again() -> None:
    async def scene() -> None:
        async with open_chats() as chats:
            node = await opened(chats)
            ann = node.recorder(ANN)
            await ann.join(node.logs, ROOM)
            node.store.failures += [Unavailable("the disk is away"), Unavailable("still")]
            _, five = await say(node, 2)
            node.publish(five)
            await asyncio.sleep(1.5 * RETRY)
            assert ann.seqs == {}
            await asyncio.sleep(RETRY)
            assert ann.seqs == {ROOM: [4, 5]}

    run_jumping(scene())


def test_a_log_that_does_not_reach_what_was_published_is_asked_again_in_peace() -> None:
    async def scene() -> None:
        async with open_chats() as chats, open_chats() as ahead:
            node, other = await opened(chats), await opened(ahead)
            ann = node.recorder(ANN)
            await ann.join(node.logs, ROOM)
            _, five = await say(other, 2)
            node.publish(five)
            await asyncio.sleep(3.5 * RETRY)
            assert node.store.reads == 5
            await say(node)
            await asyncio.sleep(RETRY)
            assert ann.seqs == {ROOM: [4, 5]}

    run_jumping(scene())


async def test_nobody_waits_for_a_hole_in_a_room_that_was_left(node: Node) -> None:
    ann = node.recorder(ANN)
    await ann.join(node.logs, ROOM)
    node.store.hold()
    _, five = await say(node, 2)
    node.publish(five)
    await turns()
    ann.leave(ROOM)
    await turns()
    node.store.release()
    assert not node.hub.listens(ROOM)
    assert len(asyncio.all_tasks()) == 1


# Joins


async def test_what_happens_between_the_snapshot_and_the_join_arrives(node: Node) -> None:
    ann = node.recorder(ANN)
    node.store.hold()
    joining = asyncio.ensure_future(ann.join(node.logs, ROOM))
    await turns()
    node.publish(*await say(node))  # in the snapshot, and published
    node.store.step()
    await turns()
    node.publish(*await say(node, 2))  # after the snapshot
    node.store.step()
    assert await joining
    assert ann.seqs == {ROOM: [5, 6]}
    node.publish(*await say(node))
    assert ann.seqs == {ROOM: [5, 6, 7]}


async def test_a_hole_before_the_first_snapshot_is_filled_after_it(node: Node) -> None:
    ann = node.recorder(ANN)
    node.store.hold()
    joining = asyncio.ensure_future(ann.join(node.logs, ROOM))
    await turns()
    node.store.step()
    await turns()
    node.publish((await say(node, 3))[-1])  # 4 and 5 were lost
    node.store.release()
    assert await joining
    await node.settle()
    assert ann.seqs == {ROOM: [4, 5, 6]}


async def test_what_a_resync_found_before_the_first_snapshot_is_delivered_after_it(node: Node) -> None:
    ann = node.recorder(ANN)
    node.store.hold()
    joining = asyncio.ensure_future(ann.join(node.logs, ROOM))
    await turns()
    node.store.step()
    await turns()
    await say(node, 2)  # committed, but the answer was lost: nobody publishes it
    resync = asyncio.ensure_future(node.hub.resync([ROOM]))
    await turns()
    node.store.step(1)
    await turns()
    node.store.step(1)
    await resync
    node.store.release()
    assert await joining
    await node.settle()
    assert ann.seqs == {ROOM: [4, 5]}


async def test_who_joins_a_feed_that_is_ahead_gets_the_rest_from_the_log(node: Node) -> None:
    ann, bob = node.recorder(ANN), node.recorder(BOB)
    await ann.join(node.logs, ROOM)
    node.store.hold()
    joining = asyncio.ensure_future(bob.join(node.logs, ROOM))
    await turns()
    node.store.step()
    await turns()
    events = await say(node, 2)
    bob_again = asyncio.ensure_future(bob.join(node.logs, ROOM))
    node.store.release()
    assert not await joining
    assert await bob_again
    node.publish(*events)
    assert (ann.seqs, bob.seqs) == ({ROOM: [4, 5]}, {})


async def test_a_snapshot_older_than_the_feed_is_completed_from_the_log(node: Node) -> None:
    ann, bob = node.recorder(ANN), node.recorder(BOB)
    await ann.join(node.logs, ROOM)
    old = await node.logs.join(BOB, ROOM)
    node.publish(*await say(node, 250))
    view = node.hub.begin_join(bob, ROOM)  # begins to listen when the feed has passed its snapshot
    bob.known[ROOM] = old.head
    node.publish(*await say(node, 2))
    assert await node.hub.complete_join(view, old)
    assert bob.seqs == ann.seqs == {ROOM: list(range(4, 256))}


async def test_a_snapshot_that_the_log_no_longer_reaches_ends_in_falling_behind(node: Node) -> None:
    async with open_chats() as chats:
        ahead = await opened(chats)
        ann, bob = node.recorder(ANN), node.recorder(BOB)
        await ann.join(node.logs, ROOM)
        old = await node.logs.join(BOB, ROOM)
        node.publish(*await say(ahead))  # what the store of this node has lost
        view = node.hub.begin_join(bob, ROOM)
        bob.known[ROOM] = old.head
        assert not await node.hub.complete_join(view, old)
        assert bob.behind == [ROOM]
        assert not node.hub.is_current(view)


async def test_a_snapshot_ahead_of_the_feed_goes_live_when_the_feed_is_there(node: Node) -> None:
    ann, bob = node.recorder(ANN), node.recorder(BOB)
    await ann.join(node.logs, ROOM)
    node.store.hold()
    four, five = await say(node, 2)
    joining = asyncio.ensure_future(bob.join(node.logs, ROOM))
    await turns()
    node.store.step()
    node.store.step()
    await turns()
    node.store.step()
    assert await joining
    node.publish(four)
    assert bob.seqs == {}
    node.publish(five, *await say(node))
    assert (ann.seqs, bob.seqs) == ({ROOM: [4, 5, 6]}, {ROOM: [6]})
    node.store.release()
    await node.settle()
    assert (ann.seqs, bob.seqs) == ({ROOM: [4, 5, 6]}, {ROOM: [6]})


async def test_a_snapshot_ahead_of_the_feed_pulls_the_feed_on(node: Node) -> None:
    ann, bob = node.recorder(ANN), node.recorder(BOB)
    await ann.join(node.logs, ROOM)
    await say(node, 2)  # never published
    assert await bob.join(node.logs, ROOM)
    await node.settle()
    node.publish(*await say(node))
    assert (ann.seqs, bob.seqs) == ({ROOM: [4, 5, 6]}, {ROOM: [6]})


async def test_a_later_join_of_the_same_room_takes_the_place_of_the_earlier_one(node: Node) -> None:
    ann = node.recorder(ANN)
    first = node.hub.begin_join(ann, ROOM)
    snapshot = await node.logs.join(ANN, ROOM)
    assert node.hub.is_current(first)
    second = node.hub.begin_join(ann, ROOM)
    assert not node.hub.is_current(first)
    assert not await node.hub.complete_join(first, snapshot)
    ann.known[ROOM] = snapshot.head
    assert await node.hub.complete_join(second, snapshot)
    node.publish(*await say(node))
    assert ann.seqs == {ROOM: [4]}


async def test_a_join_takes_the_place_of_a_live_view(node: Node) -> None:
    ann = node.recorder(ANN)
    await ann.join(node.logs, ROOM)
    node.store.hold()
    again = asyncio.ensure_future(ann.join(node.logs, ROOM))
    await turns()
    node.publish(*await say(node))
    assert ann.seqs == {}
    node.store.release()
    assert await again
    node.publish(*await say(node))
    assert ann.seqs == {ROOM: [5]}


async def test_a_join_that_was_left_or_lost_its_connection_is_not_completed(node: Node) -> None:
    ann, bob = node.recorder(ANN), node.recorder(BOB)
    node.store.hold()
    joins = [asyncio.ensure_future(who.join(node.logs, ROOM)) for who in (ann, bob)]
    await turns()
    ann.leave(ROOM)
    node.hub.detach(bob, [ROOM])
    node.store.release()
    assert await asyncio.gather(*joins) == [False, False]
    assert not node.hub.listens(ROOM)


async def test_a_join_that_is_superseded_while_it_reads_the_rest_delivers_nothing_more(node: Node) -> None:
    ann, bob = node.recorder(ANN), node.recorder(BOB)
    await ann.join(node.logs, ROOM)
    old = await node.logs.join(BOB, ROOM)
    node.publish(*await say(node, 2))
    view = node.hub.begin_join(bob, ROOM)
    bob.known[ROOM] = old.head
    node.store.hold()
    completing = asyncio.ensure_future(node.hub.complete_join(view, old))
    await turns()
    bob.leave(ROOM)
    node.store.release()
    assert not await completing
    assert bob.seqs == {}
