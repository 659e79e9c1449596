"""The journal: one door for every durable change of a room.

Changes that are waiting when the last commit ended go into the next one together (group commit). There is no timer: a
lonely change starts at the end of the current turn of the event loop, so that what arrived together is committed
together, and under load a batch is whatever came while the disk was busy. One batch is one transaction and one hop to
the writer and back, however many changes it holds. Where the store writes several transactions beside each other, the
rooms are divided between as many lanes, each with batches of its own.

It must not know who asks (socket, REST, simulator) nor what becomes of the events (`ports.Fanout`).
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from hubbub.domain.errors import ChatError, Internal, Unavailable
from hubbub.domain.events import Event
from hubbub.services.batches import Batch
from hubbub.services.changes import Answer, Change, Done, Founding, Outcome
from hubbub.services.ports import Clock, Fanout, Store
from hubbub.services.queues import MAX_BATCH, Party, Queue, Waiting

log = logging.getLogger(__name__)

T = TypeVar("T")


class Journal:
    """Commits the changes of each user in a room in the order in which they were submitted, and publishes in order.

    So it is with the changes of all users in a room, as long as no more wait than go into one transaction.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        fanout: Fanout,
        *,
        lanes: int = 1,
        party: Party = lambda change: change.user_id,
    ) -> None:
        """`lanes` is how many transactions may run beside each other; those of a room never do.

        `party` says who takes turns, as in `Queue`: by default the users.
        """
        self._lanes = tuple(_Lane(store, clock, fanout, party) for _ in range(lanes))
        self._closed = False

    def submit(self, change: Change | Founding, done: Done) -> None:
        """Queue a change. `done` is called once, on the event loop, after the commit and before the events go out.

        A change whose transaction failed is answered with Unavailable: whether it happened is not known, and only a
        client_id makes it safe to repeat. Everything that the same author has waiting in that room fails with it, or a
        later message would overtake the one that is repeated. With Internal when the store is damaged.
        """
        if self._closed:
            done(Unavailable("the server is stopping"))
        else:
            self._lanes[_place(change) % len(self._lanes)].submit(change, done)

    async def commit(self, change: Change | Founding) -> Outcome:
        """Queue a change and wait for what became of it; raise its ChatError when it was refused."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def done(answer: Answer) -> None:
            if not answered.done():  # its waiter may have been cancelled; the change happens all the same
                answered.set_result(answer)

        self.submit(change, done)
        answer = await answered
        if isinstance(answer, ChatError):
            raise answer
        return answer

    async def close(self) -> None:
        """Refuse new changes, and wait until all that were submitted are answered.

        When that is cancelled, those whose transaction has not begun are answered with Unavailable, and never happen.
        """
        self._closed = True
        try:
            for lane in self._lanes:
                await lane.finish()
        except asyncio.CancelledError:
            for lane in self._lanes:
                lane.abandon()
            raise


def _place(change: Change | Founding) -> int:
    """What keeps together the changes of a room, and the foundings of the one room of a pair."""
    if isinstance(change, Change):
        return change.room_id
    return change.user_id if change.pair is None else min(change.pair)


class _Lane:
    """The changes of some of the rooms: one transaction at a time."""

    def __init__(self, store: Store, clock: Clock, fanout: Fanout, party: Party) -> None:
        self._store = store
        self._fanout = fanout
        self._batch = Batch(clock)
        self._queue = Queue(party)
        self._limit = MAX_BATCH  # changes in the next transaction
        self._running: asyncio.Task[None] | None = None

    def submit(self, change: Change | Founding, done: Done) -> None:
        self._queue.add(Waiting(change, done))
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run(), name="journal")

    async def finish(self) -> None:
        """Wait until all that were submitted are answered."""
        while self._running is not None:
            await asyncio.wait([self._running])

    def abandon(self) -> None:
        """Answer those who wait for their transaction."""
        for waiting in self._queue.remove(lambda _: True):
            _tell(waiting.done, Unavailable("the server is stopping"))

    async def _run(self) -> None:
        try:
            while self._queue:
                await self._commit(self._queue.take(self._limit))
        finally:
            self._running = None

    async def _commit(self, batch: list[Waiting]) -> None:
        changes = [waiting.change for waiting in batch]
        try:
            answers = await self._store.write(lambda tx: self._batch.write(tx, changes))
        except (Unavailable, Internal) as error:  # of the store: a change's own is its answer
            self._fail(batch, error)
        except Exception as error:  # noqa: BLE001 - answered and logged once it stands alone
            self._isolate(batch, error)
        else:
            self._batch.committed()
            self._limit = min(2 * self._limit, MAX_BATCH)
            self._answer(batch, answers)

    def _answer(self, batch: list[Waiting], answers: Sequence[Answer]) -> None:
        published: list[Event] = []
        for waiting, answer in zip(batch, answers, strict=True):
            _tell(waiting.done, answer)
            if isinstance(answer, Outcome) and not answer.duplicate:
                published.extend(answer.events)
        if published:
            _tell(lambda events: self._fanout.publish(events, self._batch.epoch), published)

    def _fail(self, batch: list[Waiting], error: Unavailable | Internal) -> None:
        """The store failed: what the same authors have waiting in the same rooms fails with the batch."""
        failed = {(w.change.room_id, w.change.user_id) for w in batch if isinstance(w.change, Change)}
        batch += self._queue.remove(lambda c: isinstance(c, Change) and (c.room_id, c.user_id) in failed)
        for waiting in batch:
            _tell(waiting.done, error)
        if failed:
            _tell(self._fanout.resync, {room_id for room_id, _ in failed})

    def _isolate(self, batch: list[Waiting], error: Exception) -> None:
        """A defect broke the transaction, and nothing of it happened: halve the next ones until it stands alone."""
        if len(batch) == 1:
            log.error("a change failed because of a defect", exc_info=error)
            _tell(batch[0].done, Internal("this change can't be carried out because of a defect in the server"))
        else:
            log.warning("a group of %d changes failed: %s", len(batch), type(error).__name__)
            self._queue.put_back(batch)
            self._limit = len(batch) // 2


def _tell(receiver: Callable[[T], None], argument: T) -> None:
    """Call somebody whose mistake must not cost the others their answers, or stop the journal."""
    try:
        receiver(argument)
    except Exception:
        log.exception("a receiver of the journal's answers or events failed")
