"""A relay passes on what it gets, in turn, and keeps it while it is cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from tools.relays import HOST, Relay


@asynccontextmanager
async def saying(word: bytes) -> AsyncIterator[int]:
    """A server that repeats each line with this word before it; its port."""

    ended: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(asyncio.Event())
        end = ended[-1]
        with suppress(OSError):
            while line := await reader.readline():
                writer.write(word + line)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        end.set()

    server = await asyncio.start_server(serve, HOST, 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for end in ended:
        await end.wait()
    await server.wait_closed()


@asynccontextmanager
async def relaying(*targets: int) -> AsyncIterator[Relay]:
    relay = Relay(targets)
    await relay.start()
    try:
        yield relay
    finally:
        await relay.close()


@asynccontextmanager
async def connected(relay: Relay) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(HOST, relay.port)
    yield reader, writer
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def asked(relay: Relay) -> bytes:
    """What comes back through a connection of one's own."""
    async with connected(relay) as (reader, writer):
        writer.write(b"x\n")
        return await reader.readline()


async def test_connections_go_to_each_target_in_its_turn_but_for_those_that_do_not_take_them() -> None:
    async with AsyncExitStack() as stack:
        one, two = [await stack.enter_async_context(saying(word)) for word in (b"1", b"2")]
        async with saying(b"gone") as gone:
            pass
        relay = await stack.enter_async_context(relaying(one, gone, two))
        assert [await asked(relay) for _ in range(4)] == [b"1x\n", b"2x\n", b"1x\n", b"2x\n"]


async def test_nobody_there_ends_the_connection() -> None:
    async with saying(b"gone") as gone:
        pass
    async with relaying(gone) as relay:
        assert await asked(relay) == b""


async def test_what_comes_while_it_is_cut_comes_through_when_it_is_mended() -> None:
    async with saying(b"1") as one, relaying(one) as relay, connected(relay) as (reader, writer):
        writer.write(b"a\n")
        assert await reader.readline() == b"1a\n"
        relay.cut()
        writer.write(b"b\n")
        late = asyncio.create_task(asked(relay))
        answer = asyncio.create_task(reader.readline())
        async with relaying(one) as another:  # goes to the same target, and back
            await asked(another)
        assert not answer.done()
        assert not late.done()
        relay.mend()
        assert (await answer, await late) == (b"1b\n", b"1x\n")


async def test_the_end_of_one_side_is_the_end_of_the_other() -> None:
    async with saying(b"1") as one, relaying(one) as relay, connected(relay) as (reader, writer):
        writer.write(b"a\n")
        writer.write_eof()
        assert await reader.read() == b"1a\n"


async def test_closing_ends_connections_that_wait() -> None:
    async with saying(b"1") as one:
        relay = Relay([one])
        await relay.start()
        async with connected(relay) as (reader, _):
            await relay.close()
            assert await reader.readline() == b""
