"""What waits for the reader of a stream is bounded, and nothing is lost by it."""

from hubbub.domain.ids import Seq
from hubbub.realtime.streams import Item, Streams
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


def seqs(items: list[Item]) -> list[int]:
    return [parse_place(item.place)[1] for item in items]
