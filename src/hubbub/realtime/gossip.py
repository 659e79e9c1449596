"""What the nodes tell each other of who is there.

Each speaks of its own users alone: within a beat of those of whom there is news, and of everybody once in a round. What
it said is a lease, which ends for one user when they were not named for `KEPT` rounds, and for all of them when the
node was not heard for as long: neither a lost message nor a dead node leaves anybody there. Who may know is not known.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from struct import Struct
from typing import Literal, Protocol, TypeAlias

from hubbub.domain.ids import Millis, UserId
from hubbub.realtime.lapses import Lapses
from hubbub.services.ports import Clock

Status: TypeAlias = Literal["offline", "away", "online"]
STATUSES: tuple[Status, ...] = ("offline", "away", "online")  # where nodes differ, the last one counts

KEPT = 3  # rounds: so many in a row may not get lost
NAMED = 1000  # users in one message

_ROUNDS = 64  # are told apart; in two more bits is the status: numbers below 256 are no objects of their own
_PERSON = Struct(">Bqq")  # index of the status, user_id, when they were last seen (0 = not known, or they are there)


class Here(Protocol):
    """The users of this node, and who wants to know of those of the others."""

    def users(self) -> Iterable[UserId]:
        """Who is here."""
        ...

    def state(self, user_id: UserId) -> tuple[Status, Millis | None]:
        """How somebody is here, and when they were last seen if they are gone."""
        ...

    def heard(self, user_id: UserId, seen: Millis | None) -> None:
        """Another node has named them, or has forgotten them; `seen` is when they were last there, if that is known."""
        ...


@dataclass(slots=True)
class _Node:
    """Another node, as it is heard."""

    number: int  # of the newest round that was heard of
    heard: int = 0  # rounds, modulo _ROUNDS
    said: dict[UserId, int] = field(default_factory=dict)  # of those who are there: `heard` then, and the status


class Gossip:
    """What the other nodes say, and what this one says to them."""

    def __init__(self, here: Here, clock: Clock, *, beats: int, lease: float) -> None:
        """A round has so many `beats`, and a node is gone that was not heard for `lease` seconds."""
        self._beats = beats
        self._lease = lease
        self._here = here
        self._clock = clock
        self._nodes: dict[bytes, _Node] = {}
        self._leases: Lapses[bytes] = Lapses(lease, self._lapse)
        self._publish: Callable[[bytes], None] | None = None
        self._name = b""
        self._news: dict[UserId, None] = {}
        self._waiting: list[UserId] = []  # who has not been named in this round
        self._beat = 0  # of this round
        self._number = 0  # of this round, modulo 256

    def statuses(self, user_id: UserId) -> list[Status]:
        """What the other nodes say of somebody, unless it is offline."""
        said = [node.said.get(user_id, 0) for node in self._nodes.values()]
        return [STATUSES[number & 3] for number in said if number]

    @property
    def connected(self) -> bool:
        return self._publish is not None

    @property
    def has_news(self) -> bool:
        return bool(self._news)

    # Out

    def connect(self, publish: Callable[[bytes], None], name: str) -> None:
        """Tell the other nodes who is here, under a name that no other node has."""
        self._publish, self._name = publish, name.encode()
        self.ask()

    def ask(self) -> None:
        """Have everybody say at once who is there: what they said before may have been lost."""
        if self._publish is not None:
            self._publish(self._message(()))
            self._tell_everything()

    def tell(self, user_id: UserId) -> None:
        """Something has changed for a user of this node."""
        if self._publish is not None:
            self._news[user_id] = None

    def beat(self) -> None:
        """Tell the news, and name some of the others once more."""
        if self._publish is None:
            return
        if self._beat == 0:
            self._number = (self._number + 1) % 256
            self._waiting = list(self._here.users())
        share = -(-len(self._waiting) // (self._beats - self._beat))
        named, self._waiting = self._waiting[:share], self._waiting[share:]
        self._beat = (self._beat + 1) % self._beats
        due, self._news = list(self._news | dict.fromkeys(named)), {}
        for first in range(0, len(due), NAMED):
            self._publish(self._message(due[first : first + NAMED]))

    def close(self) -> None:
        self._leases.close()

    def _tell_everything(self) -> None:
        self._news.update(dict.fromkeys(self._here.users()))

    def _message(self, user_ids: Iterable[UserId]) -> bytes:
        """Without users it is a question."""
        people = []
        for user_id in user_ids:
            status, seen = self._here.state(user_id)
            people.append(_PERSON.pack(STATUSES.index(status), user_id, seen or 0))
        return bytes([len(self._name)]) + self._name + bytes([self._number]) + b"".join(people)

    # In

    def receive(self, payload: bytes) -> None:
        """What another node says."""
        end = 1 + payload[0]
        name, number, people = payload[1:end], payload[end], payload[end + 1 :]
        if not people:
            self._tell_everything()
            return
        node = self._nodes.get(name)
        if node is None:
            node = self._nodes[name] = _Node(number)
        self._leases.set(name)
        if 0 < (number - node.number) % 256 < 128:  # otherwise it comes late
            self._begin_round(node, number)
        for index, user, seen in _PERSON.iter_unpack(people):
            user_id = UserId(user)
            if index:
                node.said[user_id] = node.heard << 2 | index
                self._here.heard(user_id, None)
            else:
                node.said.pop(user_id, None)
                self._here.heard(user_id, Millis(seen) if seen else None)

    def _begin_round(self, node: _Node, number: int) -> None:
        """Rounds that nobody heard do not count: nobody is forgotten because the bus was silent for a while."""
        node.number, node.heard = number, (node.heard + 1) % _ROUNDS
        over = [user_id for user_id, said in node.said.items() if (node.heard - (said >> 2)) % _ROUNDS >= KEPT]
        self._forget(node, over)

    def _lapse(self, name: bytes) -> None:
        """A node is gone, or cut off."""
        node = self._nodes.pop(name)
        self._forget(node, list(node.said))

    def _forget(self, node: _Node, user_ids: list[UserId]) -> None:
        seen = Millis(self._clock.now() - int(self._lease * 1000))
        for user_id in user_ids:
            del node.said[user_id]
            self._here.heard(user_id, seen)
