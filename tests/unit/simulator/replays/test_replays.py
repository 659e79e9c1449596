import asyncio
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from rich.console import Console

from hubbub.domain.errors import Unavailable
from hubbub.domain.events import MessagePosted
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.services.changes import Draft
from hubbub.services.journal import Journal
from hubbub.services.logs import Logs
from hubbub.services.messages import Messages
from hubbub.services.ports import Store, Tx
from hubbub.services.rooms import Rooms
from hubbub.simulator.audience import Nobody
from hubbub.simulator.logs import read_log
from hubbub.simulator.replays.reports import run
from hubbub.stores.memory import MemoryStore
from hubbub.stores.sql import SqlStore
from tests.clocks import ManualClock

T = TypeVar("T")

AT = "2026-11-22T09:00:00Z"
CHANNEL = RoomId(1)
REPLAY = UserId(1)  # the owner of the channel


def line(kind: str, nick: str, text: str | None = None) -> str:
    return json.dumps({"at": AT, "kind": kind, "user": nick} | ({} if text is None else {"text": text}))


def talk(lines: int) -> list[str]:
    """People who come, talk and go, in every order that there is."""
    kinds = ["join", "message", "message", "leave", "message"]
    return [
        line(kind, f"nick{n % 7}", f"text {n}" if kind == "message" else None)
        for n in range(lines)
        for kind in [kinds[n % 5]]
    ]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[list[str]], Path]:
    def write(lines: list[str]) -> Path:
        file = tmp_path / "talk.jsonl"
        file.write_text("".join(f"{text}\n" for text in lines), encoding="utf-8")
        return file

    return write


