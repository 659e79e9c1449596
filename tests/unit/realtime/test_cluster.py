"""Two nodes: what is committed on one reaches the sockets of the other, also when the bus is no help."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from hubbub.domain.errors import NotFound
from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.realtime.cluster import MEMBERS, subject_of
from hubbub.realtime.watch import ROUND
from hubbub.services.ports import Tx
from tests.unit.realtime.clusters import ClusterNode, Pair, open_pair
from tests.unit.realtime.listeners import Recorder
from tests.unit.services.chats import ANN, BOB, CYD, turns

ROOM = RoomId(1)


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """Ann's room with Bob, whose log is at 3."""
    async with open_pair() as pair:
        assert await pair.here.found(ANN, BOB) == ROOM
        yield pair


async def test_what_is_committed_on_one_node_reaches_the_sockets_of_all(pair: Pair) -> None:
    ann, bob = pair.here.recorder(ANN), pair.there.recorder(BOB)
    assert await ann.join(pair.here.logs, ROOM)
    assert await bob.join(pair.there.logs, ROOM)
    await turns(30)
    reads = pair.there.store.reads
    await pair.here.say(ANN, ROOM, "hello")
    assert (ann.seqs, bob.seqs) == ({ROOM: [4]}, {ROOM: [4]})
    assert pair.there.store.reads == reads, "what came over the bus need not be read"


