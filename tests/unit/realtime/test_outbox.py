"""One socket's way out: one write a turn, in order, bounded while its reader is slow, and never at another's cost."""

import asyncio
import logging
import weakref
from functools import partial

import pytest

from hubbub.domain.ids import RoomId
from hubbub.realtime.outbox import Flusher, Outbox, Parcel
from hubbub.wire.limits import Limits

ONE, TWO = RoomId(1), RoomId(2)
LIMITS = Limits(outbox_frames=4, outbox_bytes=100, inflight=2)


class Pipe:
    """Implements `Transport` and `Receiver`; remembers each write. `fills_up`: the buffer is full after the next."""

    def __init__(self, flusher: Flusher, limits: Limits = LIMITS) -> None:
        self.outbox = Outbox(self, flusher, limits)
        self.writes: list[list[bytes]] = []
        self.closed: tuple[int, str] | None = None
        self.fills_up = False
        self.breaks = False
        self.unread = 0  # bytes

    def write(self, parcel: Parcel) -> None:
        if self.breaks:
            raise RuntimeError("the transport is closed")
        self.writes.append(list(parcel.frames))
        if self.fills_up:
            self.outbox.pause(0.0)

    def waiting(self) -> int:
        return self.unread

    def close(self, code: int, reason: str) -> None:
        self.closed = code, reason

    def deliver(self, frame: bytes, room_id: RoomId) -> bool:
        return self.outbox.event(frame, room_id)

    @property
    def frames(self) -> list[bytes]:
        return [frame for frames in self.writes for frame in frames]


@pytest.fixture
def pipe() -> Pipe:
    return Pipe(Flusher())


async def test_all_of_one_turn_leaves_in_one_write_in_order(pipe: Pipe) -> None:
    pipe.outbox.answer(b"a")
    assert pipe.outbox.event(b"b", ONE)
    pipe.outbox.signal(b"c")
    pipe.outbox.answer(b"d")
    assert pipe.writes == []
    await asyncio.sleep(0)
    assert pipe.writes == [[b"a", b"b", b"c", b"d"]]
    pipe.outbox.answer(b"e")
    await asyncio.sleep(0)
    assert pipe.writes == [[b"a", b"b", b"c", b"d"], [b"e"]]


async def test_an_event_for_many_comes_behind_what_each_of_them_was_due_already() -> None:
    flusher = Flusher()
    ann, ben, cem = pipes = [Pipe(flusher) for _ in range(3)]
    ann.outbox.answer(b"a")
    assert flusher.deliver(pipes, b"1", ONE) == []
    ben.outbox.answer(b"b")
    assert flusher.deliver([ben, cem], b"2", TWO) == []
    ann.outbox.answer(b"c")
    assert flusher.deliver(pipes, b"3", ONE) == []
    await asyncio.sleep(0)
    assert [pipe.writes for pipe in pipes] == [
        [[b"a", b"1", b"c", b"3"]],
        [[b"1", b"b", b"2", b"3"]],
        [[b"1", b"2", b"3"]],
    ]


async def test_those_who_are_due_the_same_share_one_parcel() -> None:
    flusher = Flusher()
    pipes = [Pipe(flusher) for _ in range(3)]
    for frame in (b"1", b"2"):
        flusher.deliver(pipes, frame, ONE)
    parcel = pipes[0].outbox.due
    assert all(pipe.outbox.due is parcel for pipe in pipes)
    assert parcel.joined() == b"12"
    assert parcel.joined() is parcel.joined()


async def test_of_many_the_slow_ones_are_named_once_they_can_take_no_more() -> None:
    flusher = Flusher()
    slow, quick = pipes = [Pipe(flusher) for _ in range(2)]
    slow.outbox.pause(0.0)
    frames = [b"%d" % number for number in range(6)]
    assert [flusher.deliver(pipes, frame, ONE) for frame in frames] == [[], [], [], [], [slow], [slow]]
    assert slow.outbox.collapse() == [ONE]
    await asyncio.sleep(0)
    assert (slow.writes, quick.writes) == ([], [frames])


async def test_an_event_for_many_reaches_no_socket_that_is_gone() -> None:
    flusher = Flusher()
    gone, there = pipes = [Pipe(flusher) for _ in range(2)]
    flusher.deliver(pipes, b"1", ONE)
    gone.outbox.discard()
    flusher.deliver(pipes, b"2", ONE)
    await asyncio.sleep(0)
    assert (gone.writes, there.writes) == ([], [[b"1", b"2"]])