@pytest.fixture(params=["memory", "sql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    store: Store = MemoryStore() if request.param == "memory" else SqlStore.open(f"sqlite:///{tmp_path}/talk.db")
    return store


async def replay(store: Store, file: Path, *, channel: str = "talk", strict: bool = False) -> tuple[int, list[str]]:
    """The exit code and what was said, less the time that it took."""
    target = io.StringIO()
    console = Console(file=target, highlight=False, markup=False, soft_wrap=True)
    code = await run(store, file, console, channel=channel, strict=strict)
    return code, [text for text in target.getvalue().splitlines() if not text.startswith("seconds")]


async def texts(store: Store) -> list[str]:
    log = await store.read(lambda tx: tx.log.after(CHANNEL, Seq(0), limit=1000))
    return [event.message.text for event in log if isinstance(event, MessagePosted)]


def rooms_and_messages(store: Store) -> tuple[Rooms, Messages, Journal]:
    journal = Journal(store, ManualClock(), Nobody())
    return Rooms(store, journal), Messages(store, journal), journal


async def test_everything_is_in_the_channel_afterwards(store: Store, write: Callable[[list[str]], Path]) -> None:
    file = write(
        [
            line("join", "ann"),
            line("message", "ann", "Is anybody here?"),
            line("message", "|ben|", "Me. \x07"),
            line("leave", "|ben|"),
            line("leave", "cleo"),
            "hello",
        ]
    )

    code, said = await replay(store, file)

    assert code == 0
    assert said == [
        "talk.jsonl:6: not JSON",
        "users                 3",
        "messages              2  1 with control characters, made visible",
        "joins                 2  1 by speaking",
        "leaves                1",
        "there before          0  events",
        "added now             5  events",
        "skipped               2  lines",
        "  1 x left, but was not there (first: line 5)",
        "  1 x not JSON (first: line 6)",
        "The log is 1..7 without a hole, and every message as it was sent.",
    ]
    assert await texts(store) == ["Is anybody here?", "Me. \u2407"]
    await store.close()


async def test_nobody_overtakes_anybody_however_many_lines_wait(write: Callable[[list[str]], Path]) -> None:
    store = MemoryStore()
    lines = [line("join", nick) for nick in ("ann", "ben")]
    lines += [line("message", "ann", "x" * 5000) for _ in range(2500)] + [line("message", "ben", "over?")]
    code, said = await replay(store, write(lines))
    assert code == 0, said
    room = (await store.read(lambda tx: tx.rooms.load([CHANNEL])))[CHANNEL]
    (last,) = await store.read(lambda tx: tx.log.after(CHANNEL, Seq(room.head - 1), limit=2))
    assert isinstance(last, MessagePosted)
    assert last.message.text == "over?"


async def test_a_second_run_adds_nothing(store: Store, write: Callable[[list[str]], Path]) -> None:
    file = write(talk(300))
    first, _ = await replay(store, file)
    head = await Logs(store).heads([CHANNEL])

    second, said = await replay(store, file)

    assert (first, second) == (0, 0)
    assert "added now             0  events" in said
    assert await Logs(store).heads([CHANNEL]) == head
    assert await store.read(lambda tx: len(tx.users.search("", after=None, limit=200))) == 8
    await store.close()


class FailingStore(MemoryStore):
    """Stops working after some writes, the last of which it does without saying so."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self._writes = writes

    async def write(self, fn: Callable[[Tx], T]) -> T:
        self._writes -= 1
        if self._writes < 0:
            raise Unavailable("the disk is full")
        result = await super().write(fn)
        if self._writes == 0:
            raise Unavailable("the disk is full")
        return result

    def repair(self) -> None:
        self._writes = 1_000_000


@pytest.mark.parametrize("writes", range(1, 8))
async def test_a_replay_that_was_interrupted_anywhere_goes_on_there(
    writes: int, write: Callable[[list[str]], Path]
) -> None:
    store = FailingStore(writes)
    file = write(talk(6000))

    interrupted, said = await replay(store, file)
    store.repair()
    again, _ = await replay(store, file)

    whole = MemoryStore()
    await replay(whole, file)
    assert interrupted == 1
    assert said[-2:] == [
        "Stopped (unavailable): the disk is full.",
        "What was committed is safe. Started again, the replay goes on from there.",
    ]
    assert again == 0
    assert await log_in_short(store) == await log_in_short(whole)


async def log_in_short(store: Store) -> list[tuple[int, str, int]]:
    events = [event async for event in read_log(Logs(store), REPLAY, CHANNEL)]
    return [(event.seq, event.kind, event.user_id) for event in events]


async def test_a_replay_that_is_cancelled_says_so_and_goes_on_the_next_time(
    write: Callable[[list[str]], Path],
) -> None:
    class CancellingStore(MemoryStore):
        writes = 0

        async def write(self, fn: Callable[[Tx], T]) -> T:
            self.writes += 1
            if self.writes == 5:
                task.cancel()
            return await super().write(fn)

    target = io.StringIO()
    store, file = CancellingStore(), write(talk(6000))
    task = asyncio.create_task(run(store, file, Console(file=target), channel="talk", strict=False))

    with pytest.raises(asyncio.CancelledError):
        await task

    assert target.getvalue().startswith("Interrupted.\nWhat was committed is safe.")
    assert (await replay(store, file))[0] == 0


async def test_lines_that_were_added_to_the_transcript_are_added_to_the_channel(
    write: Callable[[list[str]], Path],
) -> None:
    store = MemoryStore()
    await replay(store, write(talk(50)))

    code, said = await replay(store, write(talk(60)))

    assert code == 0
    (added,) = [text for text in said if text.startswith("added now")]
    assert added != "added now             0  events"
    assert (await texts(store))[-1] == "text 59"


async def test_what_others_do_in_the_channel_is_left_alone(write: Callable[[list[str]], Path]) -> None:
    store = MemoryStore()
    await replay(store, write(talk(50)))
    _, messages, journal = rooms_and_messages(store)
    posted = await messages.post(REPLAY, CHANNEL, Draft("Interesting!"))
    log = await store.read(lambda tx: tx.log.after(CHANNEL, Seq(0), limit=50))
    await messages.delete(REPLAY, CHANNEL, next(event.seq for event in log if isinstance(event, MessagePosted)))
    await journal.close()

    code, said = await replay(store, write(talk(60)))

    assert code == 0
    assert said[-1].endswith("without a hole, and every message as it was sent.")
    assert "Interesting!" in await texts(store)
    assert posted.message.text == "Interesting!"


async def test_two_channels_can_hold_the_same_transcript(write: Callable[[list[str]], Path]) -> None:
    store = MemoryStore()
    file = write(talk(20))

    assert (await replay(store, file))[0] == 0
    assert (await replay(store, file, channel="other"))[0] == 0

    channels = await store.read(lambda tx: tx.rooms.channels("", after=RoomId(0), limit=10))
    assert [channel.name for channel in channels] == ["talk", "other"]


async def test_another_transcript_does_not_go_into_the_same_channel(write: Callable[[list[str]], Path]) -> None:
    store = MemoryStore()
    await replay(store, write([line("message", "ann", "one")]))

    code, said = await replay(store, write([line("message", "ann", "two")]))

    assert code == 1
    assert said == [
        "The channel talk holds another transcript: what it has of line 1 differs.",
        "Choose another channel with --channel.",
    ]
    assert await texts(store) == ["one"]


async def test_a_step_that_the_chat_refuses_is_reported_and_fails_the_check(
    write: Callable[[list[str]], Path],
) -> None:
    store = MemoryStore()
    await replay(store, write([line("message", "ann", "one")]))
    rooms, _, journal = rooms_and_messages(store)
    ann = await store.read(lambda tx: tx.users.find("ann"))
    assert ann is not None
    await rooms.remove_member(REPLAY, CHANNEL, ann.id)
    await journal.close()

    code, said = await replay(store, write([line("message", "ann", "one"), line("message", "ann", "two")]))

    assert code == 1
    assert "  1 x forbidden: you are not a member of channel 1: join it first (first: line 2)" in said
    assert said[-1] == "The log, 1..5, is NOT what was sent: 0 holes, 1 events lost, 0 messages changed."


async def test_a_strict_replay_does_nothing_when_a_line_is_malformed(write: Callable[[list[str]], Path]) -> None:
    store = MemoryStore()

    code, said = await replay(store, write([line("join", "ann"), *["hello"] * 25]), strict=True)

    assert code == 2
    assert len(said) == 21
    assert said[0] == "talk.jsonl:2: not JSON"
    assert said[-1] == "talk.jsonl: 5 more malformed lines"
    assert await store.read(lambda tx: tx.users.search("", after=None, limit=1)) == []


@pytest.mark.parametrize("lines", [["hello"] * 3, [], ["", " "], [line("leave", "ann")]])
async def test_a_transcript_of_which_nothing_comes_makes_no_channel(
    write: Callable[[list[str]], Path], lines: list[str]
) -> None:
    store = MemoryStore()

    code, said = await replay(store, write(lines))

    assert code == 2
    assert said[-1] == "There is nothing in talk.jsonl that could be replayed."
    assert await store.read(lambda tx: tx.users.search("", after=None, limit=1)) == []


async def test_a_channel_that_can_not_be_named_so_is_refused(write: Callable[[list[str]], Path]) -> None:
    code, said = await replay(MemoryStore(), write(talk(5)), channel=" ")

    assert code == 1
    assert said[0] == "Stopped (invalid): name must not begin or end with white space."


async def test_on_a_terminal_there_is_a_bar_and_no_lines_of_progress(write: Callable[[list[str]], Path]) -> None:
    target = io.StringIO()
    console = Console(file=target, force_terminal=True, highlight=False, soft_wrap=True)

    assert await run(MemoryStore(), write(talk(50)), console, channel="talk", strict=False) == 0

    assert "Replaying" in target.getvalue()


async def test_elsewhere_there_is_a_line_now_and_then(write: Callable[[list[str]], Path]) -> None:
    _, said = await replay(MemoryStore(), write([line("message", "ann", f"text {n}") for n in range(10_500)]))

    assert said[0] == "10,000 of 10,501"


@pytest.mark.skipif("HUBBUB_TRANSCRIPT" not in os.environ, reason="HUBBUB_TRANSCRIPT names no transcript")
async def test_a_real_transcript_is_in_the_channel_afterwards(store: Store) -> None:
    file = Path(os.environ["HUBBUB_TRANSCRIPT"])

    assert (await replay(store, file))[0] == 0
    code, said = await replay(store, file)

    assert code == 0
    assert "added now             0  events" in said
    await store.close()