async def test_a_bus_that_doubles_and_reorders_does_no_harm(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    bob = pair.there.recorder(BOB)
    assert await bob.join(pair.there.logs, ROOM)
    held: list[bytes] = []
    monkeypatch.setattr(pair.here.bus, "publish", lambda subject, payload: held.append(payload))
    for text in ("a", "b", "c"):
        await pair.here.say(ANN, ROOM, text)
    monkeypatch.undo()
    for payload in (held[2], held[0], held[0], held[1], held[2]):
        pair.here.bus.publish(subject_of(ROOM), payload)
    await turns(30)
    assert bob.seqs == {ROOM: [4, 5, 6]}


async def test_who_is_added_or_removed_is_told_on_every_node_once(pair: Pair) -> None:
    cyd, bob = pair.there.recorder(CYD, 3), pair.there.recorder(BOB, 2)
    await pair.there.learn(CYD)
    await pair.here.rooms.put_member(ANN, ROOM, CYD)
    await pair.here.rooms.remove_member(ANN, ROOM, CYD)
    await turns(30)
    assert cyd.signals == [(ROOM, 4, True), (ROOM, 5, False)]
    assert bob.signals == []


async def test_the_members_of_a_deleted_room_are_told_on_every_node_once_whether_they_view_it_or_not(
    pair: Pair,
) -> None:
    ann, bob, cyd = pair.here.recorder(ANN, 1), pair.there.recorder(BOB, 2), pair.there.recorder(CYD, 3)
    for node, user_id in ((pair.here, ANN), (pair.there, BOB), (pair.there, CYD)):
        await node.learn(user_id)
    await pair.here.rooms.delete(ANN, ROOM)
    await turns(30)
    await pair.there.watch.look()
    assert ann.signals == bob.signals == [(ROOM, 4, False)]
    assert cyd.signals == []


async def test_however_many_are_added_at_once_no_message_on_the_bus_grows_with_them(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubbub.realtime.cluster.NAMED", 2)
    heard: list[bytes] = []
    pair.there.bus.subscribe(MEMBERS, heard.append)
    cyd = pair.there.recorder(CYD, 3)
    await pair.there.learn(CYD)
    other = await pair.here.found(ANN, BOB, CYD)
    await turns(30)
    assert len(heard) == 2
    assert cyd.signals == [(other, 4, True)]


async def test_who_is_cut_after_they_were_told_that_they_are_back_is_told_again(pair: Pair) -> None:
    bob = pair.there.recorder(BOB)
    await pair.there.learn(BOB)
    assert await bob.join(pair.there.logs, ROOM)
    await pair.lose_news()
    await pair.here.rooms.remove_member(ANN, ROOM, BOB)
    await pair.here.rooms.put_member(ANN, ROOM, BOB)
    pair.there.hub.memberships.happened(BOB, ROOM, Seq(5), joined=True)
    await pair.there.watch.look()
    await turns(30)
    assert bob.gone == [(ROOM, 4)]
    assert bob.signals == [(ROOM, 5, True), (ROOM, 5, True)]


async def test_a_session_that_ends_on_one_node_ends_on_all(pair: Pair) -> None:
    first, second, other = (pair.there.recorder(ANN, number) for number in (7, 8, 9))
    pair.here.cluster.end_sessions([SessionId(7), SessionId(8)])
    await turns()
    assert (first.ended, second.ended, other.ended) == (1, 1, 0)


async def test_an_event_that_was_told_before_anybody_listened_is_looked_for(pair: Pair) -> None:
    """The snapshot is older than the event, and the event came before the subscription."""
    bob = pair.there.recorder(BOB)
    joined = await pair.there.logs.join(BOB, ROOM, after=None)
    await pair.here.say(ANN, ROOM, "hello")
    view = pair.there.hub.begin_join(bob, ROOM)
    bob.known[ROOM] = joined.head
    assert await pair.there.hub.complete_join(view, joined)
    await turns(30)
    assert bob.seqs == {ROOM: [4]}


async def test_events_go_only_to_nodes_where_somebody_listens(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []
    monkeypatch.setattr(pair.there.cluster, "_receive_event", heard.append)
    await pair.here.say(ANN, ROOM, "one")
    bob = pair.there.recorder(BOB)
    assert await bob.join(pair.there.logs, ROOM)
    await pair.here.say(ANN, ROOM, "two")
    assert len(heard) == 1
    pair.there.hub.leave(bob, ROOM)
    await pair.here.say(ANN, ROOM, "three")
    assert len(heard) == 1


async def test_a_commit_whose_outcome_was_unknown_is_looked_for_on_every_node(pair: Pair) -> None:
    bob = pair.there.recorder(BOB)
    assert await bob.join(pair.there.logs, ROOM)
    await turns(30)
    with lost(pair):
        await pair.here.say(ANN, ROOM, "hello")
    assert bob.seqs == {}
    pair.here.cluster.resync([ROOM])
    await turns(30)
    assert bob.seqs == {ROOM: [4]}


@pytest.mark.parametrize("side", ["here", "there"])
async def test_when_a_node_has_its_bus_again_all_look_for_what_was_missed(pair: Pair, side: str) -> None:
    ann, bob = pair.here.recorder(ANN), pair.there.recorder(BOB)
    assert await ann.join(pair.here.logs, ROOM)
    assert await bob.join(pair.there.logs, ROOM)
    await turns(30)
    with lost(pair):
        await pair.here.say(ANN, ROOM, "hello")
    assert (ann.seqs, bob.seqs) == ({ROOM: [4]}, {})
    node: ClusterNode = getattr(pair, side)
    node.cluster._restored()
    await turns(30)
    assert bob.seqs == {ROOM: [4]}


# Looks at the store


async def test_a_look_finds_a_last_event_that_the_bus_has_lost(pair: Pair) -> None:
    bob = pair.there.recorder(BOB)
    assert await bob.join(pair.there.logs, ROOM)
    await pair.lose_news()
    await pair.here.say(ANN, ROOM, "hello")
    assert bob.seqs == {}
    await pair.there.watch.look()
    await turns(30)
    assert bob.seqs == {ROOM: [4]}


async def test_a_look_tells_of_memberships_that_the_bus_has_lost(pair: Pair) -> None:
    bob, cyd = await sign_in(pair, BOB), await sign_in(pair, CYD)
    await pair.lose_news()
    await pair.here.rooms.put_member(ANN, ROOM, CYD)
    await pair.here.rooms.remove_member(ANN, ROOM, BOB)
    for _ in range(2):
        await pair.there.watch.look()
    assert cyd.signals == [(ROOM, 4, True)]
    assert bob.signals == [(ROOM, 4, False)]  # at 5; that it was after 3, where he had come, is all that can be known
    assert (bob.ended, cyd.ended) == (0, 0)


async def test_everybodys_memberships_are_looked_at_in_two_looks_and_everybodys_session_in_each(pair: Pair) -> None:
    everybody = [await sign_in(pair, user_id) for user_id in (ANN, BOB, CYD)]
    room = pair.there.recorder(ANN, 99)  # a socket of one room, which does not list the others
    await pair.lose_news()
    other = await pair.here.found(ANN, BOB, CYD)
    await pair.memory.write(lambda tx: tx.sessions.end([everybody[2].session_id]))
    told = []
    for _ in range(ROUND):
        await pair.there.watch.look()
        told.append(sum(len(recorder.signals) for recorder in everybody))
    assert (everybody[2].ended, room.ended) == (2, 2)
    assert told == [2, 3]
    assert {signal for recorder in everybody for signal in recorder.signals} == {
        (other, seq, True) for seq in (2, 3, 4)
    }


async def test_a_look_that_is_older_than_the_news_does_not_contradict_them(pair: Pair) -> None:
    cyd = await sign_in(pair, CYD)
    await during_a_look(pair, lambda: pair.here.rooms.put_member(ANN, ROOM, CYD))
    await pair.there.watch.look()
    assert cyd.signals == [(ROOM, 4, True)]


async def test_a_look_ends_connections_whose_session_has_ended(pair: Pair) -> None:
    cyd = pair.there.recorder(CYD, 99)
    await pair.there.watch.look()
    assert cyd.ended == 1


async def test_a_look_does_not_judge_a_connection_that_came_after_it_began(pair: Pair) -> None:
    await sign_in(pair, CYD)
    later = []

    async def connect() -> None:
        later.append(pair.there.recorder(CYD, 99))

    await during_a_look(pair, connect)
    assert later[0].ended == 0


async def test_who_has_gone_is_not_looked_at_any_more(pair: Pair) -> None:
    cyd = pair.there.recorder(CYD)
    await pair.there.learn(CYD)
    pair.there.hub.detach(cyd, ())
    await pair.there.watch.look()
    assert not pair.there.hub.memberships.knows(CYD)


# A store that was restored behind the nodes' backs


async def test_a_look_sends_nobody_away_while_nobody_was_told_anything() -> None:
    async with open_pair() as fresh:
        opening = await sign_in(fresh, ANN)
        assert fresh.there.hub.epoch is None
        await fresh.there.watch.look()
        assert opening.restored == 0


async def restored_seen(pair: Pair, act: Callable[[], Awaitable[object]]) -> tuple[int, int]:
    """Restore the store while Ann listens here and Bob there, act, and say who was sent away how often."""
    ann, bob = pair.here.recorder(ANN), pair.there.recorder(BOB)
    assert await ann.join(pair.here.logs, ROOM)
    assert await bob.join(pair.there.logs, ROOM)
    await turns(30)
    pair.restore()
    await act()
    await turns(30)
    assert (ann.seqs, bob.seqs) == ({}, {}), "an event of the new epoch was told to those who are in the old one"
    return ann.restored, bob.restored


async def test_a_look_sends_everybody_away_when_the_store_was_restored(pair: Pair) -> None:
    assert await restored_seen(pair, pair.there.watch.look) == (0, 1)
    assert pair.there.hub.epoch == "restored"


async def test_what_was_told_of_memberships_is_forgotten_when_the_store_was_restored(pair: Pair) -> None:
    cyd = pair.there.recorder(CYD)
    await pair.there.learn(CYD)
    pair.there.hub.memberships.happened(CYD, ROOM, Seq(4), joined=True)
    pair.there.hub.start_over("restored")
    pair.there.hub.memberships.happened(CYD, ROOM, Seq(4), joined=True)
    assert cyd.signals == [(ROOM, 4, True), (ROOM, 4, True)]


async def test_a_commit_in_another_epoch_sends_everybody_away_on_every_node(pair: Pair) -> None:
    assert await restored_seen(pair, lambda: pair.here.say(ANN, ROOM, "hello")) == (1, 1)


async def test_a_join_in_another_epoch_sends_everybody_away(pair: Pair) -> None:
    cyd = pair.there.recorder(BOB)
    assert await restored_seen(pair, lambda: cyd.join(pair.there.logs, ROOM)) == (0, 1)


async def test_a_hole_is_not_filled_from_another_epoch(pair: Pair) -> None:
    async def find_a_hole() -> None:
        await pair.lose_news()
        await pair.here.say(ANN, ROOM, "hello")
        await pair.there.hub.resync([ROOM])

    assert await restored_seen(pair, find_a_hole) == (1, 1)


async def test_words_of_an_old_epoch_that_come_late_are_passed_over(pair: Pair) -> None:
    bob = pair.there.recorder(BOB)
    assert await bob.join(pair.there.logs, ROOM)
    await pair.lose_news()
    await pair.here.say(ANN, ROOM, "hello")
    (hello,) = await pair.there.logs.range(ROOM, Seq(3), Seq(4))
    pair.restore()
    await pair.there.watch.look()
    pair.there.fanout.publish([hello], "memory")
    await turns(30)
    assert (bob.seqs, bob.restored, pair.there.hub.epoch) == ({}, 1, "restored")


async def test_a_log_that_has_become_shorter_is_a_restore_as_well(pair: Pair) -> None:
    bob = pair.there.recorder(BOB)
    assert await bob.join(pair.there.logs, ROOM)
    await pair.here.say(ANN, ROOM, "hello")
    async with open_pair() as twin:
        assert await twin.here.found(ANN, BOB) == ROOM
        pair.memory._tables, pair.memory._tx = twin.memory._tables, twin.memory._tx
    await pair.there.watch.look()
    assert bob.restored == 1


async def test_the_journal_forgets_its_rooms_with_the_epoch(pair: Pair) -> None:
    """Cyd is a member in the room that is kept, and not in the store that has grown to the same length."""
    await pair.here.rooms.put_member(ANN, ROOM, CYD)
    await pair.here.say(CYD, ROOM, "hello")
    async with open_pair() as twin:
        assert await twin.here.found(ANN, BOB) == ROOM
        for text in ("one", "two"):
            await twin.here.say(ANN, ROOM, text)
        pair.memory._tables, pair.memory._tx = twin.memory._tables, twin.memory._tx
        pair.restore()
    with pytest.raises(NotFound):
        await pair.here.say(CYD, ROOM, "I am not here")


@contextmanager
def lost(pair: Pair) -> Iterator[None]:
    """Nothing that is published meanwhile arrives."""
    with pytest.MonkeyPatch.context() as patch:
        for node in (pair.here, pair.there):
            patch.setattr(node.bus, "publish", lambda subject, payload: None)
        yield


async def sign_in(pair: Pair, user_id: UserId) -> Recorder:
    """A connection there, whose session is in the store."""

    def begin(tx: Tx) -> SessionId:
        at = pair.chats.clock.now()
        return tx.sessions.add(user_id=user_id, label="", at=at, expires_at=at).id

    recorder = pair.there.recorder(user_id, await pair.memory.write(begin))
    await pair.there.learn(user_id)
    return recorder


async def during_a_look(pair: Pair, act: Callable[[], Awaitable[object]]) -> None:
    """Something happens after a look has read, and before it knows what it has read."""
    pair.there.store.hold()
    look = asyncio.create_task(pair.there.watch.look())
    await turns()
    pair.there.store.step()
    await turns()
    await act()
    await turns()
    pair.there.store.release()
    await look
