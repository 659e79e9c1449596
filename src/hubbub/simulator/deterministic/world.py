"""The simulated world: nodes, clients, and what the plan does to them."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from random import Random
from typing import Any, Literal

from hubbub.domain.errors import ChatError
from hubbub.domain.events import History, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.services.ports import Tx
from hubbub.simulator.deterministic.buses import Network
from hubbub.simulator.deterministic.clients import PASSWORD, Client
from hubbub.simulator.deterministic.devices import Device
from hubbub.simulator.deterministic.loop import SimLoop
from hubbub.simulator.deterministic.nodes import START, Node
from hubbub.simulator.deterministic.oracle import Oracle
from hubbub.simulator.deterministic.plan import Item, Plan
from hubbub.simulator.deterministic.stores import Database
from hubbub.stores.memory.tables import Tables
from hubbub.wire import frames as wire

DRAIN = 3.0  # seconds that a node has for it


class World:
    """Everything in one run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.loop = SimLoop()  # type: ignore[abstract]
        self.random = Random(f"schedule {plan.schedule}")
        self.oracle = Oracle(self.loop.time, looks=plan.looks)
        self.database = Database(self.oracle)
        self.network = Network(self.loop, self.random)
        self.nodes: list[Node] = []
        self.clients: list[Client | Device] = []
        self.users: list[UserId] = []
        self._lives = 0
        self._edits = 0
        self._backups: dict[float, Tables] = {}  # for the restore at this time

    # What a client sees of it

    def some_node(self) -> Node | None:
        serving = [node for node in self.nodes if node.alive and node.serving]
        return serving[self.random.randrange(len(serving))] if serving else None

    # The beginning

    async def begin(self) -> None:
        """Sign everybody up, found some rooms, and let everybody connect."""
        self.users = self.database.write(self._sign_up)
        for number in range(self.plan.nodes):
            self.nodes.append(self._new_node(f"n{number}"))
        while not all(node.serving for node in self.nodes):
            await self.sleep(0.1)
        for number in range(self.plan.rooms):
            await self._first_room(number)
        for number, user_id in enumerate(self.users):
            device, username = f"u{number}", f"user{number}"
            if number % 2:
                self._add(Device(self, device, user_id, username))
            else:
                self._add(Client(self, device, user_id, username, None))
            if number % 3 == 0:
                self._add(Client(self, f"{device}-room", user_id, username, RoomId(1 + number % self.plan.rooms)))

    def _sign_up(self, tx: Tx) -> list[UserId]:
        ids = []
        for number in range(self.plan.users):
            name = f"user{number}"
            user = tx.users.add(
                username=name,
                email=f"{name}@example.org",
                display_name=name,
                password_hash=PASSWORD,
                at=Millis(START),
            )
            ids.append(user.id)
        return ids

    async def _first_room(self, number: int) -> None:
        members = [user_id for user_id in self.users if self.random.random() < 0.7] or self.users
        kind = RoomKind.CHANNEL if number % 3 == 2 else RoomKind.GROUP
        history = History.SINCE_JOINED if number % 3 == 1 else History.ALL
        chat = self.nodes[0].chat
        await chat.rooms.create(members[0], kind, name=f"room{number}", history=history, member_ids=members[1:])

    def _add(self, client: Client | Device) -> None:
        self.clients.append(client)
        client.start()

    def _new_node(self, name: str) -> Node:
        self._lives += 1
        node = Node(self, name, self._lives)
        node.start()
        return node

    async def sleep(self, seconds: float) -> None:
        woken = self.loop.create_future()
        self.loop.call_later(seconds, woken.set_result, None)
        await woken

    # What the plan says

    async def act(self) -> None:
        """Do all that the plan says, each at its time."""
        began = self.loop.time()
        for item in self.plan.items:
            if item.do == "restore":
                self.loop.call_at(began + item.at - item.seconds("seconds"), self._back_up, item)
        for item in self.plan.items:
            await self.sleep(max(0.0, began + item.at - self.loop.time()))
            self.loop.note(item.do)
            getattr(self, f"_do_{item.do}")(item)

    def _client(self, item: Item) -> Client | Device:
        """One of the devices of the item's user."""
        user_id = self.users[item.number("user")]
        theirs = [client for client in self.clients if client.user_id == user_id]
        return theirs[self.random.randrange(len(theirs))]

    def _room(self, item: Item, user_id: UserId) -> RoomId | None:
        """The room of this number, for users who know it, and for some who don't; else one of theirs."""
        wanted = RoomId(1 + item.number("room"))
        rooms = self.oracle.truth.rooms
        mine = [room_id for room_id, truth in rooms.items() if user_id in truth.room.members]
        if wanted in mine or (wanted in rooms and wanted % 5 == 0) or not mine:
            return wanted
        return mine[wanted % len(mine)]

    def _do_send(self, item: Item) -> None:
        self._say(item, 1)

    def _do_burst(self, item: Item) -> None:
        self._say(item, item.number("count"))

    def _say(self, item: Item, count: int) -> None:
        client = self._client(item)
        room_id = client.room_id or self._room(item, client.user_id)
        if room_id is not None and not client.gone:
            for number in range(count):
                client.say(room_id, f"message {number} at {item.at} " + "x" * self.random.randrange(200))

    def _target(self, item: Item, client: Client | Device, room_id: RoomId) -> Seq | None:
        """One of the last messages of the room, of this user where there is one."""
        truth = self.oracle.truth.rooms.get(room_id)
        if truth is None or not truth.room.messages:
            return None
        mine = [message.seq for message in truth.room.messages.values() if message.user_id == client.user_id]
        candidates = mine or list(truth.room.messages)
        return candidates[-1 - item.number("back") % len(candidates)]

    def _about_message(self, item: Item, make: Callable[[int, RoomId, Seq, str], wire.ClientFrame]) -> None:
        """A frame of one of the user's devices, whose name comes last."""
        client = self._client(item)
        room_id = client.room_id or self._room(item, client.user_id)
        target = None if room_id is None else self._target(item, client, room_id)
        if room_id is not None and target is not None and not client.gone:
            client.ask(lambda ref: make(ref, room_id, target, client.device))

    def _do_edit(self, item: Item) -> None:
        self._edits += 1
        number = self._edits

        def edit(ref: int, room_id: RoomId, seq: Seq, device: str) -> wire.Edit:
            return wire.Edit(ref=ref, room_id=room_id, target=seq, text=f"edited by {device}.{number}")

        self._about_message(item, edit)

    def _do_delete(self, item: Item) -> None:
        self._about_message(item, lambda ref, room_id, seq, _: wire.Delete(ref=ref, room_id=room_id, target=seq))

    def _do_read(self, item: Item) -> None:
        self._about_message(item, lambda ref, room_id, seq, _: wire.Read(ref=ref, room_id=room_id, seq=seq))

    def _do_history(self, item: Item) -> None:
        client = self._client(item)
        room_id = client.room_id or self._room(item, client.user_id)
        if room_id is not None:
            client.ask(lambda ref: wire.History(ref=ref, room_id=room_id, limit=20))

    def _do_type(self, item: Item) -> None:
        client = self._client(item)
        room_id = client.room_id or self._room(item, client.user_id)
        if room_id is not None and not client.gone:
            client.ask(lambda ref: wire.Typing(room_id=room_id, on=True))

    def _do_presence(self, item: Item) -> None:
        """They say how they are, and want to know how others are."""
        client = self._client(item)
        status: Literal["away", "online"] = "away" if item.number("away") else "online"
        others = [self.users[(item.number("other") + step) % len(self.users)] for step in range(3)]
        if not client.gone:
            client.ask(lambda ref: wire.Presence(ref=ref, status=status, watch=others))

    def _do_hop(self, item: Item) -> None:
        client = self._client(item)
        if not (client.gone or client.resting):
            client.hop()

    def _do_rest(self, item: Item) -> None:
        client = self._client(item)
        if not (client.gone or client.resting):
            client.rest(item.seconds("seconds"))

    def _do_quit(self, item: Item) -> None:
        if sum(not client.gone for client in self.clients) > 2:
            self._client(item).quit()

    def _do_logout(self, item: Item) -> None:
        """The user ends all sessions but keeps their devices, which sign in again."""
        user_id = self.users[item.number("user")]

        async def end_all(node: Node) -> None:
            for session in await node.chat.accounts.sessions(user_id):
                with suppress(ChatError):
                    await node.chat.accounts.end_session(user_id, session.id)

        self._request(end_all)

    def _do_add(self, item: Item) -> None:
        self._change_member(item, lambda node, actor, room_id, other: node.chat.rooms.put_member(actor, room_id, other))

    def _do_remove(self, item: Item) -> None:
        self._change_member(
            item, lambda node, actor, room_id, other: node.chat.rooms.remove_member(actor, room_id, other)
        )

    def _do_role(self, item: Item) -> None:
        role = (Role.ADMIN, Role.MEMBER, Role.OWNER)[item.number("other") % 3]
        self._change_member(
            item, lambda node, actor, room_id, other: node.chat.rooms.put_member(actor, room_id, other, role)
        )

    def _change_member(
        self, item: Item, ask: Callable[[Node, UserId, RoomId, UserId], Coroutine[Any, Any, object]]
    ) -> None:
        room_id, other = RoomId(1 + item.number("room")), self.users[item.number("other")]
        actor = self._owner(item, room_id)
        if actor != other:
            self._request(lambda node: ask(node, actor, room_id, other), item)

    def _owner(self, item: Item, room_id: RoomId) -> UserId:
        """The owner of the room, or now and then the item's user, who may be refused."""
        truth = self.oracle.truth.rooms.get(room_id)
        members = truth.room.members.values() if truth else ()
        owners = [member.user_id for member in members if member.role is Role.OWNER]
        return owners[0] if owners and item.number("user") % 4 else self.users[item.number("user")]

    def _do_join(self, item: Item) -> None:
        user_id, room_id = self.users[item.number("user")], RoomId(1 + item.number("room"))
        self._request(lambda node: node.chat.rooms.put_member(user_id, room_id, user_id))

    def _do_leave(self, item: Item) -> None:
        user_id, room_id = self.users[item.number("user")], RoomId(1 + item.number("room"))
        self._request(lambda node: node.chat.rooms.remove_member(user_id, room_id, user_id))

    def _do_topic(self, item: Item) -> None:
        room_id = RoomId(1 + item.number("room"))
        user_id = self._owner(item, room_id)
        self._request(lambda node: node.chat.rooms.change(user_id, room_id, topic=f"since {item.at}"), item)

    def _do_found(self, item: Item) -> None:
        user_id, other = self.users[item.number("user")], self.users[item.number("other")]
        kind = RoomKind.CHANNEL if item.number("kind") == 0 else RoomKind.GROUP
        history = History.ALL if item.number("kind") == 1 else History.SINCE_JOINED
        self._request(
            lambda node: node.chat.rooms.create(
                user_id, kind, name=f"founded at {item.at}", history=history, member_ids=[other]
            )
        )

    def _do_pair(self, item: Item) -> None:
        user_id, other = self.users[item.number("user")], self.users[item.number("other")]
        for _ in range(2):  # both at once
            self._request(lambda node: node.chat.rooms.open_direct(user_id, other))

    def _do_close(self, item: Item) -> None:
        user_id, room_id = self.users[item.number("user")], RoomId(1 + item.number("room"))
        if room_id > 2:  # some rooms stay
            self._request(lambda node: node.chat.rooms.delete(user_id, room_id))

    def _request(self, ask: Callable[[Node], Coroutine[Any, Any, object]], item: Item | None = None) -> None:
        """To any node, or to that of the item."""
        node = self.some_node()
        if item is not None and "node" in item.args:
            node = self.nodes[item.number("node")]
        if node is not None:
            node.request(ask, lambda _: None)

    # What goes wrong

    def _do_cut(self, item: Item) -> None:
        pipe = self._client(item).pipe
        if pipe is not None:
            pipe.cut_after(item.number("bytes"), upward=bool(item.number("up")))

    def _do_ack(self, item: Item) -> None:
        pipe = self._client(item).pipe
        if pipe is not None:
            pipe.cut_at_ack()

    def _do_stall(self, item: Item) -> None:
        pipe = self._client(item).pipe
        if pipe is not None and not pipe.over:
            pipe.stall(item.seconds("seconds"))

    def _do_crash(self, item: Item) -> None:
        number = item.number("node")
        if self.nodes[number].alive:
            self.nodes[number].kill()
            self.loop.call_later(item.seconds("seconds"), self._restart, number)

    def _do_drain(self, item: Item) -> None:
        number = item.number("node")
        if self.nodes[number].alive:
            node = self.nodes[number]
            self.loop.call_soon(lambda: self.loop.create_task(self._drain(node)), context=node.context)
            self.loop.call_later(item.seconds("seconds") + DRAIN, self._restart, number)

    async def _drain(self, node: Node) -> None:
        await node.close()
        self.loop.call_soon(node.kill, context=self.loop.context_of("world"))  # the process ends

    def _restart(self, number: int) -> None:
        if not self.nodes[number].alive:
            self.nodes[number].kill()  # should it still drain
            self.nodes[number] = self._new_node(self.nodes[number].name)

    def _do_store(self, item: Item) -> None:
        failures = [str(item.args["how"])] * item.number("count")
        self.nodes[item.number("node")].store.failures.extend(failures)

    def _do_bus(self, item: Item) -> None:
        self.network.drop = item.number("drop")
        self.loop.call_later(item.seconds("seconds"), self._heal_bus)

    def _heal_bus(self) -> None:
        self.network.drop = 0

    def _do_partition(self, item: Item) -> None:
        node = self.nodes[item.number("node")]
        self.network.cut_off[node.name] = self.loop.time() + item.seconds("seconds")
        self.loop.call_later(item.seconds("seconds"), node.bus.restored, context=node.context)

    def _do_clock(self, item: Item) -> None:
        self.nodes[item.number("node")].clock.skew += item.seconds("seconds")

    def _do_restore(self, item: Item) -> None:
        epoch = self.database.restore(self._backups[item.at])
        heads = self.database.read(lambda tx: tx.rooms.heads(list(self.oracle.truth.rooms)))
        self.oracle.restored(epoch, heads, dict(self.database.memory._tables.reads))

    def _back_up(self, item: Item) -> None:
        self._backups[item.at] = self.database.backup()

    # The end

    def heal(self) -> None:
        """From here on nothing goes wrong any more."""
        self._heal_bus()
        self.network.cut_off.clear()
        for number, node in enumerate(self.nodes):
            node.store.failures.clear()
            node.clock.skew = 0.0
            self._restart(number)
        for client in self.clients:
            client.wake()
            if client.pipe is not None:
                client.pipe.unstall()
