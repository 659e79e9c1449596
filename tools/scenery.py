"""A team and what it talks about, for screenshots: invented, and the same at every run, times included."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from hubbub.domain.events import RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.services.changes import Draft
from hubbub.services.chat import Chat

PASSWORD = "correct horse battery"  # noqa: S105 - of a server that lives for a minute
NOW = datetime(2026, 11, 20, 10, 42, tzinfo=timezone.utc)  # a Friday

HERE = ("tomas", "aiko", "dana", "yael")  # who is online besides Mara

PEOPLE: Mapping[str, str] = {
    "mara": "Mara Lindqvist",  # who looks at the screen
    "tomas": "Tomás Ferreira",
    "aiko": "Aiko Sato",
    "noor": "Noor Haddad",
    "yael": "יעל כהן",
    "chen": "Chen Wei",
    "dana": "Dana Okafor",
    "max": "Maximiliana Papadimitriou-Schwarzenberger",
}


@dataclass(frozen=True, slots=True)
class Line:
    """Something said: by whom, how many minutes after the line before, and what becomes of it."""

    author: str
    after: int
    text: str
    answers: int | None = None  # the index of the line that it answers
    edited: str = ""


@dataclass(frozen=True, slots=True)
class Talk:
    """A room, begun so many minutes before NOW; of its last `unread` lines Mara has not read one."""

    name: str
    topic: str
    kind: RoomKind
    before: int
    lines: Sequence[Line]
    unread: int = 0
    members: Sequence[str] = field(default_factory=lambda: list(PEOPLE))


_INCIDENT = """The reconnect storm after Wednesday's deploy, in numbers:

| step | connections/s | p99 |
|:--|--:|--:|
| before | 410 | 3.9 s |
| spread over 10 s | 1,900 | 640 ms |
| resume from memory | 4,200 | 210 ms |

Nothing was lost, the auditor says so. It was only slow."""
_NOTES = """Two small things, otherwise it reads well:

- the upgrade steps are *after* the breaking change
- `--drain-seconds` has no default in the table"""
_CODE = """Found it. We woke every reader for a message that only one of them was waiting for:

```python
async def wait_for(self, seq: int) -> None:
    while self.head < seq:
        await self._moved.wait()  # everybody wakes up here
        self._moved.clear()
```

