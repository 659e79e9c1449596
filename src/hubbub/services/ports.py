"""What the services need from outside, as protocols. Implementations do not repeat these docstrings.

Transactions are plain synchronous functions: `await store.read(fn)` and `await store.write(fn)` call `fn(tx)` from
start to end in one transaction, in a worker thread for SQL, at once in memory. A transaction can so never be held over
an await. `fn` may be called from another thread: it takes what it needs as arguments and returns plain values.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from hubbub.domain.events import Event, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, SessionId, UserId
from hubbub.domain.members import Member, Role
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom
from hubbub.domain.users import Session, User

T = TypeVar("T")

MAX_PAGE = 200  # items; every `limit` below is 1..MAX_PAGE unless it says otherwise
UNREAD_MAX = 1000  # counting stops here: more is shown as "999+" everywhere
SUMMARY_REACH = 2000  # messages at a room's end that its summary looks at, so that it costs the same for every room


@dataclass(frozen=True, slots=True)
class RoomSummary:
    """A room in somebody's list of rooms."""

    room_id: RoomId
    kind: RoomKind
    name: str
    topic: str
    head: Seq
    last_at: Millis  # when its last event happened
    role: Role
    base: Seq  # the last seq before what this member may read
    read_seq: Seq  # never below the seq of the current membership
    unread: int  # messages after read_seq, not their own, not deleted; at most UNREAD_MAX, of the last SUMMARY_REACH
    peer: User | None  # the other person of a direct room
    last_message: Message | None  # the newest that this member may read, and that is not deleted; within SUMMARY_REACH
    last_author: User | None


@dataclass(frozen=True, slots=True)
class ChannelSummary:
    """A channel in the directory."""

    room_id: RoomId
    name: str
    topic: str
    members: int
    created_at: Millis


class Users(Protocol):
    def add(
        self, *, username: str, email: str, display_name: str, password_hash: str, at: Millis, is_admin: bool = False
    ) -> User:
        """Insert a user. Raise Conflict when the username or the e-mail address, compared without case, is taken."""
        ...

    def get(self, user_id: UserId) -> User | None:
        """In a write they are locked until its end: what is decided on them still holds when it is written."""
        ...

    def get_many(self, user_ids: Collection[UserId]) -> dict[UserId, User]:
        """Those that exist; any number of ids."""
        ...

    def find(self, login: str) -> User | None:
        """The user with this username or e-mail address, whatever its case."""
        ...

    def administrators(self) -> list[User]:
        """Those of an account that is not disabled, by id. In a write they are locked until its end."""
        ...

    def update(self, user: User) -> None:
        """Replace everything but id and created_at. Raise Conflict as `add` does, NotFound when there is no such id."""
        ...

    def search(self, query: str, *, after: str | None, limit: int, with_disabled: bool = False) -> list[User]:
        """Users whose username or display name contains `query` (any case; empty = everybody).

        Those whose account is disabled are left out, unless they are asked for.
        Ordered by username without case; only usernames after `after` (exclusive, None = from the first).
        """
        ...


class Sessions(Protocol):
    def add(self, *, user_id: UserId, label: str, at: Millis, expires_at: Millis) -> Session:
        """A new session of generation 1. Its id was never that of another one, also of one that is gone.

        Raise NotFound when there is no such user.
        """
        ...

    def get(self, session_id: SessionId) -> Session | None:
        """Expired sessions are returned until they are purged: the caller compares `expires_at`."""
        ...

    def of_user(self, user_id: UserId) -> list[Session]:
        """All of them, the last used first (ties: the highest id first)."""
        ...

    def last_used(self, user_ids: Collection[UserId]) -> dict[UserId, Millis]:
        """When a session of each was last used; users without one are missing. Any number of ids."""
        ...

    def existing(self, session_ids: Collection[SessionId]) -> set[SessionId]:
        """Those of them that have not been ended or purged. Any number of ids."""
        ...

    def rotate(
        self, session_id: SessionId, *, generation: int, attempt: bytes | None, at: Millis, expires_at: Millis
    ) -> bool:
        """Move from `generation` to the next, and set attempt, used_at and expires_at; False when it is at another one.

        Of several at the same moment one moves it; the others wait until that is committed, so that what they read
        afterwards in their transaction is what it has made.
        """
        ...

    def end(self, session_ids: Collection[SessionId]) -> None:
        """Delete sessions and their tickets; those that do not exist are passed over."""
        ...

    def purge(self, before: Millis) -> list[SessionId]:
        """Delete, and name, sessions and tickets that expired before this time."""
        ...

    def add_ticket(self, ticket_hash: bytes, session_id: SessionId, expires_at: Millis) -> None:
        """Keep the SHA-256 of a single-use ticket. Raise NotFound when there is no such session."""
        ...

    def of_ticket(self, ticket_hash: bytes) -> SessionId | None:
        """The session of a ticket, also of one that has expired and was not purged yet."""
        ...

    def take_ticket(self, ticket_hash: bytes, at: Millis) -> SessionId | None:
        """The session of a ticket that has not expired. It is gone afterwards, whatever the answer."""
        ...


