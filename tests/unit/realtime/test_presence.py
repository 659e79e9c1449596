"""Presence is told to those who asked for it and share a room, after a while, and never without end."""

import asyncio

import pytest

from hubbub.domain.errors import Invalid, Unavailable
from hubbub.domain.ids import UserId
from hubbub.realtime import gossip
from hubbub.realtime import presence as module
from hubbub.realtime.presence import TEMPO
from hubbub.realtime.signals import PRESENCE
from hubbub.services.ports import Tx
from hubbub.wire.limits import MAX_WATCHED
from tests.unit.realtime.signal_nodes import Signalling, after, play, presence
from tests.unit.services.chats import ANN, BOB, CYD, DAN, NOBODY, turns

BEAT, GRACE, LEASE, ROUND = TEMPO.beat, TEMPO.grace, TEMPO.lease, TEMPO.beats

NOON = "2027-01-15T08:00:00.000Z"  # by the clock of these tests, which stands still unless it is moved


def test_who_watches_is_answered_at_once_and_told_of_changes_on_any_node() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB, CYD)
        ann, bob = nodes.here.come(ANN), nodes.there.come(BOB)
        await after(2 * BEAT)
        assert await nodes.here.watch(ann, BOB, CYD) == [(BOB, "online", None), (CYD, "offline", None)]
        cyd = nodes.here.come(CYD)
        nodes.there.signals.presence.say(bob, away=True)
        await after(3 * BEAT)
        assert sorted(presence(ann)) == [(BOB, "away", None), (CYD, "online", None)]
        nodes.here.go(cyd)
        nodes.there.signals.presence.say(bob, away=False)
        await after(3 * BEAT)
        assert presence(ann) == [(BOB, "online", None)]
        nodes.here.clock.advance(GRACE)
        await after(GRACE)
        assert presence(ann) == [(CYD, "offline", NOON)]
        assert await nodes.there.watch(bob, CYD) == [(CYD, "offline", NOON)], "the other node knows it too"

    play(scene)


def test_a_reconnect_is_no_absence() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        ann, bob = nodes.here.come(ANN), nodes.here.come(BOB)
        await nodes.here.watch(ann, BOB)
        nodes.here.go(bob)
        await after(GRACE - 1)
        bob = nodes.here.come(BOB)
        await after(2 * GRACE)
        nodes.here.go(bob)
        await after(GRACE / 2)
        nodes.there.come(BOB)
        await after(2 * GRACE)
        assert presence(ann) == []

    play(scene)


def test_who_is_in_use_on_one_device_is_online_and_away_when_no_device_is() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        ann, phone, laptop = nodes.here.come(ANN), nodes.here.come(BOB), nodes.there.come(BOB)
        await after(2 * BEAT)
        await nodes.here.watch(ann, BOB)
        nodes.here.signals.presence.say(phone, away=True)
        await after(2 * BEAT)
        assert presence(ann) == []
        nodes.there.signals.presence.say(laptop, away=True)
        await after(2 * BEAT)
        assert presence(ann) == [(BOB, "away", None)]
        nodes.there.go(laptop)
        nodes.here.signals.presence.say(phone, away=False)
        await after(2 * GRACE)
        assert presence(ann) == [(BOB, "online", None)]

    play(scene)


def test_whoever_shares_no_room_is_offline_and_so_is_who_does_not_exist() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        cyd, bob = nodes.here.come(CYD), nodes.here.come(BOB)
        assert await nodes.here.watch(cyd, BOB, NOBODY) == [(BOB, "offline", None), (NOBODY, "offline", None)]
        nodes.here.signals.presence.say(bob, away=True)
        await after(2 * BEAT)
        nodes.here.go(bob)
        await after(2 * GRACE)
        assert presence(cyd) == []
        assert await nodes.here.watch(cyd, BOB) == [(BOB, "offline", None)], (
            "when they were last seen is not told either"
        )

    play(scene)


def test_who_may_know_is_asked_whenever_something_is_told() -> None:
    async def scene(nodes: Signalling) -> None:
        room_id = await nodes.pair.here.found(ANN, BOB, CYD)
        ann, cyd, bob = nodes.here.come(ANN), nodes.here.come(CYD), nodes.here.come(BOB)
        for watcher in (ann, cyd):
            await nodes.here.watch(watcher, BOB)
        await nodes.pair.here.rooms.remove_member(ANN, room_id, CYD)
        nodes.here.signals.presence.say(bob, away=True)
        await after(2 * BEAT)
        assert (presence(ann), presence(cyd)) == ([(BOB, "away", None)], [])
        await nodes.pair.here.rooms.open_direct(CYD, BOB)
        nodes.here.signals.presence.say(bob, away=False)
        await after(2 * BEAT)
        assert presence(ann) == presence(cyd) == [(BOB, "online", None)]

    play(scene)


