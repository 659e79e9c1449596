"""Typing is told to the others in the room, ends by itself, and can't be made a flood of."""

import pytest

from hubbub.domain.errors import Conflict
from hubbub.domain.ids import RoomId
from hubbub.realtime import typing_signals
from hubbub.realtime.typing_signals import LAPSE, START_BURST
from tests.unit.realtime.signal_nodes import Signalling, after, play, typing
from tests.unit.services.chats import ANN, BOB, CYD, turns

ROOM, OTHER = RoomId(1), RoomId(2)


def test_typing_is_told_to_everybody_else_who_looks_at_the_room_on_any_node() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB, CYD)
        here, there = nodes.here, nodes.there
        ann, phone, bob = await here.join(ANN, ROOM), await there.join(ANN, ROOM), await here.join(BOB, ROOM)
        cyd, elsewhere = await there.join(CYD, ROOM), here.come(BOB)
        here.type(ann, ROOM)
        here.type(ann, ROOM, on=False)
        await turns()
        assert typing(bob) == typing(cyd) == [(ANN, True), (ANN, False)]
        assert ann.whispers == phone.whispers == elsewhere.whispers == []

    play(scene)


def test_typing_takes_a_live_view_and_the_refusal_does_not_say_whether_there_is_such_a_room() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        ann, outsider = nodes.here.come(ANN), nodes.here.come(CYD)
        refusals = []
        for recorder, room_id in ((ann, ROOM), (outsider, ROOM), (outsider, RoomId(99))):
            with pytest.raises(Conflict) as refusal:
                nodes.here.type(recorder, room_id)
            refusals.append(str(refusal.value))
        assert len(set(refusals)) == 1

    play(scene)


def test_typing_that_is_not_renewed_ends_by_itself() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        ann, bob = await nodes.here.join(ANN, ROOM), await nodes.there.join(BOB, ROOM)
        nodes.here.type(ann, ROOM)
        await after(LAPSE - 0.1)
        assert typing(bob) == [(ANN, True)]
        await after(0.2)
        assert typing(bob) == [(ANN, False)]
        assert len(nodes.here.signals.typing) == len(nodes.there.signals.typing) == 0

    play(scene)


@pytest.mark.parametrize("period", [0.1, 1.0, 2.4, 3.0, 5.0])
def test_renewals_keep_it_up_on_every_node_and_are_not_told_one_by_one(period: float) -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB, CYD)
        ann, bob, cyd = [await nodes.here.join(user_id, ROOM) for user_id in (ANN, BOB, CYD)]
        far = await nodes.there.join(BOB, ROOM)
        for _ in range(int(30 / period)):
            nodes.here.type(ann, ROOM)
            await after(period)
        told = typing(bob)
        assert told == typing(cyd) == typing(far)
        assert set(told) == {(ANN, True)}
        assert 6 <= len(told) <= 12

    play(scene)


def test_a_message_ends_the_typing_of_its_author_wherever_it_was_sent_and_of_nobody_else() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB, CYD)
        ann, bob, cyd = [await nodes.here.join(user_id, ROOM) for user_id in (ANN, BOB, CYD)]
        far = await nodes.there.join(CYD, ROOM)
        nodes.here.type(ann, ROOM)
        nodes.here.type(bob, ROOM)
        await nodes.pair.there.say(ANN, ROOM, "done")
        assert typing(cyd) == typing(far) == [(ANN, True), (BOB, True), (ANN, False)]
        nodes.here.type(ann, ROOM)
        await turns()
        assert typing(cyd) == typing(far) == [(ANN, True)], "whoever types again is told at once"

    play(scene)


@pytest.mark.parametrize("way", ["leave", "close", "removal"])
def test_typing_ends_with_the_view(way: str) -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        bob, ann, far = (
            await nodes.here.join(BOB, ROOM),
            await nodes.here.join(ANN, ROOM),
            await nodes.there.join(ANN, ROOM),
        )
        nodes.here.type(bob, ROOM)
        if way == "leave":
            bob.leave(ROOM)
            nodes.here.signals.left(bob, OTHER)
            assert typing(ann) == [(BOB, True)]
            nodes.here.signals.left(bob, ROOM)
        elif way == "close":
            nodes.here.go(bob, ROOM)
        else:
            await nodes.pair.here.rooms.remove_member(ANN, ROOM, BOB)
        await turns(30)
        assert typing(ann)[-1] == typing(far)[-1] == (BOB, False)
        assert len(nodes.here.signals.typing) == len(nodes.there.signals.typing) == 0

    play(scene)


