"""What must hold once nothing goes wrong any more: everybody comes to see what was committed, and soon."""

from collections.abc import Mapping

from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.domain.rooms import ChatRoom
from hubbub.realtime.connection import State
from hubbub.realtime.gossip import Status
from hubbub.simulator.deterministic.clients import Client, Followed
from hubbub.simulator.deterministic.devices import Device
from hubbub.simulator.deterministic.loop import Violation
from hubbub.simulator.deterministic.nodes import Node
from hubbub.simulator.deterministic.pipes import Pipe
from hubbub.simulator.deterministic.world import World

PATIENCE = 80.0  # seconds: the longest delays of a client that comes back, heartbeats and looks have to fit in
LOOK = 1.0  # seconds


async def come_to_rest(world: World) -> None:
    """Wait until all clients have converged; raise Violation when they don't, or when a kept state is wrong."""
    deadline = world.loop.time() + PATIENCE
    while True:
        missing = next((found for client in world.clients if (found := unsettled(world, client))), None)
        missing = missing or next((found for node in world.nodes if (found := _ended_session(world, node))), None)
        missing = missing or _wrong_presence(world)
        if missing is None:
            break
        if world.loop.time() > deadline:
            raise Violation("convergence", missing)
        await world.sleep(LOOK)
    _check_unread(world)


def unsettled(world: World, client: Client | Device) -> str | None:
    """What this client still lacks; None = nothing."""
    if client.gone:
        return None
    rooms = world.oracle.truth.rooms
    theirs = [room_id for room_id, truth in rooms.items() if client.user_id in truth.room.members]
    if client.room_id is not None:
        if client.room_id not in theirs:
            return None  # it is sent away again and again
        theirs = [client.room_id]
    stored = _marks(world, client.user_id)
    if not client.open:
        return f"{client.device} is not connected"
    if client.unacked:
        return f"{client.device} has no answer to {next(iter(client.unacked))}"
    if client.waits:
        return f"{client.device} waits for an answer, or for an event"
    for room_id in theirs:
        followed = client.rooms.get(room_id)
        if followed is None or not client.open:
            return f"{client.device} does not follow room {room_id}"
        truth = rooms[room_id].room
        if (followed.position.applied, followed.epoch) != (truth.head, world.oracle.epoch):
            return f"{client.device} is at {followed.position.applied} of {truth.head} in room {room_id}"
        if not _sees(followed, truth):
            return f"{client.device} sees room {room_id} differently"
        if followed.marked > stored[room_id]:
            return f"{client.device} has read room {room_id} up to {followed.marked}, and {stored[room_id]} is stored"
    if client.room_id is None and len(client.rooms) != len(theirs):
        return f"{client.device} follows {sorted(client.rooms)}, and is a member of {theirs}"
    return None


def _marks(world: World, user_id: UserId) -> dict[RoomId, Seq]:
    """How far this user has read."""
    summaries = world.database.read(lambda tx: tx.rooms.of_user(user_id, before=None, limit=200))
    return {summary.room_id: summary.read_seq for summary in summaries}


def _sees(followed: Followed, truth: ChatRoom) -> bool:
    """Is this the room? In order, all messages since it is followed, and of those before that what it knows."""
    fold, base, since = followed.fold, followed.base, max(followed.base, followed.since)
    seen = [message for seq, message in fold.messages.items() if seq > base]
    known = [message for seq, message in truth.messages.items() if seq > since or (seq > base and seq in fold.messages)]
    if (fold.head, seen) != (truth.head, known):
        return False
    if since and not followed.loaded:
        return True
    whole = bool(since) or (fold.history, fold.deleted) == (truth.history, truth.deleted)
    return whole and _settings(fold) == _settings(truth)


def _settings(room: ChatRoom) -> tuple[object, ...]:
    return room.members, room.name, room.topic, room.kind


def _ended_session(world: World, node: Node) -> str | None:
    """Whoever is connected, although their session has ended; None = nobody."""
    for listener in node.hub.everybody():
        session_id = listener.session_id
        if world.database.read(lambda tx, session_id=session_id: tx.sessions.get(session_id)) is None:  # type: ignore[misc]
            return f"{node.name} has a connection of session {session_id}, which has ended"
    return None


def _wrong_presence(world: World) -> str | None:
    """Whom a node, or who watches them on it, takes for somebody else than they are; None = nobody."""
    sockets = [pipe for node in world.nodes for pipe in node.pipes if _is_open(pipe)]
    truth: dict[UserId, Status] = {}
    for pipe in sockets:
        assert pipe.edge is not None
        if truth.get(pipe.edge.user_id) != "online":
            truth[pipe.edge.user_id] = "away" if pipe.edge.away else "online"
    for node in world.nodes:
        for user_id in world.users:
            believed = node.gateway.signals.presence.status(user_id)
            if believed != truth.get(user_id, "offline"):
                return f"{node.name} takes user {user_id} for {believed}, who is {truth.get(user_id, 'offline')}"
    return next((found for pipe in sockets if (found := _not_told(world, pipe, truth))), None)


def _is_open(pipe: Pipe) -> bool:
    return pipe.connection is not None and pipe.connection.state is State.OPEN


def _not_told(world: World, pipe: Pipe, truth: Mapping[UserId, Status]) -> str | None:
    """Whose presence this socket should have been told, and was not."""
    edge = pipe.edge
    if edge is None or pipe.was_full:
        return None
    for user_id, told in edge.presence.items():
        actual = truth.get(user_id, "offline")
        if told != actual and world.oracle.share_a_room_all_along(edge.user_id, user_id, since=edge.watched_at):
            return f"user {edge.user_id} was told that user {user_id} is {told}, who is {actual}"
    return None


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
        signals = node.gateway.signals
        there = [user_id for user_id in world.users if signals.presence.status(user_id) != "offline"]
        if there:
            raise Violation("presence", f"{node.name} takes {there} for present, and nobody is")
        held = [len(node.gateway), len(node.hub.heads()), len(node.hub.everybody()), len(node.hub._sessions)]
        held += [len(signals.typing), len(signals.presence)]
        if any(held):
            raise Violation("leak", f"{node.name} holds connections, rooms, users, sessions, signals: {held}")
