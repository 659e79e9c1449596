"""What must hold in every store, whatever happened to it: asked through its ports alone."""

from hubbub.domain.events import Event, MessageDeleted, MessageEdited, MessagePosted
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.domain.members import Member
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom
from hubbub.services.ports import MAX_PAGE, Store, Tx


async def check_store(store: Store, *, rooms: int = 200) -> dict[RoomId, list[Event]]:
    """Check all rooms with an id up to `rooms`; return their logs.

    Each log goes from 1 to the room's head without a hole, and everything that is kept beside it (the room, its
    members, its messages) is what its events make of an empty room.
    """
    room_ids = [RoomId(number) for number in range(1, rooms + 1)]

    def check(tx: Tx) -> dict[RoomId, list[Event]]:
        return {room_id: _check_room(tx, room_id, head) for room_id, head in tx.rooms.heads(room_ids).items()}

    return await store.read(check)


def _check_room(tx: Tx, room_id: RoomId, head: Seq) -> list[Event]:
    log = _log(tx, room_id)
    assert [event.seq for event in log] == list(range(1, head + 1)), f"room {room_id} has a hole"
    fold = ChatRoom(room_id)
    versions: dict[Seq, Seq] = {}
    for event in log:
        fold.apply(event)
        if isinstance(event, MessagePosted):
            versions[event.seq] = event.seq
        elif isinstance(event, MessageEdited | MessageDeleted):
            versions[event.target] = event.seq
    kept = tx.rooms.load([room_id])[room_id]
    for name in ("kind", "name", "topic", "history", "head", "created_at", "last_at", "deleted"):
        assert getattr(kept, name) == getattr(fold, name), f"{name} of room {room_id}"
    assert _members(tx, room_id) == fold.members
    messages = _messages(tx, room_id)
    assert messages == fold.messages
    assert {seq: message.version for seq, message in messages.items()} == versions
    sent = [(message.user_id, message.client_id) for message in messages.values() if message.client_id is not None]
    assert len(sent) == len(set(sent)), f"a message is twice in room {room_id}"
    marks = tx.reads.get([(room_id, user_id) for user_id in fold.members])
    assert all(mark <= head for mark in marks.values())
    return log


def _log(tx: Tx, room_id: RoomId) -> list[Event]:
    log: list[Event] = []
    while page := tx.log.after(room_id, log[-1].seq if log else Seq(0), limit=1000):
        log += page
    return log


def _members(tx: Tx, room_id: RoomId) -> dict[UserId, Member]:
    members: dict[UserId, Member] = {}
    while page := tx.members.of_room(room_id, after=max(members, default=UserId(0)), limit=MAX_PAGE):
        members.update((member.user_id, member) for member in page)
    return members


def _messages(tx: Tx, room_id: RoomId) -> dict[Seq, Message]:
    messages: dict[Seq, Message] = {}
    while page := tx.messages.page(room_id, before=min(messages, default=None), base=Seq(0), limit=MAX_PAGE):
        messages.update((message.seq, message) for message in page)
    return messages
