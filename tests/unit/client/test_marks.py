"""Read marks: a room's own is the highest that it was told, in the log that is there."""

from msgspec.structs import replace

from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.wire import frames as wire
from tests.unit.client.pipes import World, turns
from tests.unit.client.scripted import ANN, HELLO, ROOM, events, joined


async def test_a_mark_of_another_device_is_taken_over_and_never_goes_back(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM, after=Seq(0))
    signals = world.live.signals()
    for user_id, seq in ((ANN, 5), (ANN, 4), (UserId(2), 9)):
        pipe.says(wire.Signal(kind="read", room_id=ROOM, user_id=user_id, seq=Seq(seq)))
    pipe.says(wire.Signal(kind="read", room_id=RoomId(99), user_id=ANN, seq=Seq(7)))
    assert [(await anext(signals)).seq for _ in range(4)] == [5, 4, 9, 7]
    assert room.read_seq == 5


async def test_marks_begin_anew_in_a_log_that_was_restored(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM, after=Seq(30))
    pipe.says(joined((await pipe.heard(wire.Join)).ref, 30))
    await room.ready()
    room.mark_read()
    assert (await pipe.heard(wire.Read)).seq == 30
    pipe.breaks(4510)
    pipe = await world.reopen(replace(HELLO, epoch="e2"))
    join = await pipe.heard(wire.Join)
    pipe.says(
        wire.Reset(room_id=ROOM, reason="epoch_changed", head=Seq(2), base=Seq(0)),
        joined(join.ref, 2, replay=(1, 2), epoch="e2"),
        events(join.ref, 1, 2),
    )
    await room.ready()
    room.mark_read()
    assert ((await pipe.heard(wire.Read)).seq, room.read_seq) == (2, 2)


async def test_a_late_signal_of_a_mark_keeps_no_mark_from_being_told(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM, after=Seq(9))
    pipe.says(joined((await pipe.heard(wire.Join)).ref, 9))
    await room.ready()
    pipe.says(wire.Signal(kind="read", room_id=ROOM, user_id=ANN, seq=Seq(12)))  # of a log that was replaced
    await turns()
    room.mark_read()
    assert ((await pipe.heard(wire.Read)).seq, room.read_seq) == (9, 12)
    pipe.breaks(1006)
    pipe = await world.reopen(HELLO)
    pipe.says(joined((await pipe.heard(wire.Join)).ref, 9))
    await room.ready()
    assert room.read_seq == 9


async def test_what_may_not_be_read_any_more_leaves_the_mark_where_it_is(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM, after=Seq(30))
    pipe.says(joined((await pipe.heard(wire.Join)).ref, 30))
    await room.ready()
    room.mark_read()
    pipe.says(wire.Reset(room_id=ROOM, reason="pruned", head=Seq(30), base=Seq(20)))
    await pipe.heard(wire.Join)
    assert room.read_seq == 30