class Rooms(Protocol):
    def add(self, pair: tuple[UserId, UserId] | None = None) -> RoomId:
        """Reserve the id of a new room (head 0); `log.append` of its first events in the same transaction fills it.

        `pair` (in any order) makes it the one direct room of two people: raise Conflict when they have one, NotFound
        when there is no such user.
        """
        ...

    def of_pair(self, user_id: UserId, other_id: UserId) -> RoomId | None:
        """The direct room of two people, in any order."""
        ...

    def load(self, room_ids: Collection[RoomId]) -> dict[RoomId, ChatRoom]:
        """Rooms without members and messages; those that do not exist are missing. Deleted rooms are included.

        In a write they are locked until its end, in the order of their ids. The objects are the caller's own.
        """
        ...

    def heads(self, room_ids: Collection[RoomId]) -> dict[RoomId, Seq]: ...

    def of_user(self, user_id: UserId, *, before: tuple[Millis, RoomId] | None, limit: int) -> list[RoomSummary]:
        """The rooms of a member, ordered by (last_at, room_id) descending; only those below `before` (exclusive)."""
        ...

    def summary(self, user_id: UserId, room_id: RoomId) -> RoomSummary | None:
        """One room as `of_user` shows it; None when this user is not a member."""
        ...

    def channels(self, query: str, *, after: RoomId, limit: int) -> list[ChannelSummary]:
        """Channels that are not deleted whose name or topic contains `query` (any case), by id, above `after`."""
        ...


class Members(Protocol):
    def get(self, keys: Collection[tuple[RoomId, UserId]]) -> dict[tuple[RoomId, UserId], Member]:
        """Current memberships; any number of keys."""
        ...

    def of_room(self, room_id: RoomId, *, after: UserId, limit: int) -> list[Member]:
        """Members by user_id, above `after` (exclusive, 0 = from the first)."""
        ...

    def of_user(self, user_id: UserId) -> dict[RoomId, Member]:
        """All current memberships of a user."""
        ...

    def of_users(self, user_ids: Collection[UserId]) -> dict[UserId, dict[RoomId, Seq]]:
        """The event that each current membership of these users began with. Any number of ids, all in the answer."""
        ...

    def sharing(self, user_id: UserId, others: Collection[UserId]) -> set[UserId]:
        """Those of `others` (any number) who are members of a room that this user is a member of."""
        ...


class Log(Protocol):
    def append(self, events: Sequence[Event]) -> None:
        """Write events of any number of rooms, and bring everything that is derived from them up to date.

        The events of a room are in order and continue its log without a hole (the journal has it locked). Derived are:
        the room's head, last_at, name, topic, kind, history and deletion; its members; its messages. Deleting a message
        also empties the text that its earlier `message.edited` events carry. Raise Conflict, with nothing of the call
        written, when an event does not continue its room's log, a message repeats a (room, user, client_id), or an
        event names a user who does not exist.
        """
        ...

    def after(self, room_id: RoomId, after: Seq, *, limit: int, upto: Seq | None = None) -> list[Event]:
        """Events with after < seq (and seq <= upto), by seq, at most `limit` (1..1000); messages as they are now."""
        ...

    def epoch(self) -> str:
        """The name of this copy of the truth: made with the database, changed when it is restored from a backup."""
        ...


class Messages(Protocol):
    """Deleted messages are included, with empty text, so that a reader sees no hole; only `search` leaves them out."""

    def get(self, keys: Collection[tuple[RoomId, Seq]]) -> dict[tuple[RoomId, Seq], Message]:
        """Any number of keys."""
        ...

    def by_client_id(self, keys: Collection[tuple[RoomId, UserId, str]]) -> dict[tuple[RoomId, UserId, str], Message]:
        """What an author posted under a client_id; any number of keys."""
        ...

    def page(self, room_id: RoomId, *, before: Seq | None, base: Seq, limit: int) -> list[Message]:
        """Messages with base < seq < before (None = up to the newest), newest first: the `limit` newest of them."""
        ...

    def page_after(self, room_id: RoomId, *, after: Seq, limit: int) -> list[Message]:
        """Messages with seq > after, oldest first, at most `limit`: the next page for one who reads on."""
        ...

    def search(
        self, user_id: UserId, query: str, *, room_id: RoomId | None, before: tuple[RoomId, Seq] | None, limit: int
    ) -> list[Message]:
        """Messages that contain `query` (any case) in rooms that this user is a member of and at seqs they may read.

        Ordered by (room_id, seq) descending, only those below `before` (exclusive). There is no index of words: it may
        read every message of these rooms.
        """
        ...


