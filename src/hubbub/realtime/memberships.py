"""Which rooms the users who are connected here were told they are in.

A user is told when they are added to a room or removed from one; the news may get lost on its way from another node.
What they know is compared with the store now and then (`watch`), and they are told of the difference.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from hubbub.domain.ids import RoomId, Seq, UserId


class Told(Protocol):
    """A connection, as it is seen here."""

    def signal_room(self, room_id: RoomId, seq: Seq, *, added: bool) -> None:
        """The user was added to a room, or removed from one, whether it is viewed here or not."""
        ...


class Memberships:
    """What was told on one node. `of_user` has the connections of a user."""

    def __init__(self, of_user: Callable[[UserId], Sequence[Told]]) -> None:
        self._of_user = of_user
        self._told: dict[UserId, dict[RoomId, Seq]] = {}  # the event that each membership began with
        self._news: dict[UserId, None] = {}  # who was told something since a look began

    def knows(self, user_id: UserId) -> bool:
        """Is this a user of whom it is known what they were told?"""
        return user_id in self._told

    def users(self) -> list[UserId]:
        """Of whom it is known what they were told."""
        return list(self._told)

    def since(self, user_id: UserId, room_id: RoomId) -> Seq:
        """The event that began the membership that they were told of; 0 = of none."""
        return self._told.get(user_id, {}).get(room_id, Seq(0))

    def learn(self, user_id: UserId, memberships: Mapping[RoomId, Seq]) -> None:
        """A socket is about to tell this user of (at least) these; it hears what happens later already."""
        self._told.setdefault(user_id, dict(memberships))

    def forget(self) -> None:
        """What was told is of a store that is no more: its ids and seqs may be given to others now."""
        self._told.clear()

    def happened(self, user_id: UserId, room_id: RoomId, seq: Seq, *, joined: bool) -> None:
        """By the event at `seq` the user came into a room, or went."""
        told = self._told.get(user_id)
        if told is not None:
            known = told.get(room_id, Seq(0))
            if seq <= known or not (joined or known):
                return  # they know
            self._news[user_id] = None
            if joined:
                told[room_id] = seq
            else:
                del told[room_id]
        for listener in self._of_user(user_id):
            listener.signal_room(room_id, seq, added=joined)

    def room_deleted(self, room_id: RoomId, seq: Seq) -> None:
        """By the event at `seq` everybody went who was in the room."""
        for user_id in [user_id for user_id, told in self._told.items() if room_id in told]:
            self.happened(user_id, room_id, seq, joined=False)

    def begin_look(self) -> None:
        """What is looked at from now on is to be compared; who has gone is forgotten."""
        for user_id in [user_id for user_id in self._told if not self._of_user(user_id)]:
            del self._told[user_id]
        self._news.clear()

    def compare(self, user_id: UserId, memberships: Mapping[RoomId, Seq]) -> None:
        """These they had at some time since the look began: tell them of what they were not told."""
        told = self._told.get(user_id)
        if told is None or user_id in self._news:  # what was looked at may be older than what they know
            return
        for room_id, seq in memberships.items():
            if told.get(room_id) != seq:
                self.happened(user_id, room_id, seq, joined=True)
        for room_id in [room_id for room_id in told if room_id not in memberships]:
            # The event that ended it is one of those after the event that began it.
            self.happened(user_id, room_id, Seq(told[room_id] + 1), joined=False)
