"""The hub: joins, leaves, removals, losses and slow readers in every order."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import suppress
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubbub.domain.errors import ChatError, NotFound
from hubbub.domain.events import Event
from tests.loops import run_jumping
from tests.unit.realtime.listeners import ROOM, Node, opened, say
from tests.unit.services.chats import ANN, BOB, CYD, open_chats, turns

Act = tuple[str, int]
ACTS: st.SearchStrategy[Act] = st.tuples(
    st.sampled_from(
        [
            *("join", "join", "leave", "slow", "post", "post", "publish", "publish", "publish", "lose", "again"),
            *("step", "step", "step", "step", "remove", "add"),
        ]
    ),
    st.integers(0, 3),
)


class Race:
    """Three who listen, or try to, and a bus that loses, repeats and reorders."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.recorders = [node.recorder(user_id) for user_id in (ANN, BOB, CYD)]
        self.joins: list[asyncio.Future[bool]] = []
        self.resyncs: list[asyncio.Future[None]] = []
        self.unpublished: list[Event] = []
        self.published: list[Event] = []

    async def act(self, act: Act) -> None:
        name, index = act
        node, recorder = self.node, self.recorders[index % 3]
        other = (BOB, CYD)[index % 2]
        match name:
            case "join":
                self.joins.append(asyncio.ensure_future(recorder.join(node.logs, ROOM)))
            case "leave":
                recorder.leave(ROOM)
            case "slow":
                recorder.slow = not recorder.slow
            case "post":
                await node.chats.say(ANN, ROOM, "hi")
            case "remove":
                await _if_possible(node.chats.rooms.remove_member(ANN, ROOM, other))
            case "add":
                await node.chats.rooms.put_member(ANN, ROOM, other)
            case "publish" if self.unpublished:
                event = self.unpublished.pop(index % len(self.unpublished) if index > 1 else 0)
                self.published.append(event)
                node.publish(event)
            case "lose" if self.unpublished:
                del self.unpublished[0]  # as when the outcome of a commit is unknown
                self.resyncs.append(asyncio.ensure_future(node.hub.resync([ROOM])))
            case "again" if self.published:
                node.publish(self.published[index % len(self.published)])
            case "step":
                node.store.step(index)
        self.unpublished += node.take()
        await turns(3)

    async def finish(self) -> None:
        self.node.store.release()
        await self.node.settle()
        for recorder in self.recorders:
            recorder.slow = False
        self.node.publish(*self.unpublished)
        await self.node.settle()
        for answer in await asyncio.gather(*self.joins, *self.resyncs, return_exceptions=True):
            assert not isinstance(answer, BaseException) or isinstance(answer, NotFound), repr(answer)

    async def check(self) -> None:
        log, room = await self.node.chats.log(ROOM), await self.node.chats.fold(ROOM)
        for recorder in self.recorders:
            assert all(before < after for before, after in pairwise(recorder.seqs.get(ROOM, [])))
            if ROOM in recorder.known:  # it believes to be live
                assert recorder.known[ROOM] == len(log)
                assert recorder.user_id in room.members


async def _if_possible(attempt: Awaitable[None]) -> None:
    with suppress(ChatError):
        await attempt


async def race(acts: Sequence[Act], *, ahead: bool = False) -> None:
    """`ahead`: Ann listens from the beginning, so that the room's feed may be further than a snapshot."""
    async with open_chats() as chats:
        node = await opened(chats)
        race = Race(node)
        if ahead:
            await race.recorders[0].join(node.logs, ROOM)
        node.store.hold()
        for act in acts:
            await race.act(act)
        await race.finish()
        await race.check()
        node.publish(*await say(node))  # whoever is live gets it
        await race.check()
        for recorder in race.recorders:
            recorder.leave(ROOM)
        assert not node.hub.listens(ROOM)
        await turns()
        assert len(asyncio.all_tasks()) == 1


# Against a join, which stops before its snapshot and with it in hand. (name, which): see `Race.act`.
JOIN = [("join", 1), ("step", 0), ("step", 0)]
POST, PUBLISH, LOSE = ("post", 0), ("publish", 0), ("lose", 0)
RIVALS: dict[str, list[Act]] = {
    "events": [POST, PUBLISH, POST, PUBLISH],
    "late events": [POST, POST, PUBLISH, PUBLISH],
    "events in disorder": [POST, POST, ("publish", 3), PUBLISH],
    "an event in disorder that comes twice": [POST, POST, ("publish", 3), ("again", 0), PUBLISH],
    "a lost event": [POST, LOSE, POST, PUBLISH],
    "a lost event and nothing after it": [POST, PUBLISH, POST, LOSE],
    "a lost event that is looked for at once": [POST, LOSE, ("step", 1), ("step", 1)],
    "a removal": [("remove", 0), PUBLISH, POST, PUBLISH],
    "a late removal": [POST, ("remove", 0), POST, PUBLISH, PUBLISH],
    "a removal and a return": [("remove", 0), ("add", 0), PUBLISH, PUBLISH, POST],
    "a leave": [POST, PUBLISH, ("leave", 1), POST],
    "another join": [POST, PUBLISH, ("join", 1), POST, PUBLISH],
    "a slow reader": [POST, PUBLISH, ("slow", 1), POST, PUBLISH],
}


def merged(left: list[Act], right: list[Act]) -> Iterator[list[Act]]:
    """All ways to do both, each in its own order."""
    for places in combinations(range(len(left) + len(right)), len(left)):
        first, second = iter(left), iter(right)
        yield [next(first) if place in places else next(second) for place in range(len(left) + len(right))]


@pytest.mark.parametrize("ahead", [False, True], ids=["first", "second"])
@pytest.mark.parametrize("rival", RIVALS.values(), ids=RIVALS)
def test_a_join_comes_out_right_at_every_moment_of_what_else_happens(rival: list[Act], ahead: bool) -> None:
    async def scenes() -> None:
        for acts in merged(JOIN, rival):
            await race(acts, ahead=ahead)

    run_jumping(scenes())


@given(st.lists(ACTS, min_size=40, max_size=60))
@settings(max_examples=300)
def test_whoever_is_live_has_everything_in_order_whatever_the_order_of_things(acts: list[Act]) -> None:
    run_jumping(race(acts))
