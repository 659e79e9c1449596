"""What waits for the reader of a stream is bounded, nothing is lost by it, and its end is no error."""

import asyncio
import json

import pytest

from hubbub.domain.errors import NotFound, Unavailable
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.domain.texts import MAX_TEXT
from hubbub.domain.users import Identity
from hubbub.realtime.slices import Slices
from hubbub.realtime.streams import Item, Shared, Stream, Streams
from hubbub.wire.framing import text_frame
from hubbub.wire.limits import Limits
from hubbub.wire.position import parse_place
from tests.unit.realtime.sockets import World

PAGE = 200  # events


async def test_what_a_reader_leaves_lying_is_bounded_in_bytes_and_read_from_the_log_later(world: World) -> None:
    room_id, streams = await world.found(world.ann), streams_of(world, outbox_bytes=40_000)
    stream = await follow(world, streams, world.ann, room_id, after=2)
    await world.post(world.ann, room_id, *["x" * 3_000] * 5)
    await world.settle()
    waiting = await stream.read(quiet=0) or []
    assert seqs(waiting) == [3, 4, 5]
    assert sum(len(item.json) for item in waiting) <= 10_000
    rest = await stream.read(quiet=0) or []
    assert seqs(rest) == [6, 7]
    await world.post(world.ann, room_id, "live again")
    await world.settle()
    assert seqs(await stream.read(quiet=0) or []) == [8]
    streams.close(stream)


async def test_what_a_reader_has_taken_is_room_for_what_comes(world: World) -> None:
    room_id, streams = await world.found(world.ann), streams_of(world, outbox_bytes=40_000)
    stream = await follow(world, streams, world.ann, room_id, after=2)
    for seq in range(3, 9):
        await world.post(world.ann, room_id, "x" * 5_000)
        await world.settle()
        assert world.hub.listens(room_id), "it has not fallen behind"
        assert seqs(await stream.read(quiet=0) or []) == [seq]
    streams.close(stream)


async def test_what_waits_for_a_hundred_readers_is_in_memory_once(world: World) -> None:
    room_id, streams = await world.found(world.ann, world.bob), streams_of(world)
    stuck = [
        await streams.open(identity, room_id, Seq(3), None)
        for identity in (await signed_in(world, world.ann), await signed_in(world, world.bob))
        for _ in range(50)
    ]
    await world.post(world.ann, room_id, "x" * 9_000, "y" * 9_000)
    await world.settle()
    waiting = [(await stream.read(quiet=0) or []) + (await stream.read(quiet=0) or []) for stream in stuck]
    assert [seqs(items) for items in waiting] == [[4, 5]] * 100
    held = {id(item.json): len(item.json) for items in waiting for item in items}
    assert sum(held.values()) == sum(len(item.json) for item in waiting[0])
    for stream in stuck:
        streams.close(stream)


def test_an_event_has_the_place_of_the_log_that_its_reader_follows(world: World) -> None:
    shared, frame = Shared(world.gateway.turns), text_frame(b'{"type":"event"}')
    items = [shared.item(place, frame) for place in ("a:3", "a:3", "b:3")]
    assert [(item.place, item.json) for item in items] == [
        (place, b'{"type":"event"}') for place in ("a:3", "a:3", "b:3")
    ]
    assert items[0] is items[1]


async def test_a_reader_is_given_a_portion_at_a_time_whether_live_or_from_the_log(world: World) -> None:
    room_id, streams = await world.found(world.ann), streams_of(world)
    texts = [letter * 5_000 for letter in "abcdefgh"]
    live = await follow(world, streams, world.ann, room_id, after=2)
    await world.post(world.ann, room_id, *texts, "z" * MAX_TEXT)
    await world.settle()
    late = await follow(world, streams, world.ann, room_id, after=2)
    for stream in (live, late):
        portions = [await stream.read(quiet=0) or [] for _ in range(4)]
        assert [seqs(items) for items in portions] == [[3, 4, 5], [6, 7, 8], [9, 10], [11]]
        streams.close(stream)


async def test_many_readers_that_go_on_together_leave_the_loop_to_others_in_between(world: World) -> None:
    room_id, streams = await world.found(world.ann), streams_of(world)
    identity = await signed_in(world, world.ann)
    stuck = [await streams.open(identity, room_id, Seq(2), None) for _ in range(90)]
    await world.post(world.ann, room_id, "for all of them")
    await world.settle()
    reads = [asyncio.ensure_future(stream.read(quiet=0)) for stream in stuck]
    most = before = 0
    while before < len(reads):
        await asyncio.sleep(0)
        done = sum(read.done() for read in reads)
        most, before = max(most, done - before), done
    assert 0 < most <= Slices.SLICE
    assert all(seqs(read.result() or []) == [3] for read in reads)
    for stream in stuck:
        streams.close(stream)


