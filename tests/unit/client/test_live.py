"""The shell: what a program sees while sockets come and go."""

import asyncio
from functools import partial

import pytest

from hubbub.client.errors import Closed, NotUnderstood, Unreachable
from hubbub.client.ports import ConnectionEnded
from hubbub.domain.errors import Forbidden, Internal, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from hubbub.domain.events import MessageDeleted, MessageEdited
from hubbub.domain.ids import Seq
from hubbub.wire import frames as wire
from hubbub.wire.times import parse_time
from tests.unit.client.pipes import World, turns
from tests.unit.client.scripted import ANN, HELLO, ROOM, event, events, joined

AT = "2026-11-22T09:00:00.000Z"


def ack(frame: wire.Send, seq: int) -> wire.Ack:
    return wire.Ack(ref=frame.ref, room_id=frame.room_id, client_id=frame.client_id, seq=Seq(seq), at=AT)


async def test_a_send_returns_the_message_as_it_was_acknowledged(world: World) -> None:
    pipe = await world.open(HELLO)
    sending = asyncio.create_task(world.live.room(ROOM).send("hi", reply_to=Seq(3)))
    frame = await pipe.heard(wire.Send)
    pipe.says(ack(frame, 7))
    message = await sending
    assert (message.room_id, message.seq, message.user_id, message.text) == (ROOM, 7, ANN, "hi")
    assert (message.client_id, message.reply_to) == ("id1", 3)


async def test_a_refusal_is_raised_where_it_was_sent(world: World) -> None:
    pipe = await world.open(HELLO)
    sending = asyncio.create_task(world.live.room(ROOM).send("hi"))
    frame = await pipe.heard(wire.Send)
    pipe.says(wire.Error(ref=frame.ref, code="forbidden", message="no", retryable=False))
    with pytest.raises(Forbidden, match="no"):
        await sending


async def test_a_text_against_the_rules_is_refused_before_it_leaves(world: World) -> None:
    await world.open(HELLO)
    with pytest.raises(Invalid):
        await world.live.room(ROOM).send(" ")


async def test_a_send_outlives_its_connection(world: World) -> None:
    pipe = await world.open(HELLO)
    sending = asyncio.create_task(world.live.room(ROOM).send("hi"))
    first = await pipe.heard(wire.Send)
    pipe.breaks(1006)
    pipe = await world.reopen(HELLO)
    again = await pipe.heard(wire.Send)
    assert (again.text, again.client_id) == (first.text, first.client_id)
    pipe.says(ack(again, 7))
    assert (await sending).seq == 7


async def test_a_send_that_is_cancelled_before_it_has_left_never_leaves(world: World) -> None:
    pipe = await world.open(HELLO)
    pipe.breaks(1006)
    await turns()
    room = world.live.room(ROOM)
    cancelled = asyncio.create_task(room.send("never mind"))
    await turns()
    cancelled.cancel()
    await turns()
    sending = asyncio.create_task(room.send("hi"))
    pipe = await world.reopen(HELLO)
    assert (await pipe.heard(wire.Send)).text == "hi"
    sending.cancel()


async def test_a_send_that_is_cancelled_later_is_repeated_until_it_is_acknowledged(world: World) -> None:
    pipe = await world.open(HELLO)
    sending = asyncio.create_task(world.live.room(ROOM).send("hi"))
    await pipe.heard(wire.Send)
    sending.cancel()
    await turns()
    pipe.breaks(1006)
    pipe = await world.reopen(HELLO)
    assert (await pipe.heard(wire.Send)).text == "hi"


async def test_closing_tells_those_who_wait(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM)
    sending = asyncio.create_task(room.send("hi"))
    reading = asyncio.create_task(anext(aiter(room)))
    await pipe.heard(wire.Send)
    await world.live.close()
    for waiting in (sending, reading):
        with pytest.raises(Closed):
            await waiting
    with pytest.raises(Closed):
        await room.send("too late")
    with pytest.raises(Closed):
        await world.live.room(ROOM).ready()
    assert pipe.closed == (1000, "")


async def test_starting_raises_when_there_is_no_server(world: World) -> None:
    world.pipes.refusals.append(OSError("refused"))
    with pytest.raises(Unreachable, match="refused"):
        await world.live.start()


@pytest.mark.parametrize(
    "answer", [RateLimited("too many attempts", retry_after=40.0), Unavailable("not now"), NotUnderstood("no problem")]
)
async def test_starting_raises_what_a_server_has_answered_that_gives_no_token(world: World, answer: Exception) -> None:
    world.keys.missing.append(answer)
    with pytest.raises(type(answer)) as caught:
        await world.live.start()
    assert caught.value is answer


