"""What must hold once nothing goes wrong any more: everybody comes to see what was committed, and soon."""

from hubbub.domain.rooms import ChatRoom
from hubbub.simulator.deterministic.clients import Client
from hubbub.simulator.deterministic.loop import Violation
from hubbub.simulator.deterministic.nodes import Node
from hubbub.simulator.deterministic.world import World

PATIENCE = 40.0  # seconds: reconnects, heartbeats and looks at the store have to fit in
LOOK = 1.0  # seconds


async def come_to_rest(world: World) -> None:
    """Wait until all clients have converged; raise Violation when they don't, or when a kept state is wrong."""
    deadline = world.loop.time() + PATIENCE
    while True:
        missing = next((found for client in world.clients if (found := unsettled(world, client))), None)
        if missing is None:
            break
        if world.loop.time() > deadline:
            raise Violation("convergence", missing)
        await world.sleep(LOOK)
    for node in world.nodes:
        _check_kept_rooms(world, node)
    _check_unread(world)


def unsettled(world: World, client: Client) -> str | None:
    """What this client still lacks; None = nothing."""
    if client.gone:
        return None
    rooms = world.oracle.truth.rooms
    theirs = [room_id for room_id, truth in rooms.items() if client.user_id in truth.room.members]
    if client.room_id is not None:
        if client.room_id not in theirs:
            return None  # it is sent away again and again
        theirs = [client.room_id]
    if not client.open:
        return f"{client.device} is not connected"
    if client.unacked:
        return f"{client.device} has no answer to {next(iter(client.unacked))}"
    for room_id in theirs:
        followed = client.rooms.get(room_id)
        if followed is None or not client.open:
            return f"{client.device} does not follow room {room_id}"
        truth = rooms[room_id].room
        if (followed.position.applied, followed.epoch) != (truth.head, world.oracle.epoch):
            return f"{client.device} is at {followed.position.applied} of {truth.head} in room {room_id}"
        if digest(followed.fold, followed.base) != digest(truth, followed.base):
            return f"{client.device} sees room {room_id} differently"
    if client.room_id is None and len(client.rooms) != len(theirs):
        return f"{client.device} follows {sorted(client.rooms)}, and is a member of {theirs}"
    return None


def digest(room: ChatRoom, base: int) -> tuple[object, ...]:
    """What two folds must have in common that begin after `base`."""
    messages = {seq: message for seq, message in room.messages.items() if seq > base}
    if base:
        return room.head, messages
    return room.head, messages, room.members, room.name, room.topic, room.kind, room.history, room.deleted


def _check_kept_rooms(world: World, node: Node) -> None:
    """A room that the journal keeps, and whose head says that it is current, is as the store has it."""
    for room_id, kept in node.chat.journal._batch._kept.items():
        truth = world.oracle.truth.rooms.get(room_id)
        if truth is None or kept.head != truth.room.head or not node.chat.journal._batch._settled:
            continue
        known = {user_id: truth.room.members.get(user_id) for user_id in kept.members}
        if known != kept.members or (kept.name, kept.deleted) != (truth.room.name, truth.room.deleted):
            raise Violation("kept room", f"{node.name} keeps room {room_id} as it is not")


def _check_unread(world: World) -> None:
    """Unread are the messages after the mark that are not one's own and not deleted."""
    for user_id in world.users:
        summaries = world.database.read(lambda tx, user_id=user_id: tx.rooms.of_user(user_id, before=None, limit=200))  # type: ignore[misc]
        for summary in summaries:
            messages = world.oracle.truth.rooms[summary.room_id].room.messages.values()
            after = [message for message in messages if message.seq > summary.read_seq]
            expected = sum(message.user_id != user_id and not message.deleted for message in after)
            if summary.unread != expected:
                raise Violation("unread", f"room {summary.room_id}: {summary.unread}, and should be {expected}")


async def leave_nothing_behind(world: World) -> None:
    """When everybody has gone, no node holds anything of them."""
    for client in world.clients:
        client.quit()
    await world.sleep(15.0)
    for node in world.nodes:
        held = [len(node.gateway), len(node.hub.heads()), len(node.hub.everybody()), len(node.hub._sessions)]
        if any(held):
            raise Violation("leak", f"{node.name} holds connections, rooms, users, sessions: {held}")
