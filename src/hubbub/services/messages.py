"""Messages: post, edit, delete, and the pages of a room's history."""

from collections.abc import Iterator
from dataclasses import dataclass

from hubbub.domain.errors import Invalid, NotFound
from hubbub.domain.events import Event, MessagePosted
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom
from hubbub.domain.texts import check_query
from hubbub.services.access import readable_room
from hubbub.services.changes import Change, Done, Draft
from hubbub.services.cursors import decode_cursor, encode_cursor, page_of
from hubbub.services.journal import Journal
from hubbub.services.pages import PAGE_BYTES, portions, within
from hubbub.services.ports import Store, Tx


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, newest first, and the room's head at the time of reading: what comes above it arrives as events."""

    items: list[Message]
    head: Seq


@dataclass(frozen=True, slots=True)
class Posted:
    """`duplicate`: the client_id was seen before, and this is the message of that time."""

    message: Message
    duplicate: bool


class Messages:
    """Use cases about messages. The `submit_…` methods do not wait: sockets pass a callback, REST awaits the others."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal

    def submit_post(self, user_id: UserId, room_id: RoomId, draft: Draft, done: Done) -> None:
        """Say something in a room."""
        self._journal.submit(_post(user_id, room_id, draft), done)

    def submit_edit(self, user_id: UserId, room_id: RoomId, target: Seq, text: str, done: Done) -> None:
        """Change what one's own message says."""
        self._journal.submit(_edit(user_id, room_id, target, text), done)

    def submit_delete(self, user_id: UserId, room_id: RoomId, target: Seq, done: Done) -> None:
        """Take a message back."""
        self._journal.submit(_delete(user_id, room_id, target), done)

    async def post(self, user_id: UserId, room_id: RoomId, draft: Draft) -> Posted:
        """Say something in a room; a repeat of a client_id answers with the message as it is now."""
        outcome = await self._journal.commit(_post(user_id, room_id, draft))
        (event,) = outcome.events
        assert isinstance(event, MessagePosted)
        return Posted(event.message, outcome.duplicate)

    async def edit(self, user_id: UserId, room_id: RoomId, target: Seq, text: str) -> Message:
        """Change what one's own message says; return it as it is then."""
        await self._journal.commit(_edit(user_id, room_id, target, text))
        return await self.get(user_id, room_id, target)

    async def delete(self, user_id: UserId, room_id: RoomId, target: Seq) -> None:
        """Take a message back."""
        await self._journal.commit(_delete(user_id, room_id, target))

    async def get(self, user_id: UserId, room_id: RoomId, seq: Seq) -> Message:
        """One message as it is now."""

        def read(tx: Tx) -> Message:
            access = readable_room(tx, user_id, room_id)
            message = tx.messages.get([(room_id, seq)]).get((room_id, seq))
            if message is None or seq <= access.base:
                raise NotFound(f"there is no message {seq} in room {room_id}")
            return message

        return await self._store.lookup(read)

    async def page(
        self,
        user_id: UserId,
        room_id: RoomId,
        *,
        before: Seq | None = None,
        after: Seq | None = None,
        around: Seq | None = None,
        limit: int = 50,
        max_bytes: int = PAGE_BYTES,
    ) -> Page:
        """A page of history, newest first: the newest, or those just before, just after, or around a seq.

        `before` and `after` are exclusive; `around` has the message at that seq, if there is one, in the middle.
        At most `limit`, and fewer where their texts have more than `max_bytes`; none when there are none.
        """
        if sum(bound is not None for bound in (before, after, around)) > 1:
            raise Invalid("before, after and around exclude each other", field="before")

        def read(tx: Tx) -> Page:
            access = readable_room(tx, user_id, room_id)
            base = access.base
            if around is not None:
                newer = _newer(tx, room_id, Seq(max(around, base)), limit // 2)
                older = _older(tx, room_id, Seq(around + 1), base, limit - limit // 2)
                items = within(newer, max_bytes // 2)[::-1] + within(older, max_bytes // 2)
            elif after is not None:
                items = within(_newer(tx, room_id, Seq(max(after, base)), limit), max_bytes)[::-1]
            else:
                items = within(_older(tx, room_id, before, base, limit), max_bytes)
            return Page(items, access.room.head)

        return await self._store.lookup(read)

    async def search(
        self, user_id: UserId, query: str, *, room_id: RoomId | None = None, cursor: str | None = None, limit: int = 50
    ) -> tuple[list[Message], str | None]:
        """Messages that contain `query`, whatever its case, in the rooms of this user; the newest of a room first."""
        if not check_query(query):
            raise Invalid("q must not be empty", field="q")
        before = None
        if cursor is not None:
            last_room, last_seq = decode_cursor(cursor, int, int)
            before = (RoomId(last_room), Seq(last_seq))

        def read(tx: Tx) -> list[Message]:
            if room_id is not None:
                readable_room(tx, user_id, room_id)
            return tx.messages.search(user_id, query, room_id=room_id, before=before, limit=limit + 1)

        found = await self._store.read(read)
        fitting = min(limit, len(within(found)))
        return page_of(found, fitting, lambda message: encode_cursor(message.room_id, message.seq))


def _older(tx: Tx, room_id: RoomId, before: Seq | None, base: Seq, limit: int) -> Iterator[Message]:
    """Newest first."""
    return portions(
        lambda last, count: tx.messages.page(room_id, before=last.seq if last else before, base=base, limit=count),
        limit,
    )


def _newer(tx: Tx, room_id: RoomId, after: Seq, limit: int) -> Iterator[Message]:
    """Oldest first."""
    return portions(
        lambda last, count: tx.messages.page_after(room_id, after=last.seq if last else after, limit=count), limit
    )


def _post(user_id: UserId, room_id: RoomId, draft: Draft) -> Change:
    def decide(room: ChatRoom, at: Millis) -> tuple[Event, ...]:
        return (room.post(user_id, draft.text, client_id=draft.client_id, reply_to=draft.reply_to, at=at),)

    targets = () if draft.reply_to is None else (draft.reply_to,)
    return Change(room_id, user_id, decide, targets=targets, draft=draft, text=draft.text)


def _edit(user_id: UserId, room_id: RoomId, target: Seq, text: str) -> Change:
    def decide(room: ChatRoom, at: Millis) -> tuple[Event, ...]:
        return room.edit(user_id, target, text, at=at)

    return Change(room_id, user_id, decide, targets=(target,), text=text)


def _delete(user_id: UserId, room_id: RoomId, target: Seq) -> Change:
    return Change(room_id, user_id, lambda room, at: room.delete(user_id, target, at=at), targets=(target,))
