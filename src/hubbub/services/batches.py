"""What happens inside one transaction of the journal.

It must not know what is committed together and when, nor who waits for the answers: that is the journal's business.
"""

from collections.abc import Container, Sequence
from typing import TypeAlias

from hubbub.domain.errors import ChatError, ClientIdReused, Conflict, NotFound
from hubbub.domain.events import MessagePosted
from hubbub.domain.ids import Millis, RoomId, UserId
from hubbub.domain.messages import Message
from hubbub.domain.permissions import room_not_found
from hubbub.domain.rooms import ChatRoom
from hubbub.services.changes import Answer, Change, Draft, Founding, Outcome
from hubbub.services.ports import Clock, Tx

ClientKey: TypeAlias = tuple[RoomId, UserId, str]


class Batch:
    """Load what is needed, decide each change, append what came out.

    A room that was loaded is kept for the next batch. Every change takes a seq, so `kept.head == rooms.head`, read
    under the lock, proves within an epoch that the kept one is current, on any database and with any number of
    processes. (Of a store that was restored the log may have grown to the same length in another way.) What was applied
    to the kept rooms counts once `committed` is called; otherwise the next batch begins without them.
    """

    MAX_KEPT_MEMBERS = 100_000  # in all kept rooms together; some 20 MB

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[RoomId, ChatRoom] = {}
        self._kept_members = 0
        self._settled = True  # the kept rooms show what was committed
        self.epoch = ""  # of the store, at the last `write`

    def write(self, tx: Tx, changes: Sequence[Change | Founding]) -> list[Answer]:
        """Carry out the changes in order; one that is refused is answered with its error and changes nothing."""
        epoch = tx.log.epoch()
        if not self._settled or epoch != self.epoch:
            self._forget()
        self._settled, self.epoch = False, epoch
        at = self._clock.now()
        rooms = self._load(tx, [change for change in changes if isinstance(change, Change)])
        repeats = tx.messages.by_client_id(_client_keys(changes))
        wanted = {user_id for change in changes for user_id in change.new_users}
        users = tx.users.get_many(wanted).keys() if wanted else ()
        order = sorted(range(len(changes)), key=lambda index: _pair(changes[index]))
        answered = {index: _answer(tx, changes[index], rooms, repeats, users, at) for index in order}
        answers = [answered[index] for index in range(len(changes))]
        appended = [
            event
            for change, answer in zip(changes, answers, strict=True)
            if isinstance(change, Change) and isinstance(answer, Outcome) and not answer.duplicate
            for event in answer.events
        ]
        if appended:
            tx.log.append(appended)
        for room in rooms.values():
            room.messages.clear()  # targets of this batch alone
        return answers

    def committed(self) -> None:
        """The last `write` is on disk."""
        self._settled = True

    def _forget(self) -> None:
        self._kept.clear()
        self._kept_members = 0

    def _load(self, tx: Tx, changes: Sequence[Change]) -> dict[RoomId, ChatRoom]:
        """The rooms of these changes, locked, with the members and messages that they name."""
        if not changes:
            return {}
        rooms = tx.rooms.load({change.room_id for change in changes})
        for room_id, room in rooms.items():
            kept = self._kept.get(room_id)
            if kept is not None and kept.head == room.head:
                rooms[room_id] = kept
            else:
                self._kept[room_id] = room
        unknown = {
            (change.room_id, user_id)
            for change in changes
            if change.room_id in rooms
            for user_id in (change.user_id, *change.members)
            if user_id not in rooms[change.room_id].members
        }
        if unknown:
            for (room_id, user_id), member in tx.members.get(unknown).items():
                rooms[room_id].members[user_id] = member
            self._forget_if_many(len(unknown))
        targets = {(change.room_id, seq) for change in changes for seq in change.targets if change.room_id in rooms}
        if targets:
            for (room_id, seq), message in tx.messages.get(targets).items():
                rooms[room_id].messages[seq] = message
        return rooms

    def _forget_if_many(self, added: int) -> None:
        self._kept_members += added
        if self._kept_members > self.MAX_KEPT_MEMBERS:
            self._forget()  # the rooms of this batch stay alive in its own dict


def _pair(change: Change | Founding) -> tuple[int, ...]:
    """What changes are sorted by: two nodes that found the same pairs do so in the same order, lest each waits for
    the other. All else happens before, in the order of the batch.
    """
    pair = change.pair if isinstance(change, Founding) else None
    return () if pair is None else tuple(sorted(pair))


def _client_keys(changes: Sequence[Change | Founding]) -> set[ClientKey]:
    return {
        (change.room_id, change.user_id, change.draft.client_id)
        for change in changes
        if isinstance(change, Change) and change.draft is not None and change.draft.client_id is not None
    }


def _answer(
    tx: Tx,
    change: Change | Founding,
    rooms: dict[RoomId, ChatRoom],
    repeats: dict[ClientKey, Message],
    users: Container[UserId],
    at: Millis,
) -> Answer:
    try:
        for user_id in change.new_users:
            if user_id not in users:
                raise NotFound(f"there is no user {user_id}")
        if isinstance(change, Change):
            return _decide(change, rooms, repeats, at)
        change.decide(ChatRoom(RoomId(0)), at)  # refused here, if at all: before an id is reserved
    except ChatError as error:
        return error
    return _found(tx, change, at)  # what the store refuses now is a defect, and rolls everything back


def _found(tx: Tx, founding: Founding, at: Millis) -> Outcome:
    """Reserve a room and fill it at once: a second founding of the same pair in this batch must find it."""
    if founding.pair is not None:
        existing = tx.rooms.of_pair(*founding.pair)
        if existing is not None:
            return Outcome(existing, (), duplicate=True)
    try:
        room = ChatRoom(tx.rooms.add(founding.pair))
    except Conflict:  # another node has founded it just now
        existing = None if founding.pair is None else tx.rooms.of_pair(*founding.pair)
        if existing is None:
            raise
        return Outcome(existing, (), duplicate=True)
    events = founding.decide(room, at)
    tx.log.append(events)
    return Outcome(room.id, events)


def _decide(change: Change, rooms: dict[RoomId, ChatRoom], repeats: dict[ClientKey, Message], at: Millis) -> Outcome:
    """Look for the repeat first: whoever was removed meanwhile is still told that their message was committed."""
    key = None
    if change.draft is not None and change.draft.client_id is not None:
        key = (change.room_id, change.user_id, change.draft.client_id)
        first = repeats.get(key)
        if first is not None:
            return _repeat(first, change.draft)
    room = rooms.get(change.room_id)
    if room is None:
        raise room_not_found(change.room_id)
    events = change.decide(room, at)
    for event in events:
        room.apply(event)
        if key is not None and isinstance(event, MessagePosted):
            repeats[key] = event.message
    return Outcome(room.id, events)


def _repeat(first: Message, draft: Draft) -> Outcome:
    # Once it was edited or deleted, what it said at first is gone, and can't be compared.
    unchanged = first.version == first.seq
    if first.reply_to != draft.reply_to or (unchanged and first.text != draft.text):
        raise ClientIdReused("this client_id was used for another message in this room")
    return Outcome(first.room_id, (MessagePosted(first),), duplicate=True)
