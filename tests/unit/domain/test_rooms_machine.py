"""A ChatRoom driven at random: whoever asks for whatever, these promises hold after each step."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hubbub.domain.errors import ChatError, Forbidden, NotFound
from hubbub.domain.events import Event, History, MemberJoined, MessageEdited, MessagePosted, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.rooms import ChatRoom

ROOM = RoomId(9)
USERS = [UserId(number) for number in range(1, 6)]
OLD = 20  # events after which a room may be deleted

numbers = st.integers(0, 99)
roles = st.sampled_from(Role)
texts = st.sampled_from(["one", "two", "three", "four", "", "\x00"])
names = st.none() | st.sampled_from(["Tea", "Coffee", "Cocoa", "", " Milk"])

Decide = Callable[[ChatRoom], Sequence[Event]]


@dataclass(frozen=True)
class Refused:
    error: type[ChatError]
    message: str


NOT_FOUND = Refused(NotFound, "there is no room 9")


def state(room: ChatRoom) -> dict[str, Any]:
    """A copy of everything that a room holds."""
    held = {name: getattr(room, name) for name in ChatRoom.__slots__}
    return held | {"members": dict(room.members), "messages": dict(room.messages)}


def fold(events: Iterable[Event]) -> ChatRoom:
    room = ChatRoom(ROOM)
    for event in events:
        room.apply(event)
    return room


def replayed(log: Sequence[Event]) -> list[Event]:
    """The log as a store replays it: messages as they are now, and no edit holds the text of a deleted one."""
    now = fold(log).messages
    events: list[Event] = []
    for event in log:
        if isinstance(event, MessagePosted):
            events.append(MessagePosted(now[event.seq]))
        elif isinstance(event, MessageEdited) and now[event.target].deleted:
            events.append(replace(event, text=""))
        else:
            events.append(event)
    return events


def ask(room: ChatRoom, decide: Decide) -> Sequence[Event] | Refused:
    """What a room answers; and that answering changes nothing."""
    before = state(room)
    try:
        return decide(room)
    except ChatError as error:
        return Refused(type(error), str(error))
    finally:
        assert state(room) == before


class RoomMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.room = ChatRoom(ROOM)
        self.log: list[Event] = []

    @initialize(
        users=st.permutations(USERS),
        kind=st.sampled_from([RoomKind.GROUP, RoomKind.CHANNEL, RoomKind.GROUP, RoomKind.CHANNEL, RoomKind.DIRECT]),
        history=st.sampled_from(History),
    )
    def create(self, users: list[UserId], kind: RoomKind, history: History) -> None:
        """A room in which something has been said; in a shared one the second member is an admin."""
        creator, *others = users[: 2 if kind is RoomKind.DIRECT else 4]
        self.take(self.room.create(creator, kind, name="Tea", history=history, member_ids=others, at=self.at))
        if kind is not RoomKind.DIRECT:
            self.take(self.room.change_role(creator, others[0], Role.ADMIN, at=self.at))
        for user_id in (creator, *others):
            self.take((self.room.post(user_id, "hi", at=self.at),))

    @property
    def at(self) -> Millis:
        return Millis(1_000 + len(self.log))

    def take(self, events: Sequence[Event]) -> None:
        for event in events:
            self.room.apply(event)
            self.log.append(event)

    def do(self, user_id: UserId, decide: Decide, *members: UserId, messages: Collection[Seq] = ()) -> None:
        """Let `user_id` ask for what concerns these members and messages, and take what is decided."""
        answer = ask(self.room, decide)
        assert answer == ask(self.loaded({user_id, *members}, messages), decide)
        if isinstance(answer, Refused):
            if self.room.deleted:
                assert answer == NOT_FOUND
            elif user_id not in self.room.members:
                assert answer.error is Forbidden if self.room.kind is RoomKind.CHANNEL else answer == NOT_FOUND
            return
        assert user_id in self.room.members or isinstance(answer[0], MemberJoined)
        assert [event.seq for event in answer] == list(range(len(self.log) + 1, len(self.log) + 1 + len(answer)))
        assert all((event.room_id, event.user_id, event.at) == (ROOM, user_id, self.at) for event in answer)
        self.take(answer)

    def loaded(self, members: Collection[UserId], messages: Collection[Seq]) -> ChatRoom:
        """The room as the journal loads it: with these members and messages alone."""
        part = fold(self.log)
        part.members = {user_id: member for user_id, member in part.members.items() if user_id in members}
        part.messages = {seq: message for seq, message in part.messages.items() if seq in messages}
        return part

    def somebody(self, number: int) -> UserId:
        """A user by number: mostly members, those who may do most first."""
        members = sorted(self.room.members.values(), key=lambda member: -member.role.rank)
        pool = [member.user_id for member in members] * 2 + USERS
        return pool[number % len(pool)]

    def something(self, number: int) -> Seq:
        """The seq of a message by number; now and then one where there is none."""
        pool = [*self.room.messages] * 3 + [Seq(0), Seq(1), Seq(self.room.head + 1)]
        return pool[number % len(pool)]

    def author_or_other(self, seq: Seq, number: int) -> UserId:
        message = self.room.messages.get(seq)
        return message.user_id if message and number % 2 else self.somebody(number // 2)

    @rule(who=numbers, text=texts, client_id=st.none() | texts, reply_to=st.none() | numbers)
    def post(self, who: int, text: str, client_id: str | None, reply_to: int | None) -> None:
        user_id, target = self.somebody(who), None if reply_to is None else self.something(reply_to)

        def decide(room: ChatRoom) -> Sequence[Event]:
            return (room.post(user_id, text, client_id=client_id, reply_to=target, at=self.at),)

        self.do(user_id, decide, messages=() if target is None else (target,))

    @rule(who=numbers, which=numbers, text=texts)
    def edit(self, who: int, which: int, text: str) -> None:
        seq = self.something(which)
        user_id = self.author_or_other(seq, who)
        self.do(user_id, lambda room: room.edit(user_id, seq, text, at=self.at), messages=(seq,))

    @rule(who=numbers, which=numbers)
    def delete(self, who: int, which: int) -> None:
        seq = self.something(which)
        user_id = self.author_or_other(seq, who)
        self.do(user_id, lambda room: room.delete(user_id, seq, at=self.at), messages=(seq,))

    @rule(user_id=st.sampled_from(USERS))
    def join(self, user_id: UserId) -> None:
        self.do(user_id, lambda room: room.join(user_id, at=self.at))

    @rule(who=numbers, member_id=st.sampled_from(USERS), role=roles)
    def add_member(self, who: int, member_id: UserId, role: Role) -> None:
        user_id = self.somebody(who)
        self.do(user_id, lambda room: room.add_member(user_id, member_id, role, at=self.at), member_id)

    @rule(who=numbers, whom=numbers)
    def remove_member(self, who: int, whom: int) -> None:
        user_id, member_id = self.somebody(who), self.somebody(whom)
        self.do(user_id, lambda room: room.remove_member(user_id, member_id, at=self.at), member_id)

    @rule(who=numbers, whom=numbers, role=roles)
    def change_role(self, who: int, whom: int, role: Role) -> None:
        user_id, member_id = self.somebody(who), self.somebody(whom)
        self.do(user_id, lambda room: room.change_role(user_id, member_id, role, at=self.at), member_id)

    @rule(who=numbers, name=names, topic=names)
    def change(self, who: int, name: str | None, topic: str | None) -> None:
        user_id = self.somebody(who)
        self.do(user_id, lambda room: room.change(user_id, name=name, topic=topic, at=self.at))

    @precondition(lambda self: len(self.log) >= OLD)
    @rule(who=numbers)
    def close(self, who: int) -> None:
        user_id = self.somebody(who)
        self.do(user_id, lambda room: room.close(user_id, at=self.at))

    @rule(data=st.data())
    def catch_up(self, data: st.DataObject) -> None:
        """A reader who was there for a while and read the rest later, or the other way round, ends where all do."""
        split = data.draw(st.integers(0, len(self.log)))
        assert state(fold(self.log[:split] + replayed(self.log)[split:])) == state(self.room)
        assert state(fold(replayed(self.log[:split]) + self.log[split:])) == state(self.room)

    @invariant()
    def seqs_are_gapless(self) -> None:
        assert [event.seq for event in self.log] == list(range(1, self.room.head + 1))

    @invariant()
    def the_state_is_the_fold_of_the_log(self) -> None:
        assert state(self.room) == state(fold(self.log)) == state(fold(replayed(self.log)))

    @invariant()
    def direct_rooms_have_two_members_and_others_one_owner(self) -> None:
        held = sorted(member.role.value for member in self.room.members.values())
        if self.room.deleted or not self.log:
            assert held == []
        elif self.room.kind is RoomKind.DIRECT:
            assert held == ["member", "member"]
        else:
            assert held.count("owner") == 1

    @invariant()
    def a_membership_begins_with_its_last_joining(self) -> None:
        joined = {event.member_id: event.seq for event in self.log if isinstance(event, MemberJoined)}
        assert all(member.joined_seq == joined[user_id] for user_id, member in self.room.members.items())

    @invariant()
    def deleted_messages_say_nothing_and_others_something(self) -> None:
        assert all(message.deleted == (not message.text) for message in self.room.messages.values())


RoomMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=60)
TestRoomMachine = RoomMachine.TestCase
