"""What can be typed in an interactive simulation: a function for each command, and the table that names them."""

import secrets
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hubbub.domain.errors import ChatError
from hubbub.domain.events import RoomKind
from hubbub.domain.ids import Seq, UserId
from hubbub.domain.members import Role
from hubbub.services.changes import Draft
from hubbub.services.ports import MAX_PAGE, ChannelSummary
from hubbub.simulator.interactive.screens import Tone
from hubbub.simulator.interactive.sessions import Misuse, Session
from hubbub.simulator.logs import read_log
from hubbub.simulator.pages import all_pages
from hubbub.simulator.sentences import describe, describe_message, describe_seqs, people_of

_DEVICE = "hubbub simulate"
_ADDRESS = "127.0.0.1"  # what attempts to sign in are counted by
_NOBODY = UserId(0)  # looks at the channels before anybody has signed in

ADVICE = {
    "unauthenticated": "Check the name and the password, or make an account with /register NAME.",
    "forbidden": "What somebody may do in a group or a channel is a matter of their role: /members shows it.",
    "not_found": "/rooms lists your rooms, /history the messages of this one.",
    "conflict": "Choose another, or see /help for what else there is.",
    "invalid": "Nothing has happened: type it anew.",
    "too_large": "Send it in several parts.",
    "rate_limited": "Wait a little, then try again.",
    "unavailable": "Nothing is known to be wrong with it: try again.",
    "internal": "The rest of the chat is unharmed. Please report it.",
}
"""What to do next, by the code of an error."""


@dataclass(frozen=True, slots=True)
class Command:
    """`usage`: words in capitals, in brackets when they may be left out; `…` behind the last one that may be repeated.

    The text of the last word begins where it begins and goes to the end of the line when `to_the_end`. `changes`: when
    no event comes of it, it was so already.
    """

    name: str
    usage: str
    summary: str
    run: Callable[..., Awaitable[None]]
    to_the_end: bool = False
    changes: bool = False

    @property
    def form(self) -> str:
        return f"/{self.name} {self.usage}".rstrip()

    def arguments(self, rest: str) -> list[str]:
        """Take the line apart. Raise Misuse when it does not fit the usage."""
        words = self.usage.split()
        if self.to_the_end:
            given = rest.split(None, len(words) - 1)
        else:
            try:
                given = shlex.split(rest)
            except ValueError:
                raise Misuse(f"a quotation mark is not closed: {self.form}") from None
        least = sum(not word.startswith("[") for word in words)
        if len(given) < least or (len(given) > len(words) and "…" not in self.usage):
            raise Misuse(f"it goes like this: {self.form}")
        return given


async def carry_out(session: Session, line: str) -> bool:
    """Do what a line says, and show what happened; False when it was refused."""
    try:
        command = await _carry_out(session, line.strip())
        events = await session.show_deliveries()
    except Misuse as misuse:
        session.screen.show(f"  {misuse}.", Tone.ERROR)
        return False
    except ChatError as error:
        session.screen.show(f"  Refused ({error.code}): {error}.\n  {ADVICE[_advised(error)]}", Tone.ERROR)
        return False
    if command is not None and command.changes and not events:
        session.screen.show("  It is so already: nothing has changed.", Tone.ANSWER)
    return True


async def _carry_out(session: Session, line: str) -> Command | None:
    if not line:
        return None
    if not line.startswith("/"):
        await say(session, line)
        return None
    name, _, rest = line[1:].partition(" ")
    command = COMMANDS.get(name.lower())
    if command is None:
        raise Misuse(f"there is no command /{name}: /help lists them all")
    await command.run(session, *command.arguments(rest))
    return command


def _advised(error: ChatError) -> str:
    """The nearest code in the family of this error that there is advice for."""
    codes = [cls.code for cls in type(error).__mro__ if issubclass(cls, ChatError)]
    return next(code for code in codes if code in ADVICE)


def complete(session: Session, line: str) -> list[str]:
    """The words that may end a line as far as it is typed: commands, then whom and what the usage of one asks for."""
    before, _, word = line.rpartition(" ")
    if not line.startswith("/"):
        candidates = session.known_names() if word else []
    elif not before:
        candidates = [f"/{command.name} " if command.usage else f"/{command.name}" for command in COMMANDS.values()]
    else:
        command = COMMANDS.get(before.split()[0][1:].lower())
        candidates = _candidates(session, command, len(before.split()) - 1) if command else []
    return [candidate for candidate in candidates if candidate.casefold().startswith(word.casefold())]


def _candidates(session: Session, command: Command, position: int) -> list[str]:
    words = command.usage.split()
    if not words or (position >= len(words) and "…" not in words[-1]):
        return []
    match words[min(position, len(words) - 1)].strip("[]…"):
        case "PERSON" | "MEMBER":
            return session.known_names()
        case "ROOM" | "CHANNEL":
            return sorted(label if " " not in label else shlex.quote(label) for label in session.labels.values())
        case "ROLE":
            return [role.value for role in Role]
        case "COMMAND":
            return list(COMMANDS)
    return []


# People


