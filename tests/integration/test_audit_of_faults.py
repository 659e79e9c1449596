"""Servers that acknowledge what they do not do: the audit of a running server finds each of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hubbub.audit.live import audit_server
from hubbub.audit.plans import Plan
from hubbub.domain.events import Event, MessageDeleted, MessageEdited, MessagePosted
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.rooms import ChatRoom
from hubbub.services.journal import _Lane
from tests.integration.servers import serving, settings_in
from tests.unit.audit.databases import Silent

Plant = Callable[[pytest.MonkeyPatch], None]

ENOUGH = 250  # events, among which there are some of every kind


def every_message_says_something_else(patch: pytest.MonkeyPatch) -> None:
    real = ChatRoom.post

    def post(room: ChatRoom, user_id: UserId, text: str, **options: Any) -> MessagePosted:
        return real(room, user_id, text.upper(), **options)

    patch.setattr(ChatRoom, "post", post)


def every_edit_says_something_else(patch: pytest.MonkeyPatch) -> None:
    real = ChatRoom.edit

    def edit(room: ChatRoom, user_id: UserId, target: Seq, text: str, *, at: Millis) -> tuple[Event, ...]:
        return real(room, user_id, target, text.upper(), at=at)

    patch.setattr(ChatRoom, "edit", edit)


def no_edit_is_made(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ChatRoom, "edit", lambda room, user_id, target, text, *, at: ())


def no_deletion_is_made(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ChatRoom, "delete", lambda room, user_id, target, *, at: ())


def every_edit_is_made_twice(patch: pytest.MonkeyPatch) -> None:
    real = ChatRoom.edit

    def edit(room: ChatRoom, user_id: UserId, target: Seq, text: str, *, at: Millis) -> tuple[Event, ...]:
        return _twice(real(room, user_id, target, text, at=at))

    patch.setattr(ChatRoom, "edit", edit)


def every_deletion_is_made_twice(patch: pytest.MonkeyPatch) -> None:
    real = ChatRoom.delete

    def delete(room: ChatRoom, user_id: UserId, target: Seq, *, at: Millis) -> tuple[Event, ...]:
        return _twice(real(room, user_id, target, at=at))

    patch.setattr(ChatRoom, "delete", delete)


def _twice(events: tuple[Event, ...]) -> tuple[Event, ...]:
    changes = [event for event in events if isinstance(event, MessageEdited | MessageDeleted)]
    return (*changes, *(replace(change, seq=Seq(change.seq + 1)) for change in changes))


def what_comes_at_once_is_committed_backwards(patch: pytest.MonkeyPatch) -> None:
    real = _Lane._commit

    async def commit(lane: _Lane, batch: list[Any]) -> None:
        await real(lane, batch[::-1])

    patch.setattr(_Lane, "_commit", commit)


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (every_message_says_something_else, "altered"),
        (every_edit_says_something_else, "altered"),
        (no_edit_is_made, "lost"),
        (no_deletion_is_made, "lost"),
        (every_edit_is_made_twice, "doubled"),
        (every_deletion_is_made_twice, "doubled"),
        (what_comes_at_once_is_committed_backwards, "reordered"),
    ],
    ids=lambda value: value.__name__ if callable(value) else value,
)
async def test_a_server_that_does_something_else_than_it_acknowledges_is_found(
    plant: Plant, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    async with serving(settings_in(tmp_path, frame_rate=0)) as live:

        async def much_is_said() -> None:
            room_id, head = RoomId(1), 0
            while head < ENOUGH:
                head = (await live.server.chat.logs.heads([room_id])).get(room_id, 0)

        plan = Plan(urls=(live.url,), clients=2, rooms=1, seconds=0.5, rate=1000)
        report = await audit_server(plan, Silent(), much_is_said)
    assert report.acknowledged > 50
    assert set(report.findings.counts) == {kind}, report.findings.shown