A future for each waiting seq is enough."""

TALKS: Sequence[Talk] = (
    Talk(
        "engineering",
        "Queues, sockets and the odd outage",
        RoomKind.CHANNEL,
        1_460,
        (
            Line(
                "tomas",
                0,
                "Release 2.4 is cut. Notes are in the repository, and I'd love a second pair of eyes on them.",
            ),
            Line("aiko", 6, "Reading now."),
            Line(
                "aiko",
                31,
                _NOTES,
            ),
            Line("tomas", 3, "Good catches, both fixed."),
            Line("chen", 62, "构建已经通过了。明天早上发布，可以吗？"),  # noqa: RUF001
            Line("tomas", 2, "Tomorrow at nine works for me. 🚢"),
            Line("yael", 240, "שלום לכולם, אני אעקוב אחרי המדדים מחר בבוקר"),
            Line("max", 4, "Thanks! I'll be around until noon, then on the train."),
            Line("dana", 1_010, "Good morning. 2.4 is on a tenth of the nodes."),
            Line("dana", 14, _INCIDENT),
            Line("noor", 3, "From four seconds to a fifth of one, that is lovely.", answers=9),
            Line("mara", 4, "Is the memory flat too? Last time the buffers grew for an hour before anybody noticed."),
            Line("dana", 1, "Flat at 212 MB since the first node. I'll leave the graph open."),
            Line("aiko", 9, _CODE),
            Line("mara", 3, "That explains the sawtooth. Would you open a pull request? I can review it before lunch."),
            Line("aiko", 1, "Already on its way: https://git.example.org/hubbub/pulls/318"),
            Line("tomas", 17, "Half of the nodes now. No errors, and the p99 is where Dana's table says it should be."),
            Line("noor", 2, "Support is quiet as well. One question about the new sound, that is all."),
            Line("chen", 6, "207 MB on the arm64 nodes, for what it's worth.", answers=12),
            Line("dana", 5, "All nodes are on 2.4. Thank you, everybody — **that was the calmest release this year.**"),
        ),
        unread=4,
    ),
    Talk(
        "general",
        "Everything that has no other place",
        RoomKind.CHANNEL,
        170,
        (
            Line("noor", 0, "The coffee machine on the third floor is back."),
            Line("max", 12, "There was much rejoicing."),
            Line("chen", 120, "Lunch at half past twelve? The noodle place has a table for eight."),
            Line("noor", 4, "Count me in"),
            Line("yael", 7, "Me too, and I'll bring the new colleague"),
        ),
    ),
    Talk(
        "design-review",
        "Thursdays at three",
        RoomKind.CHANNEL,
        1_300,
        (
            Line(
                "noor",
                0,
                "Agenda for Thursday: empty states, the switcher on phones, and whether *New* needs a colour at all.",
            ),
            Line("mara", 30, "It does, but only one."),
            Line("aiko", 200, "Screens are up. Comments welcome until tonight."),
        ),
        unread=1,
    ),
    Talk(
        "release 2.4",
        "",
        RoomKind.GROUP,
        1_450,
        (
            Line("tomas", 0, "Who presses the button tomorrow?"),
            Line("dana", 3, "I will. Tomás, you watch?"),
            Line("tomas", 1, "With popcorn."),
            Line(
                "mara",
                1_300,
                "Shall we write the post this afternoon, while it is fresh?",
                edited="Shall we write the post this afternoon?",
            ),
            Line("dana", 12, "Half past three, the small room."),
        ),
        members=("mara", "tomas", "dana"),
    ),
)

CHATS: Mapping[str, tuple[int, Sequence[Line], int]] = {  # with whom: begun when, what was said, unread
    "tomas": (
        95,
        (
            Line("tomas", 0, "Do you have ten minutes for the notes before stand-up?"),
            Line("mara", 2, "Sure. Call me when you're at your desk."),
            Line("tomas", 41, "That helped, thank you!"),
        ),
        1,
    ),
    "yael": (124, (Line("mara", 0, "Is tomorrow at ten still fine?"), Line("yael", 8, "כן, מצוין")), 0),
    "max": (
        1_700,
        (Line("max", 0, "I've moved the on-call swap into the calendar."), Line("mara", 5, "Perfect, thanks.")),
        0,
    ),
}


class StoryClock:
    """Implements `ports.Clock`: the time at which the story is."""

    def __init__(self) -> None:
        self._now = 0

    def now(self) -> Millis:
        return Millis(self._now)

    def monotonic(self) -> float:
        return self._now / 1000

    def set(self, minutes_before: int) -> None:
        self._now = round(NOW.timestamp() * 1000) - minutes_before * 60_000


async def build(chat: Chat, clock: StoryClock) -> dict[str, RoomId]:
    """Tell the whole story to these services, whose clock is `clock`; the rooms by their names."""
    clock.set(40 * 24 * 60)
    users: dict[str, UserId] = {}
    for name, shown in PEOPLE.items():
        users[name] = (await chat.accounts.register(name, f"{name}@example.org", PASSWORD, shown)).id
    rooms: dict[str, RoomId] = {}
    clock.set(30 * 24 * 60)
    for talk in TALKS:
        others = [users[name] for name in talk.members if name != "tomas"]
        room = await chat.rooms.create(users["tomas"], talk.kind, name=talk.name, topic=talk.topic, member_ids=others)
        rooms[talk.name] = room.room_id
    for name in CHATS:
        summary, _ = await chat.rooms.open_direct(users["mara"], users[name])
        rooms[name] = summary.room_id
    for talk in TALKS:
        await _tell(chat, clock, users, rooms[talk.name], talk.before, talk.lines, talk.unread)
    for name, (before, lines, unread) in CHATS.items():
        await _tell(chat, clock, users, rooms[name], before, lines, unread)
    return rooms


async def _tell(
    chat: Chat,
    clock: StoryClock,
    users: Mapping[str, UserId],
    room_id: RoomId,
    before: int,
    lines: Sequence[Line],
    unread: int,
) -> None:
    seqs: list[Seq] = []
    for number, line in enumerate(lines):
        before -= line.after
        clock.set(before)
        author = users[line.author]
        answered = None if line.answers is None else seqs[line.answers]
        draft = Draft(line.text, client_id=f"{room_id}-{number}", reply_to=answered)
        seqs.append((await chat.messages.post(author, room_id, draft)).message.seq)
    for line, seq in zip(lines, seqs, strict=True):
        if line.edited:
            await chat.messages.edit(users[line.author], room_id, seq, line.edited)
    await chat.reads.mark(users["mara"], room_id, seqs[len(seqs) - unread - 1])
