"""Calls of the repositories that must stay quick in a large database: for none of them a whole table may be read."""

from collections.abc import Callable

from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.services.ports import Tx
from tests.contract.acts import NOW, decide

ONE, TWO = RoomId(1), RoomId(2)
ANN, BOB = UserId(1), UserId(2)


def _append_everything(tx: Tx) -> None:
    room = tx.rooms.load([ONE])[ONE]
    room.members = {member.user_id: member for member in tx.members.of_room(ONE, after=UserId(0), limit=9)}
    first = Seq(room.head + 1)
    events = decide(
        room,
        lambda: (room.post(ANN, "text", client_id="new"),),
        lambda: room.edit(ANN, first, "changed"),
        lambda: room.delete(ANN, first),
        lambda: room.remove_member(ANN, BOB),
        lambda: room.close(ANN),
    )
    tx.log.append(events)


QUICK: dict[str, Callable[[Tx], object]] = {
    "rooms.load": lambda tx: tx.rooms.load([ONE, TWO]),
    "rooms.heads": lambda tx: tx.rooms.heads([ONE, TWO]),
    "rooms.of_pair": lambda tx: tx.rooms.of_pair(ANN, BOB),
    "rooms.of_user": lambda tx: tx.rooms.of_user(ANN, before=None, limit=50),
    "rooms.summary": lambda tx: tx.rooms.summary(ANN, ONE),
    "rooms.channels": lambda tx: tx.rooms.channels("", after=RoomId(0), limit=50),
    "members.get": lambda tx: tx.members.get([(ONE, ANN), (TWO, BOB)]),
    "members.of_room": lambda tx: tx.members.of_room(ONE, after=UserId(0), limit=50),
    "members.of_user": lambda tx: tx.members.of_user(ANN),
    "members.of_users": lambda tx: tx.members.of_users([ANN, BOB]),
    "members.sharing": lambda tx: tx.members.sharing(ANN, [ANN, BOB]),
    "messages.get": lambda tx: tx.messages.get([(ONE, Seq(3)), (TWO, Seq(4))]),
    "messages.by_client_id": lambda tx: tx.messages.by_client_id([(ONE, ANN, "a"), (TWO, BOB, "b")]),
    "messages.page": lambda tx: tx.messages.page(ONE, before=Seq(9), base=Seq(0), limit=50),
    "messages.page_after": lambda tx: tx.messages.page_after(ONE, after=Seq(0), limit=50),
    "messages.search": lambda tx: tx.messages.search(ANN, "x", room_id=None, before=None, limit=50),
    "log.after": lambda tx: tx.log.after(ONE, Seq(0), limit=50),
    "log.append": _append_everything,
    "reads.get": lambda tx: tx.reads.get([(ONE, ANN), (TWO, ANN)]),
    "reads.advance": lambda tx: tx.reads.advance({(ONE, ANN): Seq(9)}),
    "rate_limits.take": lambda tx: [tx.rate_limits.take(b"key", NOW, interval=9, burst=1) for _ in range(2)],
    "rate_limits.purge": lambda tx: tx.rate_limits.purge(NOW),
    "users.get_many": lambda tx: tx.users.get_many([ANN, BOB]),
    "users.administrators": lambda tx: tx.users.administrators(),
    "users.find": lambda tx: tx.users.find("ann"),
    "sessions.of_ticket": lambda tx: tx.sessions.of_ticket(b"ticket"),
    "sessions.of_user": lambda tx: tx.sessions.of_user(ANN),
    "sessions.existing": lambda tx: tx.sessions.existing([SessionId(1), SessionId(2)]),
    "sessions.last_used": lambda tx: tx.sessions.last_used([ANN, BOB]),
}
