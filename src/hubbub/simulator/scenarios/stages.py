"""Where a scenario happens: a chat in memory with its people and rooms, by the names that the script has for them."""

from collections.abc import Mapping, Sequence

from hubbub.domain.errors import ChatError
from hubbub.domain.events import Event, History, RoomKind
from hubbub.domain.ids import MAX_ID, Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom
from hubbub.services.changes import Draft
from hubbub.services.imports import ImportedPerson, Imports
from hubbub.services.journal import Journal
from hubbub.services.logs import Logs
from hubbub.services.messages import Messages, Posted
from hubbub.services.ports import MAX_PAGE
from hubbub.services.reads import Reads
from hubbub.services.rooms import Rooms
from hubbub.simulator.audience import Audience
from hubbub.simulator.clocks import StepClock
from hubbub.simulator.scenarios.scripts import Statement, direct_name
from hubbub.simulator.scenarios.views import Views
from hubbub.stores.memory import MemoryStore

_START = Millis(1_767_225_600_000)  # 2026-01-01T00:00:00Z


class Unmet(Exception):
    """Something is not as a line of the script needs it."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}")
        self.expected = expected
        self.found = found


class Stage:
    """One chat for one scenario. Ids begin at 1 and the clock stands still within a step: every run is the same."""

    def __init__(self) -> None:
        clock = StepClock(_START)
        self._clock = clock
        self._store = MemoryStore()
        self._audience = Audience()
        self._journal = Journal(self._store, clock, self._audience)
        self._imports = Imports(self._store, self._journal, clock)
        self.rooms = Rooms(self._store, self._journal)
        self.messages = Messages(self._store, self._journal)
        self.logs = Logs(self._store)
        self._reads = Reads(self._store)
        self.views = Views(self.logs)
        self.names: dict[UserId, str] = {}
        self._ids: dict[str, UserId] = {}
        self._room_ids: dict[str, RoomId] = {}
        self._here: RoomId | None = None

    async def close(self) -> None:
        await self._journal.close()
        await self._reads.close()
        await self._store.close()

    async def enter(self, people: Sequence[str]) -> None:
        """These people have accounts and are present. Nobody signs in: passwords are no part of a scenario."""
        for user in await self._imports.users([ImportedPerson(name, name, name) for name in people]):
            self.names[user.id] = user.username
            self._ids[user.username] = user.id
            self._audience.enter(user.id)

    async def settle(self) -> None:
        """Let everybody see what has happened; a second passes."""
        for delivery in self._audience.take():
            await self.views.follow(delivery)
        self._clock.advance()

    # Names

    @property
    def here(self) -> RoomId:
        if self._here is None:
            raise Unmet("a room to be in", "none: its creation was refused")
        return self._here

    def id_of(self, name: str) -> UserId:
        return self._ids[name]

    def go_to(self, room: str) -> None:
        """The lines that follow are about this room."""
        self._here = self._room_ids.get(unquoted(room))

    async def find_message(self, word: str) -> Seq:
        """A message of the room by its seq, `[4]`, or by what it says, `"hello"`; the newest that says so."""
        if word.startswith("["):
            return Seq(int(word[1:-1]))
        text = word[1:-1]
        found = await self.read_messages()
        for message in found:
            if message.text == text:
                return message.seq
        raise Unmet(f'a message "{text}"', quoted([message.text for message in reversed(found)]))

    async def read_messages(self) -> list[Message]:
        """The messages of the room, the newest first, whoever may read them."""
        here = self.here
        return await self._store.read(lambda tx: tx.messages.page(here, before=None, base=Seq(0), limit=MAX_PAGE))

    # What people do

    async def act(self, statement: Statement) -> Posted | None:
        """Carry out what somebody does; the answer to a message. Raise the ChatError of a refusal."""
        words = statement.words
        who = self.id_of(words["WHO"])
        match statement.kind:
            case "group" | "channel" | "direct":
                await self._create(statement.kind, who, words)
            case "post":
                return await self.messages.post(who, self.here, Draft(words["TEXT"]))
            case "send":
                return await self.messages.post(who, self.here, Draft(words["TEXT"], words["ID"]))
            case "reply":
                target = await self.find_message(words["MESSAGE"])
                return await self.messages.post(who, self.here, Draft(words["TEXT"], reply_to=target))
            case "edit":
                await self.messages.edit(who, self.here, await self.find_message(words["MESSAGE"]), words["TEXT"])
            case "delete":
                await self.messages.delete(who, self.here, await self.find_message(words["MESSAGE"]))
            case "read":
                await self._reads.mark(who, self.here, await self.find_message(words["MESSAGE"]))
            case kind:
                await self._change_room(kind, who, words)
        return None

    async def _create(self, kind: str, who: UserId, words: Mapping[str, str]) -> None:
        self._here = None  # until it is there: what follows must not happen in another room
        if kind == "direct":
            summary, _ = await self.rooms.open_direct(who, self.id_of(words["WHOM"]))
            name = direct_name(words["WHO"], words["WHOM"])
        else:
            name = unquoted(words["ROOM"])
            summary = await self.rooms.create(
                who,
                RoomKind(kind),
                name=name,
                history=History(words.get("HISTORY", "all")),
                member_ids=[self.id_of(other) for other in words.get("PEOPLE", "").split(", ") if other],
            )
        self._here = self._room_ids[name] = summary.room_id

    async def _change_room(self, kind: str, who: UserId, words: Mapping[str, str]) -> None:
        whom = self.id_of(words["WHOM"]) if "WHOM" in words else who
        role = Role(words["ROLE"]) if "ROLE" in words else None
        match kind:
            case "join" | "add" | "role":
                await self.rooms.put_member(who, self.here, whom, role)
            case "leave" | "remove":
                await self.rooms.remove_member(who, self.here, whom)
            case "rename":
                name = unquoted(words["ROOM"])
                await self.rooms.change(who, self.here, name=name)
                self._room_ids[name] = self.here
            case "topic":
                await self.rooms.change(who, self.here, topic=words["TEXT"])
            case "close":
                await self.rooms.delete(who, self.here)

    # What is so

    async def read_log(self, room_id: RoomId) -> list[Event]:
        """All events of a room, whoever may read them."""
        events: list[Event] = []
        while True:
            page = await self.logs.range(room_id, events[-1].seq if events else Seq(0), Seq(MAX_ID))
            events += page
            if not page:
                return events

    async def members(self) -> list[str]:
        """The members of the room, whoever may know them, the way they are written in a script."""
        here = self.here
        members = await self._store.read(lambda tx: tx.members.of_room(here, after=UserId(0), limit=MAX_PAGE))
        return [
            self.names[member.user_id] + ("" if member.role is Role.MEMBER else f" ({member.role.value})")
            for member in members
        ]

    async def require_consistency(self) -> None:
        """What must hold after every scenario: logs have no hole, and each member sees what the log says."""
        for name, room_id in self._room_ids.items():
            seqs = [event.seq for event in await self.read_log(room_id)]
            if seqs != list(range(1, len(seqs) + 1)):
                raise Unmet(f"the log of {name} without a hole", str(seqs))
            for user_id, username in self.names.items():
                try:
                    fresh = await self.views.load(user_id, room_id)
                except ChatError:
                    continue  # no member: their view is what they saw when they still were one
                if _state(fresh) != _state(self.views.get(user_id, room_id)):
                    raise Unmet(f"{username} to see {name} as its log has it", "a view that differs")


def quoted(texts: Sequence[str]) -> str:
    """Texts in a row, the way they are written in a script."""
    return ", ".join(f'"{text}"' for text in texts) or "nothing"


def unquoted(room: str) -> str:
    return room.strip('"')


def _state(room: ChatRoom) -> tuple[object, ...]:
    return room.head, room.name, room.topic, room.deleted, room.members, room.messages
