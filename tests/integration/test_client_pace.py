"""The SDK where its user does too much at once, over several sockets and HTTP."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from hubbub.client import connect, register
from hubbub.client.outbox import Outbox
from hubbub.domain.errors import ChatError, RateLimited
from tests.integration.servers import PASSWORD, PATIENCE, serving, settings_in

EACH = 80


def short() -> float:
    """Which part of the longest delay is waited."""
    return 0.1


async def test_three_programs_of_a_user_who_is_too_fast_lose_double_and_reorder_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals: list[str] = []
    refused = Outbox.refused

    def counted(outbox: Outbox, ref: int, error: ChatError, now: float) -> bool:
        assert isinstance(error, RateLimited)
        refusals.append(str(error))
        return refused(outbox, ref, error, now)

    monkeypatch.setattr(Outbox, "refused", counted)
    settings = settings_in(tmp_path, frame_rate=0, request_rate=100, request_burst=40)
    async with serving(settings) as live, AsyncExitStack() as stack:
        await register(live.url, "ann", "ann@example.org", PASSWORD)
        programs = [
            await stack.enter_async_context(
                connect(live.url, username="ann", password=PASSWORD, patience=PATIENCE, random=short)
            )
            for _ in range(3)
        ]
        room_id = (await programs[0].api.create_room("Garden")).id
        rooms = [chat.room(room_id, after=0) for chat in programs]
        said = [
            [asyncio.create_task(room.send(f"{name} {number}")) for number in range(EACH)]
            for name, room in zip("abc", rooms, strict=True)
        ]
        await asyncio.gather(*(programs[0].api.me() for _ in range(20)))
        answers = [await asyncio.gather(*tasks) for tasks in said]
        for room in rooms:
            await room.ready()
        for name, messages in zip("abc", answers, strict=True):
            assert [message.text for message in messages] == [f"{name} {number}" for number in range(EACH)]
            assert [message.seq for message in messages] == sorted(message.seq for message in messages)
        assert {message.seq for messages in answers for message in messages} == set(range(3, 3 + 3 * EACH))
        assert rooms[0].state.head == 2 + 3 * EACH
    assert {"too many requests: slow down", "too many changes: first what was refused"} <= set(refusals)
