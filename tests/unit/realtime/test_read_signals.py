"""A read mark that has moved is told to one's own devices and to the room, and not too often."""

import pytest

from hubbub.domain.errors import NotFound
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.realtime import read_signals
from hubbub.realtime.read_signals import PACE
from tests.unit.realtime.signal_nodes import Signalling, SignalNode, after, marks, play
from tests.unit.services.chats import ANN, BOB, CYD, turns

ROOM = RoomId(1)


async def read(node: SignalNode, user_id: UserId, seq: int) -> None:
    await node.reads.mark(user_id, ROOM, Seq(seq))
    await turns()


async def talk(nodes: Signalling) -> None:
    """Ann's room with Bob, in which she spoke at 4 .. 13."""
    await nodes.pair.here.found(ANN, BOB)
    for number in range(10):
        await nodes.pair.here.say(ANN, ROOM, str(number))


def test_a_mark_that_has_moved_is_told_to_own_devices_everywhere_and_to_who_looks_at_the_room() -> None:
    async def scene(nodes: Signalling) -> None:
        await talk(nodes)
        here, there = nodes.here, nodes.there
        phone, laptop = here.come(BOB), await there.join(BOB, ROOM)
        ann, far, outside, stranger = (
            await here.join(ANN, ROOM),
            await there.join(ANN, ROOM),
            here.come(ANN),
            here.come(CYD),
        )
        await read(here, BOB, 6)
        assert marks(phone) == marks(laptop) == marks(ann) == marks(far) == [(BOB, 6)]
        assert outside.whispers == stranger.whispers == []

    play(scene)


def test_a_mark_that_has_not_moved_is_not_told() -> None:
    async def scene(nodes: Signalling) -> None:
        await talk(nodes)
        bob = nodes.here.come(BOB)
        for seq in (6, 6, 5, 0, 3):
            await read(nodes.here, BOB, seq)
            await after(2 * PACE)
        assert marks(bob) == [(BOB, 6)]
        with pytest.raises(NotFound):
            await nodes.here.reads.mark(CYD, ROOM, Seq(6))
        assert marks(bob) == []

    play(scene)


def test_a_fast_reader_is_told_at_a_pace_and_the_last_mark_always() -> None:
    async def scene(nodes: Signalling) -> None:
        await talk(nodes)
        ann = await nodes.here.join(ANN, ROOM)
        for seq in range(4, 14):
            await read(nodes.here, BOB, seq)
            await after(PACE / 5)
        await after(2 * PACE)
        assert marks(ann) == [(BOB, 4), (BOB, 8), (BOB, 13)]
        assert nodes.here.signals.reads._waiting == {}
        assert len(nodes.here.signals.reads._told) == 0

    play(scene)


def test_in_a_room_of_many_listeners_only_own_devices_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_signals, "CROWD", 2)

    async def scene(nodes: Signalling) -> None:
        await talk(nodes)
        bob, one, _, _ = nodes.here.come(BOB), *[await nodes.here.join(ANN, ROOM) for _ in range(3)]
        few = await nodes.there.join(ANN, ROOM)
        await read(nodes.here, BOB, 7)
        assert marks(bob) == marks(few) == [(BOB, 7)]
        assert one.whispers == []

    play(scene)