async def test_a_turn_flushes_no_more_than_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flusher, "SLICE", 2)
    flusher = Flusher()
    pipes = [Pipe(flusher) for _ in range(5)]
    for pipe in pipes:
        pipe.outbox.answer(b"a")
    flushed = []
    for _ in range(3):
        await asyncio.sleep(0)
        flushed.append(sum(len(pipe.writes) for pipe in pipes))
    assert flushed == [2, 4, 5]
    assert [pipe.frames for pipe in pipes] == [[b"a"]] * 5


async def test_a_reader_who_is_not_slow_may_be_sent_any_number_in_a_turn(pipe: Pipe) -> None:
    for _ in range(50):
        assert pipe.outbox.event(b"x" * 50, ONE)
        assert pipe.outbox.answer(b"a")
    pipe.outbox.signal(b"s")
    await asyncio.sleep(0)
    assert len(pipe.frames) == 101


async def test_nothing_is_written_while_the_reader_is_slow_and_all_of_it_after(pipe: Pipe) -> None:
    pipe.fills_up = True
    pipe.outbox.answer(b"a")
    await asyncio.sleep(0)
    pipe.outbox.answer(b"b")
    pipe.outbox.event(b"c", ONE)
    await asyncio.sleep(0)
    assert pipe.writes == [[b"a"]]
    assert pipe.outbox.paused_at == 0.0
    pipe.fills_up = False
    pipe.outbox.resume(0.0)
    await asyncio.sleep(0)
    assert pipe.writes == [[b"a"], [b"b", b"c"]]


async def test_a_reader_is_slow_since_the_first_pause(pipe: Pipe) -> None:
    pipe.outbox.pause(1.0)
    pipe.outbox.pause(2.0)
    assert pipe.outbox.paused_at == 1.0
    pipe.outbox.resume(0.0)
    pipe.outbox.pause(3.0)
    assert pipe.outbox.paused_at == 3.0


async def test_a_slow_reader_that_has_taken_something_since_the_last_look_is_not_stuck(pipe: Pipe) -> None:
    pipe.unread = 1000
    pipe.outbox.pause(1.0)
    seen = []
    for now, taken in ((2.0, 0), (3.0, 1), (4.0, 1), (5.0, 0)):
        pipe.unread -= taken
        pipe.outbox.look(now)
        seen.append(pipe.outbox.paused_at)
    assert seen == [1.0, 3.0, 4.0, 4.0]


async def test_a_reader_that_is_not_slow_is_not_looked_at(pipe: Pipe) -> None:
    pipe.outbox.pause(1.0)
    pipe.outbox.resume(2.0)
    pipe.outbox.look(3.0)
    assert (pipe.outbox.paused_at, pipe.outbox.resumed_at) == (None, 2.0)


async def test_signals_are_dropped_from_half_of_the_frames_on_and_events_refused_at_all_of_them(pipe: Pipe) -> None:
    pipe.outbox.pause(0.0)
    pipe.outbox.event(b"1", ONE)
    pipe.outbox.signal(b"2")  # below a half
    pipe.outbox.signal(b"dropped")
    pipe.outbox.event(b"3", ONE)
    assert pipe.outbox.event(b"4", ONE)
    assert not pipe.outbox.event(b"refused", ONE)
    assert pipe.outbox.answer(b"5")
    pipe.outbox.resume(0.0)
    await asyncio.sleep(0)
    assert pipe.writes == [[b"1", b"2", b"3", b"4", b"5"]]
    assert pipe.outbox.event(b"6", ONE)


async def test_the_bytes_are_limited_too(pipe: Pipe) -> None:
    pipe.outbox.pause(0.0)
    assert pipe.outbox.event(b"x" * 60, ONE)
    pipe.outbox.signal(b"dropped")
    assert pipe.outbox.event(b"y" * 60, ONE)
    assert not pipe.outbox.event(b"z", ONE)
    pipe.outbox.resume(0.0)
    await asyncio.sleep(0)
    assert pipe.writes == [[b"x" * 60, b"y" * 60]]
    pipe.outbox.pause(0.0)
    assert pipe.outbox.event(b"z", ONE)


async def test_answers_are_refused_only_beyond_what_a_client_can_have_asked_for(pipe: Pipe) -> None:
    pipe.outbox.pause(0.0)
    taken = [pipe.outbox.answer(b"%d" % number) for number in range(9)]
    assert taken == [True] * 8 + [False]
    pipe.outbox.resume(0.0)
    await asyncio.sleep(0)
    assert pipe.frames == [b"%d" % number for number in range(8)]
    assert pipe.outbox.answer(b"9")


