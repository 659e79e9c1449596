"""What people do in the tests of stores: everything goes through the port, and every rule is the domain's."""

from collections.abc import Callable, Collection, Sequence

from hubbub.domain.events import Event, History, MessagePosted, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Member
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom
from hubbub.domain.users import User
from hubbub.services.ports import Store, Tx

NOW = Millis(1_700_000_000_000)
LATER = Millis(NOW + 3_600_000)


def add_user(tx: Tx, name: str) -> User:
    """Somebody who signs up."""
    return tx.users.add(
        username=name, email=f"{name}@example.com", display_name=name.title(), password_hash="-", at=NOW
    )


async def sign_up(store: Store, *names: str) -> list[User]:
    """Several people, with ids in this order."""
    return await store.write(lambda tx: [add_user(tx, name) for name in names])


async def crowd(store: Store, count: int) -> list[User]:
    """Any number of people."""
    return await sign_up(store, *(f"user{number}" for number in range(count)))


async def found(
    store: Store,
    founder: User,
    *others: User,
    kind: RoomKind = RoomKind.GROUP,
    name: str = "room",
    topic: str = "",
    history: History = History.ALL,
    at: int = NOW,
) -> ChatRoom:
    """A new room, complete: the test keeps it in step with the store by `happen`."""

    def fn(tx: Tx) -> ChatRoom:
        pair = (founder.id, others[0].id) if kind is RoomKind.DIRECT else None
        room = ChatRoom(tx.rooms.add(pair))
        member_ids = [other.id for other in others]
        events = room.create(
            founder.id, kind, name=name, topic=topic, history=history, member_ids=member_ids, at=Millis(at)
        )
        tx.log.append(events)
        for event in events:
            room.apply(event)
        return room

    return await store.write(fn)


async def happen(store: Store, room: ChatRoom, *events: Event) -> None:
    """Write events that the room decided, one after the other, and apply them to it."""
    await store.write(lambda tx: tx.log.append(events))
    for event in events:
        room.apply(event)


def post(
    tx: Tx, room_id: RoomId, user_id: UserId, text: str, *, client_id: str | None = None, at: int = NOW
) -> MessagePosted:
    """Load what is needed, decide, append: what the journal does."""
    room = tx.rooms.load([room_id])[room_id]
    room.members = {member_id: member for (_, member_id), member in tx.members.get([(room_id, user_id)]).items()}
    event = room.post(user_id, text, client_id=client_id, at=Millis(at))
    tx.log.append([event])
    return event


async def say(
    store: Store, room: ChatRoom, user: User, *texts: str, client_id: str | None = None, at: int = NOW
) -> list[Message]:
    """Post texts, all in one transaction."""
    events = await store.write(
        lambda tx: [post(tx, room.id, user.id, text, client_id=client_id, at=at) for text in texts]
    )
    for event in events:
        room.apply(event)
    return [event.message for event in events]


def decide(room: ChatRoom, *decisions: Callable[[], Sequence[Event]]) -> list[Event]:
    """What happens when each is decided after the ones before. It happens to this room alone, and in no store."""
    happened: list[Event] = []
    for decision in decisions:
        for event in decision():
            room.apply(event)
            happened.append(event)
    return happened


async def log_of(store: Store, room_id: RoomId) -> list[Event]:
    """The whole log of a small room."""
    return await store.read(lambda tx: tx.log.after(room_id, Seq(0), limit=1000))


async def state_of(store: Store, room: ChatRoom) -> ChatRoom:
    """The room as the store has it, complete."""

    def fn(tx: Tx) -> ChatRoom:
        loaded = tx.rooms.load([room.id])[room.id]
        loaded.members = members_of(tx, room.id)
        newest_first = tx.messages.page(room.id, before=None, base=Seq(0), limit=200)
        loaded.messages = {message.seq: message for message in reversed(newest_first)}
        return loaded

    return await store.read(fn)


def members_of(tx: Tx, room_id: RoomId) -> dict[UserId, Member]:
    """The members of a small room."""
    return {member.user_id: member for member in tx.members.of_room(room_id, after=UserId(0), limit=200)}


def fields(room: ChatRoom) -> dict[str, object]:
    """All that a room consists of, to compare it."""
    return {name: getattr(room, name) for name in ChatRoom.__slots__}


def seqs(things: Collection[Event | Message]) -> list[int]:
    """Where they stand in their room."""
    return [thing.seq for thing in things]