async def test_starting_raises_when_the_token_is_refused(world: World) -> None:
    world.keys.error = Unauthenticated("sign in again")
    starting = asyncio.create_task(world.live.start())
    (await world.pipes.opened()).breaks(4401)
    with pytest.raises(Unauthenticated, match="sign in again"):
        await starting


async def test_a_server_that_is_away_is_tried_until_it_is_back(world: World) -> None:
    pipe = await world.open(HELLO)
    world.pipes.refusals += [OSError("refused"), ConnectionEnded(1006), Unavailable("later"), OSError()]
    pipe.breaks(1006)
    await world.reopen(HELLO)
    assert len(world.pipes.tokens) == 6


@pytest.mark.parametrize("trouble", [Unreachable("away"), Unavailable("later"), Internal("a defect")])
async def test_a_token_that_can_not_be_had_just_now_is_asked_for_again(world: World, trouble: Exception) -> None:
    pipe = await world.open(HELLO)
    world.keys.missing.append(trouble)
    pipe.breaks(1006)
    await world.reopen(HELLO)
    assert world.pipes.tokens == ["t1", "t1"]


async def test_a_token_that_will_never_be_had_again_ends_everything(world: World) -> None:
    pipe = await world.open(HELLO)
    world.keys.missing.append(Unauthenticated("sign in again"))
    signals = world.live.signals()
    pipe.breaks(1006)
    with pytest.raises(Unauthenticated, match="sign in again"):
        await anext(signals)


async def test_a_connection_that_opens_while_it_is_closed_is_closed_too(world: World) -> None:
    starting = asyncio.create_task(world.live.start())
    pipe = await world.pipes.opened()
    closing = asyncio.create_task(world.live.close())
    with pytest.raises(Closed):
        await starting
    await closing
    assert pipe.closed is None or pipe.closed[0] == 1000


async def test_a_connection_that_was_never_open_has_nobody_behind_it(world: World) -> None:
    with pytest.raises(Closed):
        _ = world.live.user_id


async def test_a_refused_token_is_renewed_and_the_next_one_used(world: World) -> None:
    pipe = await world.open(HELLO)
    pipe.breaks(4401, "the token has expired")
    await world.reopen(HELLO)
    assert world.pipes.tokens == ["t1", "t2"]


async def test_a_token_counts_for_the_socket_that_was_opened_with_it_whatever_was_renewed_meanwhile(
    world: World,
) -> None:
    world.keys.lives = {"t1": 100.0, "t2": 900.0}
    pipe = await world.open(HELLO)
    world.keys.renewable.clear()
    world.live._core._renew()
    world.live._flush()
    world.pipes.passable.clear()
    pipe.breaks(1006)
    pipe = await world.pipes.opened()
    world.keys.renewable.set()
    await turns()
    assert world.keys.current == 2
    world.pipes.passable.set()
    pipe.says(HELLO)
    await turns()
    assert world.pipes.tokens == ["t1", "t1"]
    lifetime = world.live._core._lifetime
    assert lifetime is not None
    assert lifetime <= 100.0


async def test_a_session_that_is_over_ends_everything(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM)
    reading = asyncio.create_task(anext(aiter(room)))
    signals = asyncio.create_task(anext(world.live.signals()))
    await turns()
    world.keys.error = Unauthenticated("sign in again")
    pipe.breaks(4401)
    for waiting in (reading, signals):
        with pytest.raises(Unauthenticated, match="sign in again"):
            await waiting
    assert isinstance(world.live.error, Unauthenticated)


async def test_a_room_goes_on_where_it_was_on_the_next_connection(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM, after=Seq(0))
    feed = aiter(room)
    first = await pipe.heard(wire.Join)
    pipe.says(joined(first.ref, 2, replay=(1, 2)), events(first.ref, 1, 2))
    await room.ready()
    pipe.breaks(1006)
    pipe = await world.reopen(HELLO)
    again = await pipe.heard(wire.Join)
    assert (again.after, again.epoch, room.live) == (2, "e1", False)
    pipe.says(joined(again.ref, 3, replay=(3, 3)), events(again.ref, 3, 3), event(4))
    assert [(await anext(feed)).seq for _ in range(4)] == [1, 2, 3, 4]  # type: ignore[union-attr]
    assert list(room.messages) == [1, 2, 3, 4]


