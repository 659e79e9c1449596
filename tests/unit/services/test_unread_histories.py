"""Whatever happens, and in whatever order: what is unread is what a naive count says."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubbub.domain.errors import ChatError
from hubbub.domain.events import History, MemberJoined, MemberLeft, MessageDeleted, MessagePosted, RoomKind
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.services.ports import RoomSummary
from hubbub.stores.memory import MemoryStore
from hubbub.stores.sql import SqlStore
from tests.unit.services.chats import ANN, BOB, CYD, Chats, open_chats

PEOPLE = (ANN, BOB, CYD)
Act = tuple[str, UserId, int]

ACTS: st.SearchStrategy[list[Act]] = st.lists(
    st.tuples(
        st.sampled_from(["post", "post", "post", "delete", "edit", "read", "read", "join", "leave"]),
        st.sampled_from(PEOPLE),
        st.integers(0, 30),
    ),
    min_size=1,
    max_size=40,
)


class Naive:
    """Reads the log from its beginning, and counts by hand. It knows which marks were asked for, and when."""

    def __init__(self) -> None:
        self.asked: dict[UserId, list[tuple[Seq, Seq]]] = {}  # the mark, and the head of that time

    async def count(self, chats: Chats, room_id: RoomId, user_id: UserId) -> tuple[Seq, int] | None:
        """How far this user has read and what they have not; None for who is no member."""
        joined: Seq | None = None
        theirs: dict[Seq, UserId] = {}
        for event in await chats.log(room_id):
            match event:
                case MessagePosted():
                    theirs[event.seq] = event.user_id
                case MessageDeleted(target=target):
                    del theirs[target]
                case MemberJoined(member_id=member_id) if member_id == user_id:
                    joined = event.seq
                case MemberLeft(member_id=member_id) if member_id == user_id:
                    joined = None
        if joined is None:
            return None
        mark = max([joined, *(min(seq, head) for seq, head in self.asked.get(user_id, []))])
        return mark, sum(seq > mark and author != user_id for seq, author in theirs.items())


async def act(chats: Chats, room_id: RoomId, naive: Naive, what: str, who: UserId, number: int) -> None:
    """Many acts are refused: that is part of the game. `number` chooses a seq, for a change one of a message."""
    log = await chats.log(room_id)
    said = [event.seq for event in log if isinstance(event, MessagePosted)] or [Seq(1)]
    target = said[number % len(said)]
    match what:
        case "post":
            await chats.say(who, room_id, str(number))
        case "delete":
            await chats.messages.delete(who, room_id, target)
        case "edit":
            await chats.messages.edit(who, room_id, target, "edited")
        case "read":
            seq = Seq(number % (len(log) + 3))
            await chats.reads.mark(who, room_id, seq)
            naive.asked.setdefault(who, []).append((seq, Seq(len(log))))
        case "join":
            await chats.rooms.put_member(who, room_id, who)
        case "leave":
            await chats.rooms.remove_member(who, room_id, who)


async def check(chats: Chats, room_id: RoomId, naive: Naive, before: dict[UserId, Seq]) -> None:
    for user_id in PEOPLE:
        expected = await naive.count(chats, room_id, user_id)
        if expected is None:
            continue
        listed = (await chats.rooms.page(user_id, limit=1))[0][0]
        for room in (listed, await chats.rooms.get(user_id, room_id)):
            assert isinstance(room, RoomSummary)
            assert (room.room_id, room.read_seq, room.unread) == (room_id, *expected)
        assert listed.read_seq >= before.get(user_id, 0), "a mark never goes back"
        before[user_id] = listed.read_seq


async def play(chats: Chats, history: History, acts: list[Act]) -> None:
    chats.clock.advance(1)  # so that the new room is the first of everybody's
    room_id = await chats.found(*PEOPLE, kind=RoomKind.CHANNEL, history=history)
    naive, before = Naive(), dict[UserId, Seq]()
    await check(chats, room_id, naive, before)
    for what, who, number in acts:
        try:
            await act(chats, room_id, naive, what, who, number)
        except ChatError:
            continue
        await check(chats, room_id, naive, before)


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_unread_is_what_a_naive_count_says_after_any_history(store: str, tmp_path: Path) -> None:
    async def run() -> None:
        opened = MemoryStore() if store == "memory" else SqlStore.open(f"sqlite:///{tmp_path / 'chat.db'}")
        async with open_chats(opened) as chats:
            loop = asyncio.get_running_loop()

            @given(st.sampled_from(History), ACTS)
            @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
            def histories(history: History, acts: list[Act]) -> None:
                asyncio.run_coroutine_threadsafe(play(chats, history, acts), loop).result()

            await asyncio.to_thread(histories)

    asyncio.run(run())