async def test_collapsing_leaves_the_answers_and_names_the_rooms_of_what_is_dropped(pipe: Pipe) -> None:
    pipe.outbox.pause(0.0)
    pipe.outbox.event(b"two", TWO)
    pipe.outbox.answer(b"a")
    pipe.outbox.event(b"one", ONE)
    pipe.outbox.event(b"two", TWO)
    assert not pipe.outbox.event(b"full", ONE)
    assert pipe.outbox.collapse() == [TWO, ONE]
    assert pipe.outbox.collapse() == []
    assert pipe.outbox.event(b"room again", ONE)
    pipe.outbox.resume(0.0)
    await asyncio.sleep(0)
    assert pipe.writes == [[b"a", b"room again"]]


async def test_collapsing_drops_signals_without_a_word(pipe: Pipe) -> None:
    pipe.outbox.pause(0.0)
    pipe.outbox.signal(b"s")
    pipe.outbox.answer(b"a")
    assert pipe.outbox.collapse() == []
    pipe.outbox.resume(0.0)
    await asyncio.sleep(0)
    assert pipe.writes == [[b"a"]]


async def test_closing_writes_what_is_due_first_and_nothing_after(pipe: Pipe) -> None:
    pipe.outbox.answer(b"a")
    pipe.outbox.close(4403, "gone")
    assert (pipe.writes, pipe.closed) == ([[b"a"]], (4403, "gone"))
    pipe.outbox.answer(b"b")
    pipe.outbox.event(b"c", ONE)
    pipe.outbox.signal(b"d")
    pipe.outbox.resume(0.0)
    await asyncio.sleep(0)
    assert pipe.writes == [[b"a"]]


async def test_closing_does_not_wait_for_a_slow_reader(pipe: Pipe) -> None:
    pipe.outbox.pause(0.0)
    pipe.outbox.answer(b"a")
    pipe.outbox.close(4508, "slow")
    pipe.outbox.resume(0.0)
    await asyncio.sleep(0)
    assert (pipe.writes, pipe.closed) == ([], (4508, "slow"))


async def test_a_socket_that_is_gone_is_not_written_to(pipe: Pipe) -> None:
    pipe.outbox.answer(b"a")
    pipe.outbox.discard()
    pipe.outbox.answer(b"b")
    await asyncio.sleep(0)
    assert (pipe.writes, pipe.closed) == ([], None)


async def test_a_socket_that_is_gone_is_let_go_of() -> None:
    pipe = Pipe(Flusher())
    outbox, gone = pipe.outbox, weakref.ref(pipe)
    outbox.answer(b"a")
    outbox.pause(0.0)
    outbox.lost()
    del pipe
    assert gone() is None
    outbox.look(1.0)
    outbox.resume(2.0)
    outbox.flush()
    outbox.close(4508, "slow")


async def test_a_socket_that_breaks_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    flusher = Flusher()
    pipes = [Pipe(flusher) for _ in range(3)]
    pipes[1].breaks = True
    for _ in range(2):
        for pipe in pipes:
            pipe.outbox.answer(b"a")
        await asyncio.sleep(0)
    assert [pipe.writes for pipe in pipes] == [[[b"a"], [b"a"]], [], [[b"a"], [b"a"]]]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_who_has_much_to_say_waits_until_the_reader_takes_more_or_is_gone(pipe: Pipe) -> None:
    await pipe.outbox.writable()
    for end in (partial(pipe.outbox.resume, 1.0), pipe.outbox.discard):
        pipe.outbox.pause(0.0)
        waiting = asyncio.ensure_future(pipe.outbox.writable())
        await asyncio.sleep(0)
        assert not waiting.done()
        end()
        await waiting


async def test_who_waits_for_the_reader_waits_on_when_it_is_slow_again_at_once(pipe: Pipe) -> None:
    pipe.outbox.pause(0.0)
    waiting = asyncio.ensure_future(pipe.outbox.writable())
    await asyncio.sleep(0)
    pipe.outbox.resume(0.0)
    pipe.outbox.pause(1.0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    pipe.outbox.close(4508, "slow")
    await waiting


async def test_who_gives_up_waiting_leaves_the_next_one_in_peace(pipe: Pipe) -> None:
    pipe.outbox.pause(0.0)
    waiting = asyncio.ensure_future(pipe.outbox.writable())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    waiting = asyncio.ensure_future(pipe.outbox.writable())
    await asyncio.sleep(0)
    pipe.outbox.resume(0.0)
    await waiting
