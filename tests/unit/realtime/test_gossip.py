"""What nodes say of their users lasts for some rounds, and no lost or late message makes it wrong for long."""

import asyncio
from collections.abc import Awaitable, Callable

from hubbub.domain.ids import Millis, UserId
from hubbub.realtime.gossip import KEPT, Gossip, Status
from tests.clocks import ManualClock
from tests.loops import run_jumping
from tests.unit.services.chats import ANN, BOB, CYD

BEATS, LEASE = 5, 30.0


class Node:
    """Implements `gossip.Here`: users who are as the test says."""

    def __init__(self, name: str) -> None:
        self.clock = ManualClock()
        self.here: dict[UserId, Status] = {}
        self.seen: Millis | None = Millis(7)  # of all who are not here
        self.news: list[tuple[UserId, Millis | None]] = []
        self.sent: list[bytes] = []
        self.gossip = Gossip(self, self.clock, beats=BEATS, lease=LEASE)
        self.gossip.connect(self.sent.append, name)
        self.sent.clear()

    def users(self) -> list[UserId]:
        return list(self.here)

    def state(self, user_id: UserId) -> tuple[Status, Millis | None]:
        return (self.here[user_id], None) if user_id in self.here else ("offline", self.seen)

    def heard(self, user_id: UserId, seen: Millis | None) -> None:
        self.news.append((user_id, seen))

    def round(self) -> list[bytes]:
        """What it says in one round."""
        for _ in range(BEATS):
            self.gossip.beat()
        said, self.sent[:] = list(self.sent), []
        return said

    def hear(self, *payloads: bytes) -> None:
        for payload in payloads:
            self.gossip.receive(payload)


def play(scene: Callable[[Node, Node], Awaitable[None]]) -> None:
    """Run a scene of two nodes in virtual time."""

    async def run() -> None:
        one, other = Node("one"), Node("other")
        await scene(one, other)
        one.gossip.close()
        other.gossip.close()

    run_jumping(run())


def test_what_several_nodes_say_is_told_together() -> None:
    async def scene(one: Node, other: Node) -> None:
        third = Node("third")
        one.here, other.here = {ANN: "away", BOB: "online"}, {ANN: "online"}
        third.hear(*one.round(), *other.round())
        assert sorted(third.gossip.statuses(ANN)) == ["away", "online"]
        assert (third.gossip.statuses(BOB), third.gossip.statuses(CYD)) == (["online"], [])
        assert set(third.news) == {(ANN, None), (BOB, None)}
        third.gossip.close()

    play(scene)


def test_who_has_gone_is_gone_at_once_and_when_is_told() -> None:
    async def scene(one: Node, other: Node) -> None:
        one.here = {ANN: "online"}
        other.hear(*one.round())
        del one.here[ANN]
        one.gossip.tell(ANN)
        other.hear(*one.round())
        assert (other.gossip.statuses(ANN), other.news[-1]) == ([], (ANN, Millis(7)))

    play(scene)


def test_when_somebody_was_last_seen_is_not_told_where_it_is_not_known() -> None:
    async def scene(one: Node, other: Node) -> None:
        one.seen = None
        one.gossip.tell(ANN)
        other.hear(*one.round())
        assert other.news == [(ANN, None)]

    play(scene)


def test_who_is_not_named_any_more_is_forgotten_after_some_rounds() -> None:
    async def scene(one: Node, other: Node) -> None:
        one.here = {ANN: "online", BOB: "online"}
        other.hear(*one.round())
        del one.here[ANN]  # and nobody heard of it
        for _ in range(KEPT - 1):
            other.hear(*one.round())
            assert other.gossip.statuses(ANN) == ["online"]
        other.hear(*one.round())
        assert (other.gossip.statuses(ANN), other.gossip.statuses(BOB)) == ([], ["online"])
        assert other.news[-2:] == [(ANN, other.clock.now() - int(LEASE * 1000)), (BOB, None)]

    play(scene)


def test_rounds_that_nobody_heard_forget_nobody_until_the_lease_ends() -> None:
    async def scene(one: Node, other: Node) -> None:
        one.here = {ANN: "online", BOB: "online"}
        other.hear(*one.round())
        for _ in range(10 * KEPT):
            one.round()
        first = one.round()[0]  # which names one of the two
        other.hear(first)
        assert other.gossip.statuses(ANN) == other.gossip.statuses(BOB) == ["online"]
        await asyncio.sleep(LEASE - 0.1)
        assert other.gossip.statuses(ANN) == ["online"]
        await asyncio.sleep(0.2)
        assert other.gossip.statuses(ANN) == other.gossip.statuses(BOB) == []

    play(scene)


def test_late_and_doubled_messages_make_no_rounds() -> None:
    async def scene(one: Node, other: Node) -> None:
        one.here = {ANN: "online"}
        before = one.round()
        one.here = {BOB: "online"}
        after = one.round()
        other.hear(*before, *after)
        for _ in range(10):
            other.hear(*before, *after)
        assert other.gossip.statuses(BOB) == other.gossip.statuses(ANN) == ["online"]
        for _ in range(300):  # the numbers of rounds begin again
            other.hear(*one.round())
        assert (other.gossip.statuses(BOB), other.gossip.statuses(ANN)) == (["online"], [])

    play(scene)


def test_a_question_is_answered_with_everybody() -> None:
    async def scene(one: Node, other: Node) -> None:
        one.here = dict.fromkeys([ANN, BOB, CYD], "away")
        other.gossip.ask()
        one.hear(*other.sent)
        one.gossip.beat()
        other.hear(*one.sent)
        assert [other.gossip.statuses(user_id) for user_id in (ANN, BOB, CYD)] == [["away"]] * 3

    play(scene)


def test_a_round_is_spread_over_its_beats() -> None:
    async def scene(one: Node, other: Node) -> None:
        one.here = dict.fromkeys(map(UserId, range(1, 13)), "online")
        sizes = [len(payload) for payload in one.round()]
        empty = len(b"\x03one") + 1
        assert [(size - empty) / 17 for size in sizes] == [3, 3, 2, 2, 2]

    play(scene)


def test_without_a_bus_nothing_is_kept_to_be_told() -> None:
    node = Node("one")
    alone = Gossip(node, node.clock, beats=BEATS, lease=LEASE)
    alone.tell(ANN)
    alone.ask()
    alone.beat()
    assert not alone.has_news
