"""The bus of nodes that are processes of their own: core NATS, which keeps nothing.

The connection is made again by itself whenever it is lost, for as long as it takes. What is published meanwhile is
dropped and counted; nobody waits for NATS.
"""

import asyncio
import itertools
import logging
import random
import ssl
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from hubbub.buses.nats_address import NatsAddress
from hubbub.buses.nats_link import LinkError, NatsLink

FIRST, LAST = 0.1, 2.0  # seconds before another attempt: doubled each time, up to this
SETTLE = 2.0  # seconds that `settled` waits at most

Receive: TypeAlias = Callable[[bytes], None]

log = logging.getLogger(__name__)


class NatsBus:
    """One node's way to the others. `open_nats` makes one."""

    def __init__(self, addresses: Sequence[NatsAddress], context: ssl.SSLContext | None, prefix: str) -> None:
        self.received = 0  # messages
        self.losses = 0  # of the connection
        self._addresses = itertools.cycle(addresses)
        self._context = context
        self._prefix = prefix
        self._sids: dict[str, int] = {}  # by subject
        self._receivers: dict[int, tuple[Receive, ...]] = {}
        self._new_sid = itertools.count(1)
        self._restored: list[Callable[[], None]] = []
        self._link: NatsLink | None = None
        self._dropped = 0  # before this link
        self._why = "it was not tried yet"  # there is no link
        self._said: dict[NatsAddress, str] = {}  # in the log, since there is no link
        self._closed = False
        self._tried = asyncio.Event()
        self._running = asyncio.get_running_loop().create_task(self._run(), name="nats")

    @property
    def dropped(self) -> int:
        """Messages that were published and never left: there was no connection, or no room."""
        return self._dropped + (0 if self._link is None else self._link.dropped)

    @property
    def trouble(self) -> str | None:
        """Why the others are not heard, or not all of them; None when all is well."""
        if self._link is None:
            return self._why
        return None if self._link.complaint is None else f"NATS complains: {self._link.complaint}"

    def publish(self, subject: str, payload: bytes) -> None:
        if self._link is None:
            self._dropped += 1
        else:
            self._link.publish(f"{self._prefix}.{subject}", payload)

    def subscribe(self, subject: str, receive: Receive) -> None:
        sid = self._sids.get(subject)
        if sid is not None:
            self._receivers[sid] += (receive,)
            return
        sid = self._sids[subject] = next(self._new_sid)
        self._receivers[sid] = (receive,)
        if self._link is not None:
            self._link.subscribe(f"{self._prefix}.{subject}", sid)

    def unsubscribe(self, subject: str) -> None:
        sid = self._sids.pop(subject, None)
        if sid is not None:
            del self._receivers[sid]
            if self._link is not None:
                self._link.unsubscribe(sid)

    async def settled(self) -> None:
        if self._link is not None:
            await asyncio.wait([self._link.settled()], timeout=SETTLE)

    def when_restored(self, call: Callable[[], None]) -> None:
        self._restored.append(call)

    async def close(self) -> None:
        self._closed = True
        link, self._link = self._link, None
        self._running.cancel()
        await asyncio.wait([self._running])
        self._sids.clear()
        self._receivers.clear()
        if link is not None:
            await link.close()

    async def _run(self) -> None:
        pauses = _pauses()
        while not self._closed:  # a cancellation may get lost in asyncio.wait_for (before Python 3.12)
            address, link = next(self._addresses), NatsLink(self._take)
            try:
                await link.open(address, self._context, self._prefix)
            except (LinkError, OSError, asyncio.TimeoutError) as error:
                self._note(address, str(error) or "it does not answer")
            except Exception:
                log.exception("a connection to NATS can't be opened because of a defect")
                self._note(address, "a defect: see the log")
            else:
                self._begin(link, address)
                await asyncio.wait([link.lost])  # not the future alone, which would be cancelled with this task
                self._end(link, address, link.lost.result())
                pauses = _pauses()
            self._tried.set()
            await asyncio.sleep(next(pauses))

    def _begin(self, link: NatsLink, address: NatsAddress) -> None:
        if self._closed:
            link.abort("it was closed")
            return
        for subject, sid in self._sids.items():
            link.subscribe(f"{self._prefix}.{subject}", sid)
        link.resumed = self._tell_restored
        self._link = link
        self._said.clear()
        self._tried.set()
        log.info("the bus is connected", extra={"address": str(address)})
        self._tell_restored()

    def _end(self, link: NatsLink, address: NatsAddress, reason: str) -> None:
        self._link = None
        self._dropped += link.dropped
        self.losses += 1
        self._note(address, reason)

    def _note(self, address: NatsAddress, reason: str) -> None:
        """Why there is no link; a line in the log whenever that is news."""
        self._why = f"{address}: {reason}"
        if self._said.get(address) != reason:
            self._said[address] = reason
            log.warning("the bus can't be reached: %s", self._why)

    def _tell_restored(self) -> None:
        for call in self._restored:
            call()

    def _take(self, sid: int, payload: bytes) -> None:
        self.received += 1
        for receive in self._receivers.get(sid, ()):
            try:
                receive(payload)
            except Exception:
                log.exception("a message of the bus could not be taken because of a defect")


async def open_nats(addresses: Sequence[NatsAddress], context: ssl.SSLContext | None, prefix: str) -> NatsBus:
    """A bus that is connected, or tries to be after a first attempt has failed."""
    bus = NatsBus(addresses, context, prefix)
    await bus._tried.wait()
    return bus


def _pauses() -> Iterator[float]:
    """Seconds between attempts, of which no two nodes have the same."""
    pause = FIRST
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311
        pause = min(2 * pause, LAST)
