"""What a client has said and has no answer to yet.

Sans-I/O. An **exchange** is a frame that is answered, and that may be repeated until it is: a `send`, which its
client_id makes safe, an `edit` or a `delete`, which change nothing the second time, a `history`. Exchanges leave in the
order in which they were made. After a lost connection all that are unanswered leave again, in that order, before any
newer one: so one author's messages arrive in the order sent. What is refused for now leaves again, in its old place,
once all that was under way is answered.

Of the changes of one message one is under way at a time, and what is newer waits behind it: of two that were repeated,
the first would take the second back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from msgspec.structs import replace

from hubbub.client.backoff import Backoff
from hubbub.client.outputs import Answered, Output
from hubbub.domain.errors import ChatError
from hubbub.domain.ids import RoomId, Seq
from hubbub.wire import frames as wire

ExchangeFrame: TypeAlias = wire.Send | wire.Edit | wire.Delete | wire.History


@dataclass(slots=True, eq=False)
class _Exchange:
    key: int
    frame: ExchangeFrame
    ref: int | None = None  # None = not under way
    sent: bool = False  # it may have happened


class Outbox:
    """All unanswered exchanges of one client."""

    def __init__(self, outputs: list[Output], random: Callable[[], float]) -> None:
        self._outputs = outputs
        self._backoff = Backoff(random)
        self._exchanges: dict[int, _Exchange] = {}  # by key, the oldest first
        self._unsent: dict[int, _Exchange] = {}  # the part that is not under way, the oldest first
        self._by_ref: dict[int, _Exchange] = {}
        self._keys = 0
        self._refused = False  # something is to be sent again, once nothing is under way that might be refused too
        self._held_until = 0.0

    def add(self, frame: ExchangeFrame) -> int:
        """Take a frame, without a ref; return the key of its answer."""
        self._keys += 1
        exchange = _Exchange(self._keys, frame)
        self._exchanges[exchange.key] = self._unsent[exchange.key] = exchange
        return exchange.key

    def withdraw(self, key: int) -> bool:
        """Nobody waits for the answer any more: forget a frame that never left; was it so?"""
        exchange = self._exchanges.get(key)
        if exchange is None or exchange.sent:
            return False
        del self._exchanges[key], self._unsent[key]
        return True

    def due(self) -> float | None:
        """When there is something to send; None = nothing."""
        return None if self._next() is None else self._held_until

    def next_request(self, now: float, ref: int) -> ExchangeFrame | None:
        """The next frame to send, or None."""
        exchange = self._next()
        if exchange is None or now < self._held_until:
            return None
        del self._unsent[exchange.key]
        self._refused = False
        exchange.ref, exchange.sent = ref, True
        self._by_ref[ref] = exchange
        return replace(exchange.frame, ref=ref)

    def lost(self) -> None:
        """The connection is gone: everything has to be sent again."""
        for exchange in self._by_ref.values():
            exchange.ref = None
        self._by_ref.clear()
        self._refused, self._held_until = False, 0.0
        self._resort()

    def answered(self, ref: int, answer: wire.Ack | wire.Page) -> bool:
        """Is this the answer to an exchange? A second answer is not, nor one that does not fit."""
        exchange = self._by_ref.get(ref)
        if exchange is None or not _fits(exchange.frame, answer):
            return False
        self._backoff.reset()
        self._finish(exchange, answer)
        return True

    def refused(self, ref: int, error: ChatError, now: float) -> bool:
        """An error answers an exchange; is it one of ours? What may work later is sent again, in its old place."""
        exchange = self._by_ref.get(ref)
        if exchange is None:
            return False
        if error.retryable:
            del self._by_ref[ref]
            exchange.ref = None
            # Everything waits with it, or newer messages of the room would overtake it.
            pause = error.retry_after or 0.0
            if not self._refused:  # what is refused behind it makes it no worse
                pause = max(pause, self._backoff.next())
            self._refused, self._held_until = True, max(self._held_until, now + pause)
            self._resort()
        else:
            self._finish(exchange, error)
        return True

    def fail(self, ref: int, error: Exception) -> bool:
        """An exchange is over: it can't be sent, or its answer can't be read; is it one of ours?"""
        exchange = self._by_ref.get(ref)
        if exchange is None:
            return False
        self._finish(exchange, error)
        return True

    def _next(self) -> _Exchange | None:
        """The oldest that is not under way, unless it has to wait for what is."""
        if self._refused and self._by_ref:
            return None
        exchange = next(iter(self._unsent.values()), None)
        target = None if exchange is None else _changed(exchange.frame)
        if target is not None and any(_changed(earlier.frame) == target for earlier in self._by_ref.values()):
            return None
        return exchange

    def _finish(self, exchange: _Exchange, answer: wire.Ack | wire.Page | Exception) -> None:
        assert exchange.ref is not None
        del self._exchanges[exchange.key], self._by_ref[exchange.ref]
        self._outputs.append(Answered(exchange.key, answer))

    def _resort(self) -> None:
        self._unsent = {key: exchange for key, exchange in self._exchanges.items() if exchange.ref is None}


def _changed(frame: ExchangeFrame) -> tuple[RoomId | None, Seq] | None:
    """The message that it changes, if it changes one."""
    return (frame.room_id, frame.target) if isinstance(frame, wire.Edit | wire.Delete) else None


def _fits(frame: ExchangeFrame, answer: wire.Ack | wire.Page) -> bool:
    if isinstance(answer, wire.Page) or isinstance(frame, wire.History):
        return isinstance(answer, wire.Page) and isinstance(frame, wire.History) and answer.room_id == frame.room_id
    if isinstance(frame, wire.Send) and (answer.seq is None or answer.at is None):
        return False  # acknowledged means committed, and what is committed has a seq
    return answer.room_id in (None, frame.room_id)
