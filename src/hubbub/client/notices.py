"""What a client tells of which only the last word counts: how far each room is read, how it is used, whom it watches.

Sans-I/O. Of each of these one word is under way at a time; what is said meanwhile takes the place of what waits. So it
costs one frame a round trip however often it is said. The last word arrives: it is said again after a refusal that will
not last, and after a lost connection.
"""

from collections.abc import Callable
from typing import TypeAlias

from msgspec.structs import replace

from hubbub.client.backoff import Backoff
from hubbub.client.errors import is_final
from hubbub.domain.errors import ChatError
from hubbub.domain.ids import RoomId, Seq
from hubbub.wire import frames as wire

Notice: TypeAlias = wire.Read | wire.Presence

NOTHING = wire.Presence()


class Notices:
    """The read marks of one client that are not acknowledged yet, and its presence."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._backoff = Backoff(random)
        self._marks: dict[RoomId, Seq] = {}  # those that wait, the oldest first
        self._presence = NOTHING  # all that was said of it: a server forgets it with the socket
        self._news = NOTHING  # the part of it that waits
        self._by_ref: dict[int, Notice] = {}  # those under way
        self._subjects: dict[RoomId | None, None] = {}  # of those: the rooms, None = presence
        self._held_until = 0.0

    def mark(self, room_id: RoomId, seq: Seq) -> None:
        """The room is read up to here."""
        self._marks[room_id] = max(seq, self._marks.get(room_id, seq))

    def presence(self, frame: wire.Presence) -> None:
        """How this device is used, or whom to watch; what is None stays as it was."""
        self._presence = _both(self._presence, frame)
        self._news = _both(self._news, frame)

    def forget_marks(self) -> None:
        """They are of another log; those under way are not said again."""
        self._marks.clear()
        for ref, notice in self._by_ref.items():
            if isinstance(notice, wire.Read):
                self._by_ref[ref] = replace(notice, seq=Seq(0))

    def due(self) -> float | None:
        """When there is something to send; None = nothing."""
        return None if self._next() is None else self._held_until

    def next_request(self, now: float, ref: int) -> Notice | None:
        """The next frame to send, or None."""
        notice = self._next()
        if notice is None or now < self._held_until:
            return None
        if isinstance(notice, wire.Read):
            assert notice.room_id is not None
            del self._marks[notice.room_id]
        else:
            self._news = NOTHING
        self._by_ref[ref] = notice
        self._subjects[_subject(notice)] = None
        return replace(notice, ref=ref)

    def lost(self) -> None:
        """The connection is gone: what was not acknowledged is said again, and all that was said of presence."""
        for notice in self._by_ref.values():
            self._put_back(notice)
        self._by_ref.clear()
        self._subjects.clear()
        self._news = self._presence
        self._held_until = 0.0

    def answered(self, ref: int) -> bool:
        """Is this the ref of a notice? It has arrived."""
        if self._over(ref) is None:
            return False
        self._backoff.reset()
        return True

    def refused(self, ref: int, error: ChatError, now: float) -> bool:
        """An error answers a notice; does it? What may work later is said again, unless there is a later word.

        People who may not be watched are forgotten. The status that was said with them is said again by itself.
        """
        notice = self._over(ref)
        if notice is None:
            return False
        if error.retryable:
            self._put_back(notice)
            self._held_until = now + max(error.retry_after or 0.0, self._backoff.next())
        elif is_final(error) and isinstance(notice, wire.Presence) and notice.watch is not None:
            if self._presence.watch == notice.watch:
                self._presence = wire.Presence(status=self._presence.status)
            self._put_back(wire.Presence(status=notice.status))
        return True

    def _next(self) -> Notice | None:
        if self._news != NOTHING and None not in self._subjects:
            return self._news
        room_id = next((room_id for room_id in self._marks if room_id not in self._subjects), None)
        return None if room_id is None else wire.Read(room_id=room_id, seq=self._marks[room_id])

    def _put_back(self, notice: Notice) -> None:
        if isinstance(notice, wire.Presence):
            self._news = _both(notice, self._news)
        elif notice.seq:  # 0 = of another log
            assert notice.room_id is not None
            self.mark(notice.room_id, notice.seq)

    def _over(self, ref: int) -> Notice | None:
        notice = self._by_ref.pop(ref, None)
        if notice is not None:
            del self._subjects[_subject(notice)]
        return notice


def _subject(notice: Notice) -> RoomId | None:
    return notice.room_id if isinstance(notice, wire.Read) else None


def _both(older: wire.Presence, newer: wire.Presence) -> wire.Presence:
    """What holds once both were said."""
    status = older.status if newer.status is None else newer.status
    watch = older.watch if newer.watch is None else newer.watch
    return wire.Presence(status=status, watch=watch)
