"""All services together, as the server opens and closes them."""

import asyncio

import pytest

from hubbub.domain.errors import Unavailable
from hubbub.domain.events import RoomKind
from hubbub.domain.ids import Seq
from hubbub.security.keys import parse_keys
from hubbub.security.passwords import Argon2Hasher
from hubbub.security.tokens import JwtTokens
from hubbub.services.changes import Draft
from hubbub.services.chat import Chat
from hubbub.stores.memory import MemoryStore
from tests.clocks import ManualClock
from tests.unit.services.chats import FailingStore, RecordingFanout, turns


async def test_a_chat_that_closes_finishes_what_was_submitted() -> None:
    store, clock = FailingStore(MemoryStore()), ManualClock()
    hasher = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
    tokens = JwtTokens(parse_keys("k" * 32), clock)
    chat = Chat(store=store, clock=clock, fanout=RecordingFanout(), hasher=hasher, tokens=tokens)
    ann = await chat.accounts.register("ann", "ann@example.org", "correct horse")
    room = await chat.rooms.create(ann.id, RoomKind.GROUP, name="garden")
    store.hold()
    posted = asyncio.ensure_future(chat.messages.post(ann.id, room.room_id, Draft("one")))
    marked = asyncio.ensure_future(chat.reads.mark(ann.id, room.room_id, Seq(2)))
    await turns()
    closing = asyncio.ensure_future(chat.close())
    await turns()
    assert not closing.done()
    store.release()
    await closing
    assert (await posted).message.seq == 3
    assert await marked == 2
    with pytest.raises(Unavailable):
        await chat.messages.post(ann.id, room.room_id, Draft("two"))
    assert (await chat.messages.get(ann.id, room.room_id, Seq(3))).text == "one"
    await hasher.close()
    await store.close()
