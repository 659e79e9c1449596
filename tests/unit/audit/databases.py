"""A small chat in a database, with a bit of everything, for the auditor to look at."""

from collections.abc import Callable
from pathlib import Path

from hubbub.domain.events import Event, History, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.rooms import ChatRoom
from hubbub.services.ports import Tx
from hubbub.stores.sql import SqlStore
from hubbub.stores.sql.sqlite import driver

GROUP, CHANNEL, DIRECT, CLOSED = RoomId(1), RoomId(2), RoomId(3), RoomId(4)
ANN, BOB, CAT = UserId(1), UserId(2), UserId(3)
HELLO, EDITED, DELETED, REPLY = Seq(4), Seq(5), Seq(6), Seq(7)  # messages of the group


class Silent:
    """Implements `findings.Progress`; adds up what it is told."""

    def __init__(self) -> None:
        self.totals: dict[str, float] = {}
        self.done: dict[str, float] = {}
        self._step = ""

    def begin(self, what: str, total: float) -> None:
        self._step, self.totals[what], self.done[what] = what, total, 0.0

    def advance(self, amount: float) -> None:
        self.done[self._step] += amount


async def fill(url: str) -> None:
    """Write the chat."""
    store = SqlStore.open(url)
    await store.write(_write)
    await store.close()


def plant(path: Path, *statements: str) -> None:
    """Change the file behind the chat's back, against its own rules where need be."""
    connection = driver.connect(str(path), isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def _write(tx: Tx) -> None:
    for name in ("ann", "bob", "cat"):
        tx.users.add(username=name, email=f"{name}@example.org", display_name=name, password_hash="", at=Millis(1))
    _write_group(tx)
    _write_channel(tx)
    direct = ChatRoom(tx.rooms.add((BOB, ANN)))
    _happen(tx, direct, direct.create(ANN, RoomKind.DIRECT, member_ids=[BOB], at=Millis(50)))
    _happen(tx, direct, (direct.post(BOB, "just us", at=Millis(51)),))
    closed = ChatRoom(tx.rooms.add())
    _happen(tx, closed, closed.create(ANN, RoomKind.GROUP, name="Closed", at=Millis(60)))
    _happen(tx, closed, closed.close(ANN, at=Millis(61)))


def _write_group(tx: Tx) -> None:
    room = ChatRoom(tx.rooms.add())
    _happen(tx, room, room.create(ANN, RoomKind.GROUP, name="Garden", member_ids=[BOB], at=Millis(10)))
    steps: list[Callable[[], tuple[Event, ...]]] = [
        lambda: (room.post(ANN, "hello", client_id="a1", at=Millis(11)),),
        lambda: (room.post(BOB, "helo", client_id="b1", at=Millis(12)),),
        lambda: (room.post(BOB, "a secret", client_id="b2", at=Millis(13)),),
        lambda: (room.post(ANN, "hi bob", reply_to=EDITED, at=Millis(14)),),
        lambda: room.edit(BOB, EDITED, "hello!", at=Millis(15)),
        lambda: room.edit(BOB, DELETED, "another secret", at=Millis(16)),
        lambda: room.delete(ANN, DELETED, at=Millis(17)),
        lambda: room.edit(BOB, EDITED, "hello!!", at=Millis(18)),
        lambda: room.add_member(ANN, CAT, at=Millis(19)),
        lambda: room.change_role(ANN, BOB, Role.OWNER, at=Millis(20)),
        lambda: room.change(BOB, name="The garden", topic="tomatoes", at=Millis(21)),
        lambda: room.remove_member(CAT, CAT, at=Millis(22)),
    ]
    for step in steps:
        _happen(tx, room, step())
    tx.reads.advance({(GROUP, ANN): room.head})


def _write_channel(tx: Tx) -> None:
    room = ChatRoom(tx.rooms.add())
    founding = room.create(CAT, RoomKind.CHANNEL, name="News", history=History.SINCE_JOINED, at=Millis(30))
    _happen(tx, room, founding)
    _happen(tx, room, room.join(ANN, at=Millis(31)))
    for number in range(40):
        _happen(tx, room, (room.post(ANN, f"news {number}", client_id=f"n{number}", at=Millis(32 + number)),))


def _happen(tx: Tx, room: ChatRoom, events: tuple[Event, ...]) -> None:
    tx.log.append(events)
    for event in events:
        room.apply(event)