async def register(session: Session, name: str, password: str | None = None) -> None:
    if password is None and session.accounts_last:
        password = await session.screen.ask_password(f"Choose a password for {name} (Enter makes one up): ")
        if password is None:
            raise Misuse("no account was made")
    remark = ""
    if not password:
        password = secrets.token_urlsafe()
        another = f": hubbub users reset-password {name} sets another" if session.accounts_last else ""
        remark = f" Your password was made up{another}."
    await session.sign_in(await session.chat.accounts.register(name, f"{name}@simulator.invalid", password))
    session.screen.show(f"  Welcome, {name}.{remark}", Tone.ANSWER)


async def login(session: Session, name: str, password: str | None = None) -> None:
    if password is None:
        password = await session.screen.ask_password(f"Password of {name}: ")
        if not password:
            raise Misuse("signing in needs the password: /login NAME PASSWORD")
    grant = await session.chat.accounts.login(name, password, address=_ADDRESS, label=_DEVICE)
    await session.sign_in(grant.user)
    session.screen.show(f"  Welcome back, {grant.user.username}.", Tone.ANSWER)


async def act_as(session: Session, name: str) -> None:
    for person in session.people.values():
        if person.user.username.casefold() == name.casefold():
            session.acting = person
            return
    raise Misuse(f"{name} has not signed in: /login {name} does that, /register {name} makes an account")


# Rooms


async def room(session: Session, name: str, *members: str) -> None:
    member_ids = [(await session.find_user(member)).id for member in members]
    await _create(session, RoomKind.GROUP, name, *member_ids)


async def channel(session: Session, name: str) -> None:
    await _create(session, RoomKind.CHANNEL, name.removeprefix("#"))


async def _create(session: Session, kind: RoomKind, name: str, *member_ids: UserId) -> None:
    session.look_at(await session.chat.rooms.create(session.me, kind, name=name, member_ids=member_ids))


async def direct(session: Session, name: str) -> None:
    peer = await session.find_user(name)
    summary, _ = await session.chat.rooms.open_direct(session.me, peer.id)
    session.look_at(summary)


async def join(session: Session, name: str) -> None:
    wanted = name.removeprefix("#")
    for found in await _channels(session, wanted):
        if found.name.casefold() == wanted.casefold():
            await session.chat.rooms.put_member(session.me, found.room_id, session.me)
            session.look_at(await session.chat.rooms.get(session.me, found.room_id))
            return
    raise Misuse(f"there is no channel called {wanted}: /channels lists all, /channel {wanted} makes it")


async def switch(session: Session, name: str) -> None:
    session.look_at(await session.find_room(name))


async def rooms(session: Session) -> None:
    found = await session.rooms_of(session.me)
    for summary in found:
        unread = f"{summary.unread} unread" if summary.unread else "all read"
        line = f"  {summary.room_id:>3}  {session.labels[summary.room_id]}  ({summary.kind.value}, {unread})"
        session.screen.show(f"{line}  {summary.topic}".rstrip(), Tone.ANSWER)
    if not found:
        session.screen.show("  You are in no room yet: /channels lists what you may join.", Tone.ANSWER)


async def channels(session: Session) -> None:
    found = await _channels(session)
    for summary in found:
        members = "1 member" if summary.members == 1 else f"{summary.members} members"
        line = f"  {summary.room_id:>3}  {summary.name}  ({members})  {summary.topic}"
        session.screen.show(line.rstrip(), Tone.ANSWER)
    if not found:
        session.screen.show("  There are none yet: /channel NAME makes one.", Tone.ANSWER)


async def _channels(session: Session, query: str = "") -> list[ChannelSummary]:
    search = session.chat.channels.search
    asking = _NOBODY if session.acting is None else session.me
    return await all_pages(lambda cursor: search(asking, query, cursor=cursor, limit=MAX_PAGE))


async def rename(session: Session, name: str) -> None:
    await session.chat.rooms.change(session.me, session.here, name=name)


async def topic(session: Session, text: str = "") -> None:
    await session.chat.rooms.change(session.me, session.here, topic=text)


async def close(session: Session) -> None:
    await session.chat.rooms.delete(session.me, session.here)


# Members


async def members(session: Session) -> None:
    rooms, me, here = session.chat.rooms, session.me, session.here
    for membership in await all_pages(lambda cursor: rooms.members(me, here, cursor=cursor, limit=MAX_PAGE)):
        session.screen.show(f"  {membership.user.username} ({membership.member.role.value})", Tone.ANSWER)


async def invite(session: Session, name: str, role: str | None = None) -> None:
    user = await session.find_user(name)
    await session.chat.rooms.put_member(session.me, session.here, user.id, _role(role) if role else None)


async def make(session: Session, name: str, role: str) -> None:
    user = await session.find_user(name)
    await session.chat.rooms.put_member(session.me, session.here, user.id, _role(role))


async def kick(session: Session, name: str) -> None:
    user = await session.find_user(name)
    await session.chat.rooms.remove_member(session.me, session.here, user.id)


async def leave(session: Session) -> None:
    await session.chat.rooms.remove_member(session.me, session.here, session.me)


# Messages


async def say(session: Session, text: str) -> None:
    await session.chat.messages.post(session.me, session.here, Draft(text))