def test_a_watch_takes_the_place_of_the_one_before_and_ends_with_the_connection() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB, CYD)
        ann, bob, cyd = nodes.here.come(ANN), nodes.here.come(BOB), nodes.here.come(CYD)
        await nodes.here.watch(ann, BOB)
        assert await nodes.here.watch(ann, CYD, CYD) == [(CYD, "online", None)]
        for recorder in (bob, cyd):
            nodes.here.signals.presence.say(recorder, away=True)
        await after(2 * BEAT)
        assert presence(ann) == [(CYD, "away", None)]
        nodes.here.go(ann)
        nodes.here.signals.presence.say(cyd, away=False)
        await after(2 * BEAT)
        assert presence(ann) == []
        watching = nodes.here.signals.presence
        assert (watching._watching, watching._watched, watching._told, watching._changed) == ({}, {}, {}, {})

    play(scene)


def test_so_many_may_be_watched_and_no_more() -> None:
    async def scene(nodes: Signalling) -> None:
        ann = nodes.here.come(ANN)
        assert len(await nodes.here.watch(ann, *range(1, MAX_WATCHED + 1))) == MAX_WATCHED
        with pytest.raises(Invalid):
            await nodes.here.watch(ann, *range(1, MAX_WATCHED + 2))

    play(scene)


def test_a_flood_of_states_is_told_once_a_beat_and_only_where_it_made_a_difference() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        ann, bob, far = nodes.here.come(ANN), nodes.here.come(BOB), nodes.there.come(ANN)
        await after(2 * BEAT)
        for watcher, node in ((ann, nodes.here), (far, nodes.there)):
            await node.watch(watcher, BOB)
        reads = nodes.here.store.reads
        for turn in range(1001):
            nodes.here.signals.presence.say(bob, away=turn % 2 == 0)
            await asyncio.sleep(BEAT / 100)
        await after(3 * BEAT)
        assert len(presence(ann)) <= 12
        assert len(presence(far)) <= 12
        assert nodes.here.store.reads - reads <= 12
        assert await nodes.there.watch(far, BOB) == [(BOB, "away", None)]

    play(scene)


def test_while_the_store_cannot_be_asked_nobody_is_told_and_afterwards_everybody_is() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        ann, bob = nodes.here.come(ANN), nodes.here.come(BOB)
        await nodes.here.watch(ann, BOB)
        nodes.here.store.failures += [Unavailable("not now")] * 2
        nodes.here.signals.presence.say(bob, away=True)
        await after(2 * BEAT + 0.1)
        assert presence(ann) == []
        await after(2 * BEAT)
        assert presence(ann) == [(BOB, "away", None)]

    play(scene)


def test_very_many_changes_are_told_in_several_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 1)
    monkeypatch.setattr(gossip, "NAMED", 1)

    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB, CYD, DAN)
        ann = nodes.here.come(ANN)
        await nodes.here.watch(ann, BOB, CYD, DAN)
        for user_id in (BOB, CYD, DAN):
            nodes.there.come(user_id)
        await after(6 * BEAT)
        assert presence(ann) == [(user_id, "online", None) for user_id in (BOB, CYD, DAN)]

    play(scene)


def test_who_begins_to_watch_while_others_are_told_is_told_what_came_after_their_answer() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB, CYD)
        ann, bob, cyd = nodes.here.come(ANN), nodes.here.come(BOB), nodes.here.come(CYD)
        await nodes.here.watch(ann, BOB)
        nodes.here.store.hold()
        nodes.here.signals.presence.say(bob, away=True)
        await after(1.5 * BEAT)
        nodes.here.store.step()
        answer = asyncio.create_task(nodes.here.watch(cyd, BOB))
        for _ in range(2):
            await turns()
            nodes.here.store.step(-1)
        assert await answer == [(BOB, "away", None)]
        nodes.here.signals.presence.say(bob, away=False)
        nodes.here.store.release()
        await after(2 * BEAT)
        assert presence(cyd) == [(BOB, "online", None)]
        assert presence(ann)[-1:] == [(BOB, "online", None)]

    play(scene)


def test_who_turns_away_and_back_while_the_store_is_asked_is_not_left_with_what_was_true_before() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        ann, bob = nodes.here.come(ANN), nodes.here.come(BOB)
        await nodes.here.watch(ann, BOB)
        nodes.here.store.hold()
        nodes.here.signals.presence.say(bob, away=True)
        await after(1.5 * BEAT)
        turning = asyncio.create_task(nodes.here.watch(ann))
        await turns()
        nodes.here.signals.presence.say(bob, away=False)
        again = asyncio.create_task(nodes.here.watch(ann, BOB))
        for _ in range(4):
            await turns()
            nodes.here.store.step(-1)
        assert (await turning, await again) == ([], [(BOB, "online", None)])
        nodes.here.store.release()
        await after(3 * BEAT)
        assert presence(ann) == [(BOB, "online", None)]

    play(scene)