class Reads(Protocol):
    def get(self, keys: Collection[tuple[RoomId, UserId]]) -> dict[tuple[RoomId, UserId], Seq]:
        """How far these users have read; who has no mark is missing. Any number of keys."""
        ...

    def advance(self, marks: Mapping[tuple[RoomId, UserId], Seq]) -> None:
        """Set marks; one that is further already stays."""
        ...


class RateLimits(Protocol):
    """Who has tried how often, for all nodes together."""

    def take(self, key: bytes, at: Millis, *, interval: int, burst: int) -> int:
        """Count an attempt: `burst` at once, then one each `interval` ms. Return 0, or the ms until the next may come.

        One that comes too early does not count. This is the generic cell rate algorithm (ITU-T I.371): all that is kept
        of a key is when it will have all of its attempts back. A time beyond `burst` intervals from now is none that
        the algorithm gives, but that of a wrong clock, and counts as none.
        """
        ...

    def purge(self, before: Millis) -> None:
        """Forget keys that have had all of their attempts back since before this time."""
        ...


class Tx(Protocol):
    """One transaction: repositories by noun. It is valid only while `fn` runs."""

    @property
    def users(self) -> Users: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def rooms(self) -> Rooms: ...
    @property
    def members(self) -> Members: ...
    @property
    def log(self) -> Log: ...
    @property
    def messages(self) -> Messages: ...
    @property
    def reads(self) -> Reads: ...
    @property
    def rate_limits(self) -> RateLimits: ...


class Store(Protocol):
    """Where everything durable lives.

    Reads see one snapshot. Writes are serial as far as anybody can tell, and durable when `write` returns. An exception
    out of `fn` rolls everything back and comes out unchanged. A failure of the store itself is `Unavailable`, or
    `Internal` when it is damaged and no repeat will help; after one of `write`, whether it happened is unknown.
    """

    async def read(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` in a transaction that may not write: it raises Internal."""
        ...

    async def lookup(self, fn: Callable[[Tx], T]) -> T:
        """`read`, for what takes a millisecond at the most: rows by their keys, a page of one room.

        A store on the same machine may run it in the caller's thread: changing threads costs more than it does.
        """
        ...

    async def write(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` in a transaction, and return what it returned once that is on disk."""
        ...

    async def close(self) -> None:
        """Let the running transactions finish, then release everything. Afterwards both calls raise Unavailable."""
        ...


class Clock(Protocol):
    def now(self) -> Millis:
        """The wall clock."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back."""
        ...


class PasswordHasher(Protocol):
    """Slow on purpose: each call runs in a worker thread, and only so many at once; one too many is Unavailable."""

    async def hash(self, password: str) -> str: ...

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Compare. With None (no such user) it takes as long as with a hash, and answers False."""
        ...

    def outdated(self, password_hash: str) -> bool:
        """Was it made with other parameters than `hash` uses now? Then the password should be hashed again."""
        ...


class Tokens(Protocol):
    """Signed, self-contained tokens. A token of one `purpose` is not valid for another."""

    def sign(self, purpose: str, claims: Mapping[str, int | str], expires_at: Millis) -> str: ...

    def verify(self, purpose: str, token: str) -> dict[str, int | str]:
        """The claims that were signed, and `exp`, the seconds since 1970 at which it expires, rounded down.

        Raise TokenExpired for one that was valid, Unauthenticated for all else.
        """
        ...


class Fanout(Protocol):
    """How the services tell the real-time side what has happened; all calls are made on the event loop."""

    def publish(self, events: Sequence[Event], epoch: str) -> None:
        """Events committed in this epoch of the store, each room's in order of seq."""
        ...

    def resync(self, room_ids: Collection[RoomId]) -> None:
        """Look at the log of these rooms: the outcome of a commit is unknown."""
        ...

    def end_sessions(self, session_ids: Collection[SessionId]) -> None:
        """Close every socket of these sessions at once."""
        ...
