"""The hub: events in order, holes filled from the log, joins that race with events, and views that end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import suppress
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubbub.domain.errors import ChatError, NotFound, Unauthenticated, Unavailable
from hubbub.domain.events import Event, History
from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.realtime.hub import OPENING, RETRY, Hub
from hubbub.services.logs import Logs
from hubbub.stores.memory import MemoryStore
from tests.loops import run_jumping
from tests.unit.realtime.listeners import Node, Recorder
from tests.unit.services.chats import ANN, BOB, CYD, Chats, open_chats, turns

ROOM = RoomId(1)


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """Ann's room with Bob, whose log is at 3, and nobody who listens."""
    async with open_chats() as chats:
        yield await opened(chats)


async def opened(chats: Chats) -> Node:
    node = Node(chats)
    assert await chats.found(ANN, BOB) == ROOM
    node.take()
    return node


async def say(node: Node, count: int = 1) -> list[Event]:
    """Ann posts; nobody has been told yet."""
    for number in range(count):
        await node.chats.say(ANN, ROOM, f"{number}")
    return node.take()


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


# Every order of things


Act = tuple[str, int]
ACTS: st.SearchStrategy[Act] = st.tuples(
    st.sampled_from(
        [
            *("join", "join", "leave", "slow", "post", "post", "publish", "publish", "publish", "lose", "again"),
            *("step", "step", "step", "step", "remove", "add"),
        ]
    ),
    st.integers(0, 3),
)


class Race:
    """Three who listen, or try to, and a bus that loses, repeats and reorders."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.recorders = [node.recorder(user_id) for user_id in (ANN, BOB, CYD)]
        self.joins: list[asyncio.Future[bool]] = []
        self.resyncs: list[asyncio.Future[None]] = []
        self.unpublished: list[Event] = []
        self.published: list[Event] = []

    async def act(self, act: Act) -> None:
        name, index = act
        node, recorder = self.node, self.recorders[index % 3]
        other = (BOB, CYD)[index % 2]
        match name:
            case "join":
                self.joins.append(asyncio.ensure_future(recorder.join(node.logs, ROOM)))
            case "leave":
                recorder.leave(ROOM)
            case "slow":
                recorder.slow = not recorder.slow
            case "post":
                await node.chats.say(ANN, ROOM, "hi")
            case "remove":
                await _if_possible(node.chats.rooms.remove_member(ANN, ROOM, other))
            case "add":
                await node.chats.rooms.put_member(ANN, ROOM, other)
            case "publish" if self.unpublished:
                event = self.unpublished.pop(index % len(self.unpublished) if index > 1 else 0)
                self.published.append(event)
                node.publish(event)
            case "lose" if self.unpublished:
                del self.unpublished[0]  # as when the outcome of a commit is unknown
                self.resyncs.append(asyncio.ensure_future(node.hub.resync([ROOM])))
            case "again" if self.published:
                node.publish(self.published[index % len(self.published)])
            case "step":
                node.store.step(index)
        self.unpublished += node.take()
        await turns(3)

    async def finish(self) -> None:
        self.node.store.release()
        await self.node.settle()
        for recorder in self.recorders:
            recorder.slow = False
        self.node.publish(*self.unpublished)
        await self.node.settle()
        for answer in await asyncio.gather(*self.joins, *self.resyncs, return_exceptions=True):
            assert not isinstance(answer, BaseException) or isinstance(answer, NotFound), repr(answer)

    async def check(self) -> None:
        log, room = await self.node.chats.log(ROOM), await self.node.chats.fold(ROOM)
        for recorder in self.recorders:
            assert all(before < after for before, after in pairwise(recorder.seqs.get(ROOM, [])))
            if ROOM in recorder.known:  # it believes to be live
                assert recorder.known[ROOM] == len(log)
                assert recorder.user_id in room.members


async def _if_possible(attempt: Awaitable[None]) -> None:
    with suppress(ChatError):
        await attempt


async def race(acts: Sequence[Act], *, ahead: bool = False) -> None:
    """`ahead`: Ann listens from the beginning, so that the room's feed may be further than a snapshot."""
    async with open_chats() as chats:
        node = await opened(chats)
        race = Race(node)
        if ahead:
            await race.recorders[0].join(node.logs, ROOM)
        node.store.hold()
        for act in acts:
            await race.act(act)
        await race.finish()
        await race.check()
        node.publish(*await say(node))  # whoever is live gets it
        await race.check()
        for recorder in race.recorders:
            recorder.leave(ROOM)
        assert not node.hub.listens(ROOM)
        await turns()
        assert len(asyncio.all_tasks()) == 1


# Against a join, which stops before its snapshot and with it in hand. (name, which): see `Race.act`.
JOIN = [("join", 1), ("step", 0), ("step", 0)]
POST, PUBLISH, LOSE = ("post", 0), ("publish", 0), ("lose", 0)
RIVALS: dict[str, list[Act]] = {
    "events": [POST, PUBLISH, POST, PUBLISH],
    "late events": [POST, POST, PUBLISH, PUBLISH],
    "events in disorder": [POST, POST, ("publish", 3), PUBLISH],
    "an event in disorder that comes twice": [POST, POST, ("publish", 3), ("again", 0), PUBLISH],
    "a lost event": [POST, LOSE, POST, PUBLISH],
    "a lost event and nothing after it": [POST, PUBLISH, POST, LOSE],
    "a lost event that is looked for at once": [POST, LOSE, ("step", 1), ("step", 1)],
    "a removal": [("remove", 0), PUBLISH, POST, PUBLISH],
    "a late removal": [POST, ("remove", 0), POST, PUBLISH, PUBLISH],
    "a removal and a return": [("remove", 0), ("add", 0), PUBLISH, PUBLISH, POST],
    "a leave": [POST, PUBLISH, ("leave", 1), POST],
    "another join": [POST, PUBLISH, ("join", 1), POST, PUBLISH],
    "a slow reader": [POST, PUBLISH, ("slow", 1), POST, PUBLISH],
}


def merged(left: list[Act], right: list[Act]) -> Iterator[list[Act]]:
    """All ways to do both, each in its own order."""
    for places in combinations(range(len(left) + len(right)), len(left)):
        first, second = iter(left), iter(right)
        yield [next(first) if place in places else next(second) for place in range(len(left) + len(right))]


@pytest.mark.parametrize("ahead", [False, True], ids=["first", "second"])
@pytest.mark.parametrize("rival", RIVALS.values(), ids=RIVALS)
def test_a_join_comes_out_right_at_every_moment_of_what_else_happens(rival: list[Act], ahead: bool) -> None:
    async def scenes() -> None:
        for acts in merged(JOIN, rival):
            await race(acts, ahead=ahead)

    run_jumping(scenes())


@given(st.lists(ACTS, min_size=40, max_size=60))
@settings(max_examples=300)
def test_whoever_is_live_has_everything_in_order_whatever_the_order_of_things(acts: list[Act]) -> None:
    run_jumping(race(acts))