def test_what_one_was_answered_before_the_others_were_told_is_taken_back_too() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB, CYD)
        ann, bob, cyd = nodes.here.come(ANN), nodes.here.come(BOB), nodes.here.come(CYD)
        await nodes.here.watch(ann, BOB)
        nodes.here.signals.presence.say(bob, away=True)
        assert await nodes.here.watch(cyd, BOB) == [(BOB, "away", None)]
        nodes.here.signals.presence.say(bob, away=False)
        await after(3 * BEAT)
        assert presence(cyd) == [(BOB, "online", None)]

    play(scene)


# Last seen


def test_who_was_last_seen_before_this_server_began_was_last_seen_when_a_session_was_last_used() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)

        def sign_in(tx: Tx) -> None:
            at = nodes.here.clock.now()
            tx.sessions.add(user_id=BOB, label="phone", at=at, expires_at=at)

        await nodes.pair.chats.store.write(sign_in)
        assert await nodes.here.watch(nodes.here.come(ANN), BOB) == [(BOB, "offline", NOON)]

    play(scene)


def test_of_what_several_nodes_say_the_last_time_counts() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        ann, phone, laptop = nodes.here.come(ANN), nodes.there.come(BOB), nodes.here.come(BOB)
        nodes.there.go(phone)
        await after(GRACE / 2)
        nodes.here.clock.advance(60)
        nodes.here.go(laptop)
        await after(2 * GRACE)
        assert await nodes.here.watch(ann, BOB) == [(BOB, "offline", "2027-01-15T08:01:00.000Z")]

    play(scene)


def test_no_more_is_remembered_of_those_who_have_gone_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SEEN", 2)

    async def scene(nodes: Signalling) -> None:
        for user_id in (ANN, BOB, ANN, CYD):
            nodes.here.go(nodes.here.come(user_id))
        assert list(nodes.here.signals.presence._seen) == [ANN, CYD]

    play(scene)


# Other nodes


def test_the_users_of_a_node_that_died_go_offline_when_its_lease_ends() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB, CYD)
        ann = nodes.here.come(ANN)
        nodes.there.come(BOB)
        nodes.there.come(CYD)
        await after(2 * BEAT)
        await nodes.here.watch(ann, BOB, CYD)
        await nodes.pair.there.bus.close()
        await nodes.there.signals.close()
        nodes.here.come(CYD)
        await after(LEASE - ROUND * BEAT - 3 * BEAT)
        assert presence(ann) == []
        nodes.here.clock.advance(LEASE)
        await after(2 * ROUND * BEAT)
        assert presence(ann) == [(BOB, "offline", NOON)], "Cyd has come here"
        assert nodes.here.signals.presence._gossip._nodes == {}

    play(scene)


def test_what_the_bus_loses_is_said_again() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB, CYD)
        ann = nodes.here.come(ANN)
        await nodes.here.watch(ann, BOB, CYD)
        buses = nodes.pair.exchange.buses
        deaf = nodes.pair.here.bus
        del buses[deaf]
        nodes.there.come(BOB)
        nodes.there.come(CYD)
        await after(3 * BEAT)
        assert presence(ann) == []
        buses[deaf] = None
        await after((ROUND + 3) * BEAT)
        assert sorted(presence(ann)) == [(BOB, "online", None), (CYD, "online", None)]

    play(scene)


def test_leases_last_as_long_as_their_users_are_there() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        ann = nodes.here.come(ANN)
        nodes.there.come(BOB)
        await after(2 * BEAT)
        await nodes.here.watch(ann, BOB)
        await after(10 * LEASE)
        assert presence(ann) == []
        assert await nodes.here.watch(ann, BOB) == [(BOB, "online", None)]

    play(scene)


def test_a_node_that_joins_learns_at_once_who_is_there_and_tells_who_is_here() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        ann, bob = nodes.here.come(ANN), nodes.there.come(BOB)
        await after(2 * BEAT)
        watching = nodes.there.signals.presence
        watching._gossip._nodes.clear()  # as if it had only just been started
        await nodes.there.signals.connect(nodes.pair.there.bus, "there again")
        await after(2 * BEAT)
        assert await nodes.there.watch(bob, ANN) == [(ANN, "online", None)]
        assert await nodes.here.watch(ann, BOB) == [(BOB, "online", None)]

    play(scene)


def test_gossip_names_everybody_once_a_round() -> None:
    async def scene(nodes: Signalling) -> None:
        named: list[bytes] = []
        nodes.pair.here.bus.subscribe(PRESENCE, named.append)
        for number in range(100, 160):
            nodes.there.come(UserId(number))
        await after(2 * BEAT)
        named.clear()
        await after(ROUND * BEAT)
        sizes = [(len(payload) - 7) // 17 for payload in named]
        assert len(sizes) == ROUND
        assert sum(sizes) == 60

    play(scene)


def test_without_anybody_and_anything_to_tell_nothing_runs() -> None:
    async def scene(nodes: Signalling) -> None:
        nodes.here.go(nodes.here.come(ANN))
        await after(GRACE + 3 * BEAT)
        assert nodes.here.signals.presence._beating is None

    play(scene)