async def test_a_stream_whose_session_ends_while_the_log_is_read_ends_without_what_was_read(world: World) -> None:
    room_id, streams = await long_room(world), streams_of(world)
    stream = await follow(world, streams, world.bob, room_id)
    await taken(stream, PAGE)
    world.store.hold()
    reading = asyncio.ensure_future(stream.read(quiet=0))
    await world.settle(20)
    stream.session_ended()
    world.store.release()
    assert await reading is None
    assert not world.hub.listens(room_id)
    streams.close(stream)


async def test_who_is_removed_while_they_catch_up_is_told_so_and_the_stream_ends(world: World) -> None:
    room_id, streams = await long_room(world), streams_of(world)
    stream = await follow(world, streams, world.bob, room_id)
    first = await taken(stream, PAGE)
    await world.chat.rooms.remove_member(world.ann, room_id, world.bob)
    (reset,) = await stream.read(quiet=0) or []
    assert json.loads(reset.json) == {"type": "reset", "room_id": room_id, "reason": "forbidden"}
    assert (reset.kind, reset.place) == ("reset", first[-1].place)
    assert await stream.read(quiet=0) is None
    streams.close(stream)


async def test_a_stream_ends_where_the_log_cannot_be_read_for_the_reader_to_come_back(world: World) -> None:
    room_id, streams = await long_room(world), streams_of(world)
    stream = await follow(world, streams, world.bob, room_id)
    first = await taken(stream, PAGE)
    world.store.defect = Unavailable("not now")
    assert await stream.read(quiet=0) is None
    with pytest.raises(Unavailable):
        await follow(world, streams, world.bob, room_id)
    world.store.defect = None
    streams.close(stream)
    stream = await follow(world, streams, world.bob, room_id, after=seqs(first)[-1])
    assert seqs(await taken(stream, 213)) == [*range(201, 214)]
    streams.close(stream)


async def test_nothing_is_kept_for_a_stream_that_has_ended_and_is_still_being_read(world: World) -> None:
    room_id, streams = await long_room(world), streams_of(world)
    removed = await follow(world, streams, world.bob, room_id)
    await taken(removed, PAGE)
    await world.chat.rooms.remove_member(world.ann, room_id, world.bob)
    assert await removed.read(quiet=0)
    unlucky = await follow(world, streams, world.ann, room_id)
    await taken(unlucky, PAGE)
    world.store.defect = Unavailable("not now")
    assert await unlucky.read(quiet=0) is None
    world.store.defect = None
    assert not world.hub.listens(room_id)
    for stream in (removed, unlucky):
        streams.close(stream)


async def test_what_happens_after_the_end_of_a_session_is_not_in_its_stream(world: World) -> None:
    room_id, streams = await world.found(world.ann), streams_of(world)
    grant = await world.sign_in(world.ann)
    identity = await world.chat.accounts.authenticate(grant.access_token)
    stream = await streams.open(identity, room_id, Seq(2), None)
    await world.post(world.ann, room_id, "before")
    await world.settle()
    await world.chat.accounts.logout(identity)
    await world.post(world.ann, room_id, "after")
    await world.settle()
    assert seqs(await stream.read(quiet=0) or []) == [3]
    assert await stream.read(quiet=0) is None
    streams.close(stream)


async def test_who_may_not_read_a_room_gets_no_stream(world: World) -> None:
    room_id, streams = await world.found(world.ann), streams_of(world)
    with pytest.raises(NotFound):
        await follow(world, streams, world.bob, room_id)
    assert world.hub.everybody() == []


async def test_once_the_server_stops_streams_end_and_none_is_opened(world: World) -> None:
    room_id, streams = await world.found(world.ann), streams_of(world)
    stream = await follow(world, streams, world.ann, room_id, after=2)
    streams.end_all()
    assert await stream.read(quiet=0) is None
    with pytest.raises(Unavailable, match="stopping"):
        await follow(world, streams, world.ann, room_id)
    streams.close(stream)
    assert world.hub.everybody() == []


async def long_room(world: World) -> RoomId:
    """A room of Ann and Bob, whose log has 213 events: more than a page."""
    room_id = await world.found(world.ann, world.bob)
    await world.post(world.ann, room_id, *map(str, range(210)))
    return room_id


def streams_of(world: World, **limits: int) -> Streams:
    return Streams(world.chat, world.hub, Limits(**limits), world.gateway.turns)


async def follow(world: World, streams: Streams, user_id: UserId, room_id: RoomId, after: int = 0) -> Stream:
    return await streams.open(await signed_in(world, user_id), room_id, Seq(after), None)


async def signed_in(world: World, user_id: UserId) -> Identity:
    return await world.chat.accounts.authenticate((await world.sign_in(user_id)).access_token)


async def taken(stream: Stream, upto: int) -> list[Item]:
    """All items up to this seq."""
    items: list[Item] = []
    while not items or seqs(items)[-1] < upto:
        items += await stream.read(quiet=0) or []
    return items


def seqs(items: list[Item]) -> list[int]:
    return [parse_place(item.place)[1] for item in items]
