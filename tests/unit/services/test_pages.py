"""Pages: how much is read for them, and how much of that they hold."""

from collections.abc import Sequence

import pytest

from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.messages import Message
from hubbub.services.pages import PAGE_BYTES, PORTION, portions, within
from tests.unit.services.chats import ANN, Chats


def said(seq: int, text: str = "") -> Message:
    return Message(RoomId(1), Seq(seq), UserId(1), Millis(0), text)


class Log:
    """Messages from 1 on, and how many of them each read has asked for."""

    def __init__(self, length: int, text: str = "") -> None:
        self.messages = [said(seq, text) for seq in range(1, length + 1)]
        self.asked: list[int] = []

    def read(self, last: Message | None, count: int) -> Sequence[Message]:
        self.asked.append(count)
        start = 0 if last is None else last.seq
        return self.messages[start : start + count]


@pytest.mark.parametrize(
    ("length", "limit", "asked"),
    [
        (0, 9, [9]),
        (9, 5, [5]),
        (5, 9, [9]),
        (PORTION, PORTION, [PORTION]),
        (PORTION, PORTION + 1, [PORTION, 1]),
        (3 * PORTION, 2 * PORTION + 7, [PORTION, PORTION, 7]),
        (PORTION + 3, 200, [PORTION, PORTION]),
    ],
)
def test_portions_are_read_until_there_are_enough_or_no_more(length: int, limit: int, asked: list[int]) -> None:
    log = Log(length)
    assert list(portions(log.read, limit)) == log.messages[:limit]
    assert log.asked == asked


def test_a_page_that_is_full_reads_no_further_portion() -> None:
    log = Log(4 * PORTION, "x" * 100)
    assert within(portions(log.read, 4 * PORTION), 100 * PORTION // 2) == log.messages[: PORTION // 2]
    assert log.asked == [PORTION]


def test_a_page_has_at_least_one_item_however_long() -> None:
    assert within([said(1, "é" * 50), said(2)], 99) == [said(1, "é" * 50)]
    assert within([said(1, "é" * 50), said(2, "x"), said(3)], 100) == [said(1, "é" * 50)]
    assert within([], 99) == []


def test_a_page_is_never_longer_than_a_page() -> None:
    half = said(1, "x" * (PAGE_BYTES // 2))
    assert within([half] * 3, 16 * PAGE_BYTES) == within([half] * 3) == [half] * 2


async def test_a_page_of_several_portions_has_no_hole(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN)
    count = 2 * PORTION + 10
    for number in range(count):
        await any_chats.say(ANN, room_id, f"{number}")
    head, logs, page = count + 2, any_chats.logs, any_chats.messages.page

    def seqs(messages: Sequence[Message]) -> list[int]:
        return [message.seq for message in messages]

    assert seqs((await page(ANN, room_id, limit=200)).items) == [*range(head, 2, -1)]
    assert seqs((await page(ANN, room_id, before=Seq(head), limit=PORTION + 9)).items) == [
        *range(head - 1, head - PORTION - 10, -1)
    ]
    assert seqs((await page(ANN, room_id, after=Seq(5), limit=PORTION + 9)).items) == [*range(PORTION + 14, 5, -1)]
    assert seqs((await page(ANN, room_id, around=Seq(60), limit=200)).items) == [*range(head, 2, -1)]
    assert [event.seq for event in (await logs.events(ANN, room_id, after=Seq(0))).items] == [*range(1, head + 1)]
    assert [event.seq for event in await logs.range(room_id, Seq(4), Seq(90))] == [*range(5, 91)]
