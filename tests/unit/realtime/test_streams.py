"""What waits for the reader of a stream is bounded, nothing is lost by it, and its end is no error."""

import json

import pytest

from hubbub.domain.errors import NotFound, Unavailable
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.realtime.streams import Item, Stream, Streams
from hubbub.wire.limits import Limits
from hubbub.wire.position import parse_place
from tests.unit.realtime.sockets import World


async def test_what_a_reader_leaves_lying_is_bounded_in_bytes_and_read_from_the_log_later(world: World) -> None:
    room_id = await world.found(world.ann)
    identity = await world.chat.accounts.authenticate((await world.sign_in(world.ann)).access_token)
    streams = Streams(world.chat, world.hub, Limits(outbox_bytes=10_000))
    stream, first = await streams.open(identity, room_id, Seq(2), None)
    assert first == []
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


async def test_who_is_removed_while_they_catch_up_is_told_so_and_the_stream_ends(world: World) -> None:
    room_id, streams = await long_room(world), streams_of(world)
    stream, first = await follow(world, streams, world.bob, room_id)
    await world.chat.rooms.remove_member(world.ann, room_id, world.bob)
    (reset,) = await stream.read(quiet=0) or []
    assert json.loads(reset.json) == {"type": "reset", "room_id": room_id, "reason": "forbidden"}
    assert (reset.kind, reset.place) == ("reset", first[-1].place)
    assert await stream.read(quiet=0) is None
    streams.close(stream)


async def test_a_stream_ends_where_the_log_cannot_be_read_for_the_reader_to_come_back(world: World) -> None:
    room_id, streams = await long_room(world), streams_of(world)
    stream, first = await follow(world, streams, world.bob, room_id)
    world.store.defect = Unavailable("not now")
    assert await stream.read(quiet=0) is None
    with pytest.raises(Unavailable):
        await follow(world, streams, world.bob, room_id)
    world.store.defect = None
    streams.close(stream)
    stream, rest = await follow(world, streams, world.bob, room_id, after=seqs(first)[-1])
    assert seqs(rest)[0] == seqs(first)[-1] + 1
    streams.close(stream)


async def test_nothing_is_kept_for_a_stream_that_has_ended_and_is_still_being_read(world: World) -> None:
    room_id, streams = await long_room(world), streams_of(world)
    removed, _ = await follow(world, streams, world.bob, room_id)
    await world.chat.rooms.remove_member(world.ann, room_id, world.bob)
    assert await removed.read(quiet=0)
    unlucky, _ = await follow(world, streams, world.ann, room_id)
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
    stream, _ = await streams.open(identity, room_id, Seq(2), None)
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
    stream, _ = await follow(world, streams, world.ann, room_id)
    streams.end_all()
    assert await stream.read(quiet=0) is None
    with pytest.raises(Unavailable, match="stopping"):
        await follow(world, streams, world.ann, room_id)
    streams.close(stream)
    assert world.hub.everybody() == []


async def long_room(world: World) -> RoomId:
    """A room of Ann and Bob, whose log is longer than a page."""
    room_id = await world.found(world.ann, world.bob)
    await world.post(world.ann, room_id, *map(str, range(210)))
    return room_id


def streams_of(world: World) -> Streams:
    return Streams(world.chat, world.hub, Limits())


async def follow(
    world: World, streams: Streams, user_id: UserId, room_id: RoomId, after: int = 0
) -> tuple[Stream, list[Item]]:
    identity = await world.chat.accounts.authenticate((await world.sign_in(user_id)).access_token)
    return await streams.open(identity, room_id, Seq(after), None)


def seqs(items: list[Item]) -> list[int]:
    return [parse_place(item.place)[1] for item in items]