async def reply(session: Session, seq: str, text: str) -> None:
    await session.chat.messages.post(session.me, session.here, Draft(text, reply_to=_seq(seq)))


async def edit(session: Session, seq: str, text: str) -> None:
    await session.chat.messages.edit(session.me, session.here, _seq(seq), text)


async def delete(session: Session, seq: str) -> None:
    await session.chat.messages.delete(session.me, session.here, _seq(seq))


async def history(session: Session, count: str = "20") -> None:
    limit = _number(count, MAX_PAGE)
    page = await session.chat.messages.page(session.me, session.here, limit=limit)
    names = await session.names([message.user_id for message in page.items])
    for message in reversed(page.items):
        session.screen.show(f"  [{message.seq}] {describe_message(message, names)}", Tone.ANSWER)


async def search(session: Session, words: str) -> None:
    found, _ = await session.chat.messages.search(session.me, words)
    names = await session.names([message.user_id for message in found])
    for message in found:
        label = session.labels[message.room_id]
        session.screen.show(f"  {label} [{message.seq}] {describe_message(message, names)}", Tone.ANSWER)
    if not found:
        session.screen.show(f'  Nothing in your rooms contains "{words}".', Tone.ANSWER)


async def show_log(session: Session) -> None:
    events = [event async for event in read_log(session.chat.logs, session.me, session.here)]
    for event in events:
        names = await session.names(people_of(event))
        session.screen.show(f"  {event.seq:>3}  {event.kind:<19}  {describe(event, names)}", Tone.ANSWER)
    session.screen.show(f"  {describe_seqs([event.seq for event in events])}", Tone.ANSWER)


# The simulator itself


async def show_help(session: Session, name: str | None = None) -> None:
    if name is None:
        width = max(len(command.form) for command in COMMANDS.values())
        for command in COMMANDS.values():
            session.screen.show(f"  {command.form:<{width}}  {command.summary}", Tone.ANSWER)
        session.screen.show("  Anything else is said in the room that you are looking at.", Tone.ANSWER)
        return
    found = COMMANDS.get(name.removeprefix("/").lower())
    if found is None:
        raise Misuse(f"there is no command /{name.removeprefix('/')}: /help lists them all")
    session.screen.show(f"  {found.form}\n  {found.summary}", Tone.ANSWER)


async def leave_simulator(session: Session) -> None:
    session.ended = True


def _seq(word: str) -> Seq:
    return Seq(_number(word.strip("[]"), 2**53 - 1))


def _number(word: str, most: int) -> int:
    if not (word.isascii() and word.isdigit() and 1 <= int(word) <= most):
        raise Misuse(f"{word} is not a number from 1 to {most}")
    return int(word)


def _role(word: str) -> Role:
    try:
        return Role(word.lower())
    except ValueError:
        raise Misuse(f"{word} is no role: there are {', '.join(role.value for role in Role)}") from None


_ALL = (
    Command("register", "NAME [PASSWORD]", "Make an account and act as its owner.", register),
    Command("login", "PERSON [PASSWORD]", "Sign in to an account and act as its owner.", login),
    Command("as", "PERSON", "Act as another person who has signed in.", act_as),
    Command("room", "NAME [MEMBER…]", "Make a group with these members.", room),
    Command("channel", "NAME", "Make a channel, which anyone may join.", channel),
    Command("dm", "PERSON", "Open the direct room with another person.", direct),
    Command("channels", "", "List all channels.", channels),
    Command("join", "CHANNEL", "Join a channel.", join, changes=True),
    Command("switch", "ROOM", "Look at another of your rooms: a name, or its number.", switch),
    Command("rooms", "", "List your rooms.", rooms),
    Command("members", "", "List the members of this room.", members),
    Command("invite", "PERSON [ROLE]", "Add somebody to this room.", invite, changes=True),
    Command("role", "PERSON ROLE", "Make somebody owner, admin or member of this room.", make, changes=True),
    Command("kick", "PERSON", "Remove somebody from this room.", kick),
    Command("leave", "", "Leave this room.", leave),
    Command("rename", "NAME", "Give this room another name.", rename, to_the_end=True, changes=True),
    Command(
        "topic",
        "[TEXT]",
        "Set the topic of this room; without a text, remove it.",
        topic,
        to_the_end=True,
        changes=True,
    ),
    Command("close", "", "Delete this room for everybody.", close),
    Command("history", "[N]", "Show the last N messages of this room (20).", history),
    Command("reply", "SEQ TEXT", "Answer a message.", reply, to_the_end=True),
    Command("edit", "SEQ TEXT", "Change what one of your messages says.", edit, to_the_end=True, changes=True),
    Command("delete", "SEQ", "Take a message back.", delete, changes=True),
    Command("search", "WORDS", "Find messages in your rooms.", search, to_the_end=True),
    Command("log", "", "Show the log of this room: all its events, in their order.", show_log),
    Command("help", "[COMMAND]", "Show all commands, or one.", show_help),
    Command("quit", "", "Leave (or Ctrl-D).", leave_simulator),
)

COMMANDS = {command.name: command for command in _ALL}