def test_a_connection_types_in_one_room_at_a_time() -> None:
    async def scene(nodes: Signalling) -> None:
        for _ in range(2):
            await nodes.pair.here.found(ANN, BOB)
        ann, bob = await nodes.here.join(ANN, ROOM), await nodes.here.join(BOB, ROOM)
        for recorder in (ann, bob):
            assert await recorder.join(nodes.pair.here.logs, OTHER)
        nodes.here.type(ann, ROOM)
        nodes.here.type(ann, OTHER)
        assert [(signal.room_id, signal.on) for signal in bob.whispers] == [(ROOM, True), (ROOM, False), (OTHER, True)]

    play(scene)


def test_of_two_devices_the_one_that_typed_last_counts() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        phone, laptop, bob = (
            await nodes.here.join(ANN, ROOM),
            await nodes.here.join(ANN, ROOM),
            await nodes.here.join(BOB, ROOM),
        )
        nodes.here.type(phone, ROOM)
        nodes.here.type(laptop, ROOM)
        nodes.here.type(phone, ROOM, on=False)
        nodes.here.go(phone, ROOM)
        assert typing(bob) == [(ANN, True)]
        nodes.here.type(laptop, ROOM, on=False)
        assert typing(bob) == [(ANN, False)]

    play(scene)


def test_who_types_on_two_nodes_is_seen_by_each_as_it_is_there() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        phone, laptop = await nodes.here.join(ANN, ROOM), await nodes.there.join(ANN, ROOM)
        bob, far = await nodes.here.join(BOB, ROOM), await nodes.there.join(BOB, ROOM)
        nodes.here.type(phone, ROOM)
        await turns()
        nodes.there.type(laptop, ROOM)
        nodes.here.type(phone, ROOM, on=False)
        await turns()
        assert typing(far) == [(ANN, True)], "laptop's, which goes on"
        nodes.there.type(laptop, ROOM, on=False)
        await turns()
        assert typing(far) == [(ANN, False)]
        assert typing(bob)[-1] == (ANN, False)

    play(scene)


def test_typing_on_a_node_that_died_ends_on_the_others() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        ann, bob = await nodes.here.join(ANN, ROOM), await nodes.there.join(BOB, ROOM)
        nodes.here.type(ann, ROOM)
        await turns()
        await nodes.pair.here.bus.close()
        await nodes.here.signals.close()
        await after(LAPSE + 0.1)
        assert typing(bob) == [(ANN, True), (ANN, False)]

    play(scene)


def test_a_room_of_many_listeners_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typing_signals, "CROWD", 3)

    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB, CYD)
        ann, far = await nodes.here.join(ANN, ROOM), await nodes.there.join(CYD, ROOM)
        bobs = [await nodes.here.join(BOB, ROOM) for _ in range(2)]
        crowd = [await nodes.here.join(CYD, ROOM) for _ in range(1)]
        nodes.here.type(ann, ROOM)
        await turns()
        assert far.whispers == []
        assert all(recorder.whispers == [] for recorder in bobs + crowd)
        nodes.here.go(crowd[0], ROOM)
        nodes.here.type(ann, ROOM)
        await turns()
        assert typing(far) == typing(bobs[0]) == [(ANN, True)]

    play(scene)


def test_starting_and_stopping_as_fast_as_one_can_is_not_told_as_often() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        devices = [await nodes.here.join(ANN, ROOM) for _ in range(3)]
        bob = await nodes.here.join(BOB, ROOM)
        for turn in range(300):
            nodes.here.type(devices[turn % 3], ROOM)
            nodes.here.type(devices[turn % 3], ROOM, on=False)
            await after(0.02)
        assert len(typing(bob)) <= 2 * (START_BURST + 7)
        await after(60)
        nodes.here.type(devices[0], ROOM)
        assert typing(bob) == [(ANN, True)]
        assert len(nodes.here.signals.typing._paces) == 1
        await after(60)
        assert nodes.here.signals.typing._paces == {}, "nobody is remembered for ever"

    play(scene)


def test_news_about_a_room_that_nobody_looks_at_here_are_not_kept() -> None:
    async def scene(nodes: Signalling) -> None:
        await nodes.pair.here.found(ANN, BOB)
        nodes.here.type(await nodes.here.join(ANN, ROOM), ROOM)
        await turns()
        assert len(nodes.there.signals.typing) == 0

    play(scene)
