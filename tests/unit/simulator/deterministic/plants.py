"""Faults to plant in the real code, one at a time: an oracle that does not find them is of no use.

Each is what somebody might write: a check that is forgotten, two steps in the wrong order, a failure misunderstood.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from hubbub.domain.errors import ChatError, Conflict, Unavailable
from hubbub.domain.events import Event, MemberJoined, MemberLeft, MessageDeleted, MessageEdited, MessagePosted
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom
from hubbub.domain.users import Identity, Session
from hubbub.realtime import deliveries, typing_signals
from hubbub.realtime.cluster import Cluster
from hubbub.realtime.connection import Connection
from hubbub.realtime.deliveries import Delivery
from hubbub.realtime.gateway import Gateway
from hubbub.realtime.gossip import Gossip
from hubbub.realtime.hub import Feed, Hub
from hubbub.realtime.joins import Joins
from hubbub.realtime.memberships import Memberships
from hubbub.realtime.outbox import Outbox
from hubbub.realtime.presence import Presence
from hubbub.realtime.typing_signals import TypingSignals
from hubbub.realtime.watch import Watch
from hubbub.services import batches, journal, logs, reads
from hubbub.services.access import ReadableRoom, readable_room
from hubbub.services.batches import Batch
from hubbub.services.changes import Change, Outcome
from hubbub.services.peers import Peers
from hubbub.services.ports import Tx
from hubbub.simulator.deterministic.stores import Database, SimStore
from hubbub.stores.memory import rooms as memory_rooms
from hubbub.stores.memory.log import MemoryLog
from hubbub.stores.memory.messages import MemoryMessages
from hubbub.stores.memory.rate_limits import MemoryRateLimits
from hubbub.stores.memory.reads import MemoryReads
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from hubbub.wire.codec import encode
from hubbub.wire.events import encode_event
from hubbub.wire.framing import text_frame

T = TypeVar("T")

Plant = Callable[[pytest.MonkeyPatch], None]


def ack_before_commit(patch: pytest.MonkeyPatch) -> None:
    """The store answers what the transaction would answer to a message, and commits a little later."""

    class Undone(Exception):
        pass

    real = SimStore.write

    async def write(store: SimStore, fn: Callable[[Tx], T]) -> T:
        results: list[T] = []

        def peek(tx: Tx) -> None:
            results.append(fn(tx))
            raise Undone

        with suppress(Undone, ChatError):
            store._database.write(peek)
        if not (results and isinstance(results[0], list) and all(map(_is_post, results[0]))):
            return await real(store, fn)
        asyncio.get_running_loop().call_later(0.02, store._database.write, fn)
        return results[0]

    patch.setattr(SimStore, "write", write)


def _is_post(answer: object) -> bool:
    return isinstance(answer, Outcome) and all(isinstance(event, MessagePosted) for event in answer.events)


def publish_before_commit(patch: pytest.MonkeyPatch) -> None:
    async def commit(lane: journal._Lane, batch: list[Any]) -> None:
        def write(tx: Tx) -> list[Any]:
            answers = lane._batch.write(tx, [waiting.change for waiting in batch])
            fresh = [answer for answer in answers if isinstance(answer, Outcome) and not answer.duplicate]
            lane._fanout.publish([event for outcome in fresh for event in outcome.events], lane._batch.epoch)
            return answers

        try:
            answers = await lane._store.write(write)
        except Unavailable as error:
            lane._fail(batch, error)
        else:
            lane._batch.committed()
            for waiting, answer in zip(batch, answers, strict=True):
                waiting.done(answer)

    patch.setattr(journal._Lane, "_commit", commit)


def _store_takes_what_it_gets(patch: pytest.MonkeyPatch) -> None:
    """A store refuses a broken log, or a second use of a client_id: the oracle must do without its help."""
    patch.setattr(MemoryLog, "_check", lambda log, event: None)


def message_is_altered_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    real = ChatRoom.post

    def post(room: ChatRoom, user_id: UserId, text: str, **options: Any) -> MessagePosted:
        return real(room, user_id, text[:-1], **options)

    patch.setattr(ChatRoom, "post", post)


def edit_is_altered_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    real = ChatRoom.edit

    def edit(room: ChatRoom, user_id: UserId, target: Seq, text: str, *, at: Millis) -> tuple[Event, ...]:
        return real(room, user_id, target, text[:-1], at=at)

    patch.setattr(ChatRoom, "edit", edit)


def edit_is_acknowledged_and_not_made(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ChatRoom, "edit", lambda room, user_id, target, text, *, at: ())


def deletion_is_acknowledged_and_not_made(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ChatRoom, "delete", lambda room, user_id, target, *, at: ())


def edit_that_changes_nothing_is_made(patch: pytest.MonkeyPatch) -> None:
    real = ChatRoom.edit

    def edit(room: ChatRoom, user_id: UserId, target: Seq, text: str, *, at: Millis) -> tuple[Event, ...]:
        again = MessageEdited(room.id, Seq(room.head + 1), user_id, at, target, text)
        return real(room, user_id, target, text, at=at) or (again,)

    patch.setattr(ChatRoom, "edit", edit)


def deletion_that_changes_nothing_is_made(patch: pytest.MonkeyPatch) -> None:
    real = ChatRoom.delete

    def delete(room: ChatRoom, user_id: UserId, target: Seq, *, at: Millis) -> tuple[Event, ...]:
        return real(room, user_id, target, at=at) or (MessageDeleted(room.id, Seq(room.head + 1), user_id, at, target),)

    patch.setattr(ChatRoom, "delete", delete)


def message_is_altered_at_delivery(patch: pytest.MonkeyPatch) -> None:
    def encode_altered(event: Event) -> bytes:
        if isinstance(event, MessagePosted):
            event = replace(event, message=replace(event.message, text=event.message.text + "!"))
        return encode_event(event)

    patch.setattr(deliveries, "encode_event", encode_altered)


def event_is_altered_at_delivery(patch: pytest.MonkeyPatch) -> None:
    def encode_altered(event: Event) -> bytes:
        return encode_event(replace(event, at=Millis(event.at + 1)) if isinstance(event, MemberJoined) else event)

    patch.setattr(deliveries, "encode_event", encode_altered)


def page_shows_the_text_before_the_last_edit(patch: pytest.MonkeyPatch) -> None:
    real = MemoryMessages.page

    def page(messages: MemoryMessages, *arguments: Any, **options: Any) -> list[Message]:
        return [
            message if message.version == message.seq else replace(message, text="what it said before")
            for message in real(messages, *arguments, **options)
        ]

    patch.setattr(MemoryMessages, "page", page)


def one_too_many_is_unread(patch: pytest.MonkeyPatch) -> None:
    real = memory_rooms._unread
    patch.setattr(memory_rooms, "_unread", lambda room, user_id, after: real(room, user_id, Seq(max(0, after - 1))))


def dedup_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = batches._decide

    def decide(change: Change, rooms: Any, repeats: Any, at: Any) -> Outcome:
        return real(
            Change(change.room_id, change.user_id, change.decide, change.members, change.targets), rooms, {}, at
        )

    patch.setattr(batches, "_decide", decide)
    _store_takes_what_it_gets(patch)


def dedup_within_a_batch_only(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(batches, "_client_keys", lambda changes: set())
    _store_takes_what_it_gets(patch)


def join_reads_before_it_subscribes(patch: pytest.MonkeyPatch) -> None:
    async def join(joins: Joins, connection: Connection, identity: Identity, room_id: RoomId, frame: wire.Join) -> None:
        joined = await joins._logs.join(identity.user_id, room_id, after=frame.after, epoch=frame.epoch)
        await joins.welcome(connection, joins.begin(connection, room_id), joined, frame.ref)

    async def sync(
        joins: Joins, connection: Connection, identity: Identity, positions: dict[RoomId, Seq], frame: wire.Sync
    ) -> None:
        for room_id, after in positions.items():
            one = wire.Join(ref=frame.ref, room_id=room_id, after=after, epoch=frame.epoch)
            await join(joins, connection, identity, room_id, one)

    patch.setattr(Joins, "join", join)
    patch.setattr(Joins, "_sync_part", sync)
    room_not_looked_at_when_the_bus_has_settled(patch)  # which mends this as well


def room_not_looked_at_when_the_bus_has_settled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Cluster, "_doubt", lambda cluster, room_ids: None)


def delivery_out_of_order(patch: pytest.MonkeyPatch) -> None:
    def publish(hub: Hub, item: Delivery) -> None:
        feed = hub._feeds.get(item.event.room_id)
        if feed is not None and (feed.head is None or item.seq > feed.head):
            hub._deliver(feed, item)

    patch.setattr(Hub, "publish", publish)


def no_look_at_heads(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Hub, "catch_up", lambda hub, heads: None)


def kept_room_not_checked_against_its_head(patch: pytest.MonkeyPatch) -> None:
    real = Batch._load

    def load(batch: Batch, tx: Tx, changes: Sequence[Change]) -> dict[RoomId, ChatRoom]:
        kept = dict(batch._kept)
        rooms = real(batch, tx, changes)
        for room_id in rooms:
            rooms[room_id] = batch._kept[room_id] = kept.get(room_id, rooms[room_id])
        return rooms

    patch.setattr(Batch, "_load", load)
    _store_takes_what_it_gets(patch)


def rollback_keeps_the_rooms(patch: pytest.MonkeyPatch) -> None:
    real = Batch.write

    def write(batch: Batch, tx: Tx, changes: Sequence[Any]) -> list[Any]:
        batch._settled = True
        return real(batch, tx, changes)

    patch.setattr(Batch, "write", write)


def removal_not_checked_at_delivery(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Hub, "_cut", lambda hub, view, event: False)


def ex_member_resumes(patch: pytest.MonkeyPatch) -> None:
    """Who was allowed to read once is remembered."""
    known: dict[tuple[RoomId, UserId], ReadableRoom] = {}

    def remembered(tx: Tx, user_id: UserId, room_id: RoomId) -> ReadableRoom:
        if (room_id, user_id) not in known:
            known[room_id, user_id] = readable_room(tx, user_id, room_id)
        before = known[room_id, user_id]
        return ReadableRoom(tx.rooms.load([room_id])[room_id], before.member, before.base)

    patch.setattr(logs, "readable_room", remembered)


def unknown_outcome_taken_for_failure(patch: pytest.MonkeyPatch) -> None:
    def fail(lane: journal._Lane, batch: list[Any], error: Unavailable) -> None:
        for waiting in batch:
            waiting.done(Conflict("it did not work"))

    patch.setattr(journal._Lane, "_fail", fail)


def events_dropped_without_behind(patch: pytest.MonkeyPatch) -> None:
    real = Outbox.event

    def event(outbox: Outbox, frame: bytes, room_id: RoomId) -> bool:
        real(outbox, frame, room_id)
        return True

    patch.setattr(Outbox, "event", event)


def old_bus_seqs_not_ignored(patch: pytest.MonkeyPatch) -> None:
    real = Hub.publish

    def publish(hub: Hub, item: Delivery) -> None:
        feed = hub._feeds.get(item.event.room_id)
        if feed is not None and feed.head is not None and item.seq <= feed.head:
            for listener in list(feed.live):
                listener.deliver(item.frame, feed.room_id)
        real(hub, item)

    patch.setattr(Hub, "publish", publish)


def gateway_refuses_before_the_journal_has_looked(patch: pytest.MonkeyPatch) -> None:
    real = Gateway._send

    def send(gateway: Gateway, connection: Connection, identity: Identity, frame: wire.Send) -> None:
        async def check() -> None:
            assert frame.room_id is not None
            await gateway._chat.rooms.get(identity.user_id, frame.room_id)
            real(gateway, connection, identity, frame)

        gateway._ask_in_turn(connection, frame.ref, check)

    patch.setattr(Gateway, "_send", send)


def later_change_overtakes_one_that_must_be_repeated(patch: pytest.MonkeyPatch) -> None:
    def fail(lane: journal._Lane, batch: list[Any], error: Unavailable) -> None:
        for waiting in batch:
            waiting.done(error)
        lane._fanout.resync({waiting.change.room_id for waiting in batch if isinstance(waiting.change, Change)})

    patch.setattr(journal._Lane, "_fail", fail)


def stale_removal_cuts_a_newer_session(patch: pytest.MonkeyPatch) -> None:
    """What the bus tells of a removal is acted upon at once, whatever its seq."""
    real = Hub.publish

    def publish(hub: Hub, item: Delivery) -> None:
        feed = hub._feeds.get(item.event.room_id)
        if feed is not None and isinstance(item.event, MemberLeft):
            for view in list(feed.live.values()):
                if view.listener.user_id == item.event.member_id:
                    hub.leave(view.listener, feed.room_id)
                    view.listener.removed(feed.room_id, item.seq)
        real(hub, item)

    patch.setattr(Hub, "publish", publish)


def lost_news_of_memberships_not_looked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Memberships, "compare", lambda memberships, user_id, found: None)


def restored_store_not_noticed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Hub, "agrees", lambda hub, epoch: True)
    patch.setattr(Hub, "start_over", lambda hub, epoch: setattr(hub, "epoch", epoch))


def journal_keeps_rooms_of_another_epoch(patch: pytest.MonkeyPatch) -> None:
    real = Batch.write

    def write(batch: Batch, tx: Tx, changes: Sequence[Any]) -> list[Any]:
        batch.epoch = tx.log.epoch()
        return real(batch, tx, changes)

    patch.setattr(Batch, "write", write)


def late_words_of_an_old_epoch_count(patch: pytest.MonkeyPatch) -> None:
    """The looks notice a restore; what comes over the bus, or from the journal, is believed."""
    patch.setattr(Hub, "agrees", lambda hub, epoch: True)


def ended_sessions_not_looked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Watch, "_end_sessions", lambda watch, listeners, going_on: None)


def news_of_ended_sessions_not_heard(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Cluster, "_receive_sessions", lambda cluster, payload: None)


def presence_lease_never_ends(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gossip, "_lapse", lambda gossip, name: None)


def lost_goodbyes_are_not_missed(patch: pytest.MonkeyPatch) -> None:
    """Who is not named any more is there for as long as the node is."""

    def begin_round(gossip: Gossip, node: Any, number: int) -> None:
        node.number = number

    patch.setattr(Gossip, "_begin_round", begin_round)


def presence_is_said_once(patch: pytest.MonkeyPatch) -> None:
    """The nodes tell each other of changes alone."""
    real = Gossip.beat

    def beat(gossip: Gossip) -> None:
        gossip._beat, gossip._waiting = 1, []
        real(gossip)

    patch.setattr(Gossip, "beat", beat)


def presence_is_told_to_strangers(patch: pytest.MonkeyPatch) -> None:
    async def sharing(peers: Peers, questions: Mapping[UserId, Any]) -> dict[UserId, set[UserId]]:
        return {user_id: set(others) for user_id, others in questions.items()}

    patch.setattr(Peers, "sharing", sharing)


def changes_of_presence_are_not_told(patch: pytest.MonkeyPatch) -> None:
    async def tell(presence: Presence) -> None:
        presence._changed.clear()

    patch.setattr(Presence, "_tell", tell)


def typing_never_ends(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(typing_signals, "LAPSE", 1e9)


def typing_is_told_to_who_is_not_in_the_room(patch: pytest.MonkeyPatch) -> None:
    def tell(typing: TypingSignals, signal: wire.Signal) -> None:
        for listener in typing._hub.everybody():
            if listener.user_id != signal.user_id:
                listener.signal(text_frame(encode(signal)), signal.room_id)

    patch.setattr(TypingSignals, "_tell", tell)


def wrong_clock_locks_out(patch: pytest.MonkeyPatch) -> None:
    """What the node with the wrong clock wrote of attempts to sign in is believed by the others."""

    def take(limits: MemoryRateLimits, key: bytes, at: Millis, *, interval: int, burst: int) -> int:
        full_at = max(at, limits._tables.rate_limits.get(key, at))
        wait = full_at - at - interval * (burst - 1)
        if wait > 0:
            return wait
        limits._tables.rate_limits[key] = Millis(full_at + interval)
        return 0

    patch.setattr(MemoryRateLimits, "take", take)


def failover_keeps_the_epoch(patch: pytest.MonkeyPatch) -> None:
    """The standby takes over without the last commits, and nobody gives what comes now another name."""
    real = Database.restore

    def restore(database: Database, backup: Any) -> str:
        epoch = database.memory._tables.epoch
        real(database, backup)
        database.memory._tables.epoch = epoch
        return epoch

    patch.setattr(Database, "restore", restore)


def repeated_refresh_is_taken_for_a_theft(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Session, "was_made_by", lambda session, attempt, generation: False)


def mark_goes_back(patch: pytest.MonkeyPatch) -> None:
    def advance(table: MemoryReads, marks: Mapping[tuple[RoomId, UserId], Seq]) -> None:
        for key, seq in marks.items():
            table._tables.reads[key] = seq

    patch.setattr(MemoryReads, "advance", advance)
    patch.setattr(
        reads, "read_marks", lambda tx, members: {(room_id, member.user_id): Seq(0) for room_id, member in members}
    )


def connection_leaves_its_rooms_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Hub, "leave", lambda hub, listener, room_id: None)


def hole_is_skipped(patch: pytest.MonkeyPatch) -> None:
    def fill(hub: Hub, feed: Feed, seq: Seq) -> None:
        feed.head = max(feed.head or Seq(0), Seq(seq - 1))
        hub._drain(feed)

    patch.setattr(Hub, "_want", fill)


def cluster_is_silent(patch: pytest.MonkeyPatch) -> None:
    def publish(cluster: Cluster, events: Sequence[Event], epoch: str) -> None:
        cluster._fanout.publish(events, epoch)

    patch.setattr(Cluster, "publish", publish)


def refusal_closes_the_connection(patch: pytest.MonkeyPatch) -> None:
    """As if who may not do something had sent what no client should."""

    def refuse(connection: Connection, error: Exception, ref: int | None) -> None:
        connection.close(CloseCode.BAD_FRAME, str(error))

    patch.setattr(Connection, "refuse", refuse)


def typing_breaks(patch: pytest.MonkeyPatch) -> None:
    def typing(signals: TypingSignals, connection: Connection, room_id: RoomId, *, on: bool) -> None:
        raise KeyError(room_id)

    patch.setattr(TypingSignals, "typing", typing)