async def test_a_room_that_may_not_be_read_raises_that(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM)
    join = await pipe.heard(wire.Join)
    pipe.says(wire.Error(ref=join.ref, code="not_found", message="there is no room 9", retryable=False))
    with pytest.raises(NotFound):
        await room.ready()
    with pytest.raises(NotFound):
        await anext(aiter(room))


async def test_asking_for_a_followed_room_again_gives_the_same_one(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM)
    assert world.live.room(ROOM) is room
    join = await pipe.heard(wire.Join)
    pipe.says(joined(join.ref, 0), event(1), wire.Reset(room_id=ROOM, reason="forbidden", seq=Seq(1)))
    await turns()
    assert room.ended
    with pytest.raises(Closed, match="not followed"):
        await room.ready()
    assert world.live.room(ROOM) is not room


async def test_a_loop_ends_with_the_removal(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM, after=Seq(0))
    join = await pipe.heard(wire.Join)
    pipe.says(joined(join.ref, 0), event(1), wire.Reset(room_id=ROOM, reason="forbidden", seq=Seq(1)))
    assert [event.seq async for event in room] == [1]  # type: ignore[union-attr]


async def test_an_unfollowed_room_says_so_and_its_loop_ends(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM)
    reading = asyncio.create_task(anext(aiter(room), None))
    await turns()
    room.unfollow()
    assert await reading is None
    assert (await pipe.heard(wire.Leave)).room_id == ROOM


async def test_signals_reach_every_loop_over_them(world: World) -> None:
    pipe = await world.open(HELLO)
    first, second = world.live.signals(), world.live.signals()
    signal = wire.Signal(kind="room", room_id=ROOM, seq=Seq(3), on=True)
    pipe.says(signal)
    assert [await anext(first), await anext(second)] == [signal, signal]


async def test_the_list_of_rooms_is_the_one_of_the_last_hello(world: World) -> None:
    await world.open(HELLO)
    assert world.live.rooms == []
    assert world.live.user_id == ANN


async def test_what_is_said_beside_messages_leaves_as_it_is(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM, after=Seq(0))
    join = await pipe.heard(wire.Join)
    pipe.says(joined(join.ref, 2, replay=(1, 2)), events(join.ref, 1, 2))
    await room.ready()
    room.typing(True)
    room.mark_read()
    room.mark_read(Seq(1))
    assert (await pipe.heard(wire.Typing)).on
    assert (await pipe.heard(wire.Read)).seq == 2


async def test_a_change_returns_what_happened_or_none_where_nothing_had_to(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM, after=Seq(0))
    at = parse_time(AT)
    for seq, edited in ((Seq(3), MessageEdited(ROOM, Seq(3), ANN, at, Seq(1), "better")), (None, None)):
        editing = asyncio.create_task(room.edit(Seq(1), "better"))
        frame = await pipe.heard(wire.Edit)
        pipe.says(wire.Ack(ref=frame.ref, room_id=ROOM, seq=seq, at=AT if seq else None))
        assert await editing == edited
    for seq, deleted in ((Seq(4), MessageDeleted(ROOM, Seq(4), ANN, at, Seq(1))), (None, None)):
        deleting = asyncio.create_task(room.delete(Seq(1)))
        deletion = await pipe.heard(wire.Delete)
        pipe.says(wire.Ack(ref=deletion.ref, room_id=ROOM, seq=seq, at=AT if seq else None))
        assert await deleting == deleted


async def test_an_error_that_is_raised_again_and_again_keeps_no_frames_of_the_times_before(world: World) -> None:
    await world.open(HELLO)
    room, signals = world.live.room(ROOM), world.live.signals()
    feed = aiter(room)
    await world.live.close()
    for ask in (partial(room.send, "hi"), signals.__anext__, feed.__anext__, room.ready):
        lengths = []
        for _ in range(3):
            with pytest.raises(Closed) as caught:
                await ask()
            lengths.append(len(caught.traceback))
        assert lengths == lengths[:1] * 3


async def test_a_room_is_followed_in_the_log_that_its_position_is_of(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM, after=Seq(5), epoch="e0")
    join = await pipe.heard(wire.Join)
    assert (join.after, join.epoch, room.epoch) == (5, "e0", "e0")


async def test_a_defect_of_the_transport_is_raised_where_somebody_waits(world: World) -> None:
    pipe = await world.open(HELLO)
    reading = asyncio.create_task(anext(world.live.signals()))
    await turns()
    pipe.fails(ZeroDivisionError("a defect"))
    with pytest.raises(ZeroDivisionError):
        await reading
