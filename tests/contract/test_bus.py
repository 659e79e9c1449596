"""What every bus promises. Another one needs a factory in `open_bus`, and not a word elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import pytest

from hubbub.buses.local import Exchange, LocalBus
from hubbub.buses.nats import open_nats
from hubbub.buses.nats_address import parse_addresses


class Bus(Protocol):
    def publish(self, subject: str, payload: bytes) -> None: ...
    def subscribe(self, subject: str, receive: Callable[[bytes], None]) -> None: ...
    def unsubscribe(self, subject: str) -> None: ...
    async def settled(self) -> None: ...
    def when_restored(self, call: Callable[[], None]) -> None: ...
    async def close(self) -> None: ...


OpenBus = Callable[[], Awaitable[Bus]]


@pytest.fixture
def open_local() -> OpenBus:
    """Another bus of the same exchange at each call."""
    exchange = Exchange()

    async def open_next() -> Bus:
        return LocalBus(exchange)

    return open_next


@pytest.fixture
def open_nats_bus(nats_url: str, nats_prefix: str) -> OpenBus:
    """Another connection to the same server at each call."""

    async def open_next() -> Bus:
        return await open_nats(parse_addresses(nats_url), None, nats_prefix)

    return open_next


@pytest.fixture(params=["local", "nats_bus"])
def open_bus(request: pytest.FixtureRequest) -> OpenBus:
    """Connect another node to the bus under test."""
    opener: OpenBus = request.getfixturevalue(f"open_{request.param}")
    return opener


class Inbox:
    """What one bus was told."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.payloads: list[bytes] = []
        self._enough = asyncio.Event()
        self._wanted = 0

    async def listen(self, subject: str) -> None:
        self.bus.subscribe(subject, self._take)
        await self.bus.settled()

    async def receive(self, count: int) -> list[bytes]:
        """Everything so far, once these many have come."""
        self._wanted = count
        self._enough.clear()
        if len(self.payloads) < count:
            await asyncio.wait_for(self._enough.wait(), timeout=60)
        return self.payloads

    def _take(self, payload: bytes) -> None:
        self.payloads.append(payload)
        if len(self.payloads) >= self._wanted:
            self._enough.set()


@pytest.fixture
async def inboxes(open_bus: OpenBus) -> AsyncIterator[list[Inbox]]:
    """Three nodes that listen to `news`."""
    opened = [Inbox(await open_bus()) for _ in range(3)]
    for inbox in opened:
        await inbox.listen("news")
    yield opened
    for inbox in opened:
        await inbox.bus.close()


async def test_all_others_are_told_and_the_publisher_is_not(inboxes: list[Inbox]) -> None:
    first, second, third = inboxes
    first.bus.publish("news", b"one")
    assert await second.receive(1) == [b"one"]
    assert await third.receive(1) == [b"one"]
    second.bus.publish("news", b"two")  # behind the first: had that been echoed, it would be here by now
    assert await first.receive(1) == [b"two"]


async def test_what_one_publishes_arrives_in_order_and_unchanged(inboxes: list[Inbox]) -> None:
    payloads = [bytes([number]) * number for number in range(1, 200)] + [b"", bytes(range(256)) * 250]
    for payload in payloads:
        inboxes[0].bus.publish("news", payload)
    assert await inboxes[1].receive(len(payloads)) == payloads


async def test_a_subject_is_heard_by_its_subscribers_alone(inboxes: list[Inbox]) -> None:
    first, second, third = inboxes
    await third.listen("gossip")
    first.bus.publish("gossip", b"psst")
    first.bus.publish("news", b"listen")
    assert await second.receive(1) == [b"listen"]
    assert sorted(await third.receive(2)) == [b"listen", b"psst"]


async def test_several_subscriptions_of_one_bus_are_each_called_once(inboxes: list[Inbox]) -> None:
    first, second, _ = inboxes
    again = Inbox(second.bus)
    await again.listen("news")
    first.bus.publish("news", b"one")
    assert (await second.receive(1), await again.receive(1)) == ([b"one"], [b"one"])


async def test_publishing_returns_before_anybody_is_told(inboxes: list[Inbox]) -> None:
    inboxes[0].bus.publish("news", b"one")
    assert inboxes[1].payloads == []
    await inboxes[1].receive(1)


async def test_a_closed_bus_is_told_nothing_more_and_the_others_go_on(inboxes: list[Inbox]) -> None:
    first, second, third = inboxes
    first.bus.publish("news", b"one")
    await second.bus.close()
    first.bus.publish("news", b"two")
    assert await third.receive(2) == [b"one", b"two"]
    assert b"two" not in second.payloads


async def test_what_was_published_before_a_bus_was_closed_still_arrives(inboxes: list[Inbox]) -> None:
    first, second, _ = inboxes
    first.bus.publish("news", b"last words")
    await first.bus.close()
    assert await second.receive(1) == [b"last words"]


async def test_an_unsubscribed_subject_is_heard_no_more_and_may_be_subscribed_again(inboxes: list[Inbox]) -> None:
    first, second, _ = inboxes
    await second.listen("gossip")
    second.bus.unsubscribe("news")
    second.bus.unsubscribe("nothing")
    await second.bus.settled()
    first.bus.publish("news", b"one")
    first.bus.publish("gossip", b"two")
    assert await second.receive(1) == [b"two"]
    await second.listen("news")
    first.bus.publish("news", b"three")
    assert await second.receive(2) == [b"two", b"three"]


async def test_a_receiver_that_fails_takes_nothing_from_the_others(inboxes: list[Inbox]) -> None:
    first, second, third = inboxes

    def fail(payload: bytes) -> None:
        raise ValueError(payload)

    second.bus.subscribe("gossip", fail)
    await second.listen("gossip")
    first.bus.publish("gossip", b"one")
    first.bus.publish("news", b"two")
    assert await second.receive(2) == [b"one", b"two"]
    first.bus.publish("news", b"three")
    assert await third.receive(2) == [b"two", b"three"]
