"""What waits for the reader of a stream is bounded, and nothing is lost by it."""

from hubbub.domain.ids import Seq
from hubbub.realtime.streams import Streams
from hubbub.wire.limits import Limits
from tests.unit.realtime.sockets import World


async def test_what_a_reader_leaves_lying_is_bounded_in_bytes_and_read_from_the_log_later(world: World) -> None:
    room_id = await world.found(world.ann)
    identity = await world.chat.accounts.authenticate((await world.sign_in(world.ann)).access_token)
    streams = Streams(world.chat, world.hub, Limits(outbox_bytes=10_000))
    stream, first = await streams.open(identity, room_id, Seq(2))
    assert first == []
    await world.post(world.ann, room_id, *["x" * 3_000] * 5)
    await world.settle()
    waiting = await stream.read(quiet=0) or []
    assert [item.seq for item in waiting] == [3, 4, 5]
    assert sum(len(item.json) for item in waiting) <= 10_000
    rest = await stream.read(quiet=0) or []
    assert [item.seq for item in rest] == [6, 7]
    await world.post(world.ann, room_id, "live again")
    await world.settle()
    assert [item.seq for item in await stream.read(quiet=0) or []] == [8]
    streams.close(stream)
