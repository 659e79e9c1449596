"""The fold of the page is that of the server: generated histories go through `ChatRoom` and through the page's modules.

The page's half runs in one evaluation for many histories, in a page that is not signed in.
"""

from random import Random
from typing import Any

import pytest
from msgspec import to_builtins

from hubbub.domain.errors import ChatError
from hubbub.domain.events import Event, History, MessagePosted, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom
from hubbub.wire.events import event_body, message_body
from hubbub.wire.times import format_time
from tests.browser.conftest import OpenWindow

ROOM = RoomId(9)
PEOPLE = [UserId(number) for number in range(1, 7)]
STEPS = 120

FOLD = """async (histories) => {
  const main = document.querySelector("script[type=module]").src;
  const { apply, newRoom } = await import(new URL("core/fold.js", main));
  return histories.map((events) => {
    const room = newRoom(9);
    for (const event of events) apply(room, event);
    return { ...room, members: [...room.members.values()], messages: [...room.messages.values()] };
  });
}"""

# Each case: the log from `base` on, and a page that was read at `page.head`; what it is at `upto`, joined to nothing.
PAGES = """async (cases) => {
  const main = document.querySelector("script[type=module]").src;
  const { Log } = await import(new URL("core/log.js", main));
  const { current } = await import(new URL("core/window.js", main));
  return cases.map(({ base, events, page, upto, latest }) => {
    const log = new Log(base);
    for (const event of events) log.add(event);
    return current(page, log, upto, latest);
  });
}"""


def history(random: Random, steps: int = STEPS) -> list[Event]:
    """What happens in a room in which people do what comes to their minds; what is refused does not happen."""
    room = ChatRoom(ROOM)
    kind = random.choice([RoomKind.GROUP, RoomKind.CHANNEL, RoomKind.DIRECT])
    members = [PEOPLE[1]] if kind is RoomKind.DIRECT else PEOPLE[1:3]
    rules = random.choice(list(History))
    happened = list(
        room.create(PEOPLE[0], kind, name="Garden", topic="tea", history=rules, member_ids=members, at=time(0))
    )
    for event in happened:
        room.apply(event)
    for step in range(1, steps):
        try:
            events = something(random, room, time(step))
        except ChatError:
            continue
        for event in events:
            room.apply(event)
        happened.extend(events)
        if room.deleted:
            break
    return happened


def something(random: Random, room: ChatRoom, at: Millis) -> tuple[Event, ...]:
    who, other = random.choice(PEOPLE), random.choice(PEOPLE)
    target = Seq(random.randint(1, room.head))
    act = random.choices(range(9), weights=[40, 15, 8, 6, 6, 5, 5, 4, 0.2])[0]
    match act:
        case 0:
            client_id = random.choice([None, f"c{room.head}"])
            reply_to = random.choice([None, target]) if target in room.messages else None
            return (room.post(who, f"text {room.head} ✓", client_id=client_id, reply_to=reply_to, at=at),)
        case 1:
            return room.edit(who, target, f"edited at {room.head}", at=at)
        case 2:
            return room.delete(who, target, at=at)
        case 3:
            return room.join(who, at=at)
        case 4:
            return room.add_member(who, other, random.choice(list(Role)), at=at)
        case 5:
            return room.remove_member(who, other, at=at)
        case 6:
            return room.change_role(who, other, random.choice(list(Role)), at=at)
        case 7:
            return room.change(who, name=f"name {room.head}", topic=random.choice([None, "", "other"]), at=at)
        case _:
            return room.close(who, at=at)


def time(step: int) -> Millis:
    return Millis(1_800_000_000_000 + 1000 * step)


def fold(events: list[Event]) -> ChatRoom:
    room = ChatRoom(ROOM)
    for event in events:
        room.apply(event)
    return room


def wired(event: Event) -> Any:
    return to_builtins(event_body(event))


def message_fields(message: Message) -> Any:
    return {"version": message.seq, **to_builtins(message_body(message))}


def fields(room: ChatRoom) -> dict[str, Any]:
    """The state of a room in the words of the page."""
    return {
        "id": room.id,
        "kind": room.kind.value,
        "name": room.name,
        "topic": room.topic,
        "history": room.history.value,
        "head": room.head,
        "created_at": format_time(room.created_at),
        "last_at": format_time(room.last_at),
        "deleted": room.deleted,
        "tail": True,
        "members": [
            {"user_id": member.user_id, "role": member.role.value, "joined_seq": member.joined_seq}
            for member in room.members.values()
        ],
        "messages": [message_fields(message) for message in room.messages.values()],
    }


def plain(state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "messages": [{"version": message["seq"], **message} for message in state["messages"]]}


@pytest.fixture(scope="module")
def histories() -> list[list[Event]]:
    random = Random(20261122)
    found = [history(random) for _ in range(60)]
    kinds = {event.kind for events in found for event in events}
    assert len(kinds) == 9  # each kind there is
    return found


async def test_the_page_folds_a_log_as_the_server_does(open_window: OpenWindow, histories: list[list[Event]]) -> None:
    tab = await open_window("/")
    states = await tab.page.evaluate(FOLD, [list(map(wired, events)) for events in histories])
    assert [plain(state) for state in states] == [fields(fold(events)) for events in histories]


async def test_a_replay_in_which_messages_are_as_they_are_now_gives_the_same_room(
    open_window: OpenWindow, histories: list[list[Event]]
) -> None:
    def as_now(events: list[Event]) -> list[Event]:
        final = fold(events)
        return [
            MessagePosted(final.messages[event.message.seq]) if isinstance(event, MessagePosted) else event
            for event in events
        ]

    tab = await open_window("/")
    states = await tab.page.evaluate(FOLD, [list(map(wired, as_now(events))) for events in histories])
    assert [plain(state) for state in states] == [fields(fold(events)) for events in histories]


async def test_a_page_of_history_is_brought_up_to_date_from_the_log(
    open_window: OpenWindow, histories: list[list[Event]]
) -> None:
    """A page is read at any time, anywhere, and meets a log that begins before or after, and goes on or not so far."""
    random = Random(7)
    cases, wanted = [], []
    for events in histories * 5:
        read_at, upto, base = (
            random.randint(1, len(events)),
            random.randint(1, len(events)),
            random.randint(0, len(events)),
        )
        latest = random.random() < 0.5
        items = list(fold(events[:read_at]).messages.values())
        start = random.randint(0, len(items))
        items = items[start:] if latest else items[start : start + random.randint(0, 20)]
        seqs = {message.seq for message in items}
        cases.append(
            {
                "base": base,
                "events": list(map(wired, events[base:])),
                "page": {"items": list(reversed(list(map(message_fields, items)))), "head": read_at},
                "upto": upto,
                "latest": latest,
            }
        )
        later = max(read_at, upto)
        known = later == read_at or base <= read_at
        state = fold(events[:later]).messages.values()
        wanted.append(
            [message_fields(message) for message in state if message.seq in seqs or (latest and message.seq > read_at)]
            if known
            else None
        )
    tab = await open_window("/")
    found = await tab.page.evaluate(PAGES, cases)
    assert [page if page is None else plain({"messages": page})["messages"] for page in found] == wanted
    assert None in wanted
