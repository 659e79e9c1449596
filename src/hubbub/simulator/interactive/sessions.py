"""What an interactive simulation knows: who has signed in, who is acting, and what people and rooms are called."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hubbub.domain.events import Event, MemberLeft, RoomChanged, RoomDeleted
from hubbub.domain.ids import MAX_ID, RoomId, Seq, UserId
from hubbub.domain.users import User
from hubbub.services.chat import Chat
from hubbub.services.ports import MAX_PAGE, RoomSummary, Store
from hubbub.simulator.audience import Audience, Delivery
from hubbub.simulator.interactive.screens import Screen, Tone
from hubbub.simulator.pages import all_pages
from hubbub.simulator.sentences import describe, people_of


class Misuse(Exception):
    """A line that can't be carried out as it stands; the message says why, and what to type instead."""


@dataclass(slots=True)
class Person:
    """Somebody who has signed in, and the room they are looking at."""

    user: User
    room_id: RoomId | None = None


class Session:
    """Several people at one keyboard. `commands` has what they can do."""

    def __init__(
        self, chat: Chat, store: Store, audience: Audience, screen: Screen, *, accounts_last: bool = False
    ) -> None:
        """`accounts_last`: they outlive the program, so that their owners will need a password."""
        self.chat = chat
        self.screen = screen
        self.accounts_last = accounts_last
        self.acting: Person | None = None
        self.people: dict[UserId, Person] = {}  # in the order in which they signed in
        self.labels: dict[RoomId, str] = {}
        self.ended = False
        self._names: dict[UserId, str] = {}
        self._store = store
        self._audience = audience

    # Who and where

    @property
    def prompt(self) -> str:
        if self.acting is None:
            return "hubbub> "
        name = self.acting.user.username
        return f"{name}> " if self.acting.room_id is None else f"{name} {self.labels[self.acting.room_id]}> "

    @property
    def me(self) -> UserId:
        return self._acting().user.id

    @property
    def here(self) -> RoomId:
        room_id = self._acting().room_id
        if room_id is None:
            raise Misuse("you are looking at no room: /switch ROOM opens one of yours, /room NAME makes a new one")
        return room_id

    def look_at(self, room: RoomSummary) -> None:
        """From now on the person who is acting speaks in this room."""
        self._learn_room(room)
        self._acting().room_id = room.room_id

    async def sign_in(self, user: User) -> None:
        """They act from now on, and are told of what happens in their rooms."""
        if user.id not in self.people:
            self.people[user.id] = Person(user)
            self._names[user.id] = user.username
            self._audience.enter(user.id, [room.room_id for room in await self.rooms_of(user.id)])
        self.acting = self.people[user.id]

    async def rooms_of(self, user_id: UserId) -> list[RoomSummary]:
        """All rooms of somebody who has signed in, the latest event first."""
        rooms = await all_pages(lambda cursor: self.chat.rooms.page(user_id, cursor=cursor, limit=MAX_PAGE))
        for room in rooms:
            self._learn_room(room, user_id)
        return rooms

    # Names

    async def find_user(self, name: str) -> User:
        """Anybody who has an account. Raise Misuse."""
        user = await self._store.lookup(lambda tx: tx.users.find(name.removeprefix("@")))
        if user is None:
            raise Misuse(f"there is nobody called {name}: /register {name} makes an account")
        self._names[user.id] = user.username
        return user

    async def find_room(self, name: str) -> RoomSummary:
        """One of the rooms of who is acting: by name, number, or the other person of a direct room. Raise Misuse."""
        wanted = name.removeprefix("#").removeprefix("@").casefold()
        found = [room for room in await self.rooms_of(self.me) if wanted in self._names_of_room(room)]
        if not found:
            raise Misuse(f"you are in no room called {name}: /rooms lists yours, /join NAME enters a channel")
        if len(found) > 1:
            numbers = " or ".join(sorted(str(room.room_id) for room in found))
            raise Misuse(f"several of your rooms are called {name}: say the number instead, {numbers}")
        return found[0]

    async def names(self, user_ids: Collection[UserId]) -> Mapping[UserId, str]:
        """The usernames of at least these people."""
        missing = [user_id for user_id in user_ids if user_id not in self._names]
        if missing:
            users = await self._store.lookup(lambda tx: tx.users.get_many(missing))
            self._names.update((user.id, user.username) for user in users.values())
        return self._names

    def known_names(self) -> list[str]:
        """Everybody who has been mentioned so far."""
        return sorted(self._names.values(), key=str.casefold)

    # What happens

    async def show_deliveries(self) -> int:
        """Show what the people here were told since the last call; the room in front of them counts as read.

        Answers how many events that were.
        """
        deliveries = self._audience.take()
        for delivery in deliveries:
            await self._show(delivery)
            self._follow(delivery.event)
        if self.acting is not None and self.acting.room_id is not None:
            await self.chat.reads.mark(self.me, self.acting.room_id, Seq(MAX_ID))
        return len(deliveries)

    async def _show(self, delivery: Delivery) -> None:
        event = delivery.event
        names = await self.names(people_of(event))
        line = f"  [{event.seq}] {describe(event, names)}"
        if delivery.user_ids != (self.me,):
            line += f"  (seen by {', '.join(names[user_id] for user_id in delivery.user_ids)})"
        self.screen.show(line, Tone.EVENT)

    def _follow(self, event: Event) -> None:
        """Keep the labels, and nobody in a room that they are no member of."""
        match event:
            case RoomChanged():
                self.labels[event.room_id] = event.name
            case MemberLeft():
                self._turn_away(event.room_id, [event.member_id])
            case RoomDeleted():
                self._turn_away(event.room_id, self.people)

    def _turn_away(self, room_id: RoomId, user_ids: Collection[UserId]) -> None:
        for user_id in user_ids:
            person = self.people.get(user_id)
            if person is not None and person.room_id == room_id:
                person.room_id = None

    def _acting(self) -> Person:
        if self.acting is None:
            raise Misuse("nobody has signed in: /register NAME makes an account, /login NAME uses one")
        return self.acting

    def _learn_room(self, room: RoomSummary, user_id: UserId | None = None) -> None:
        if room.peer is None:
            self.labels[room.room_id] = room.name
        else:
            self._names[room.peer.id] = room.peer.username
            pair = [self._names[user_id or self.me], room.peer.username]
            self.labels[room.room_id] = "+".join(sorted(pair, key=str.casefold))

    def _names_of_room(self, room: RoomSummary) -> set[str]:
        names = {str(room.room_id), self.labels[room.room_id].casefold()}
        return names | {room.peer.username.casefold()} if room.peer else names
