"""The audit of a running server: many clients talk, and what each of them was told is compared with the log.

The server may be killed and started again meanwhile, and so may any part of a cluster: clients come back by themselves,
and nothing may be lost by it.
"""

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from hubbub.audit.clients import Client
from hubbub.audit.comparisons import RoomLog
from hubbub.audit.delays import Delays
from hubbub.audit.edges import AnyConnector, WatchedConnector
from hubbub.audit.findings import Findings, Progress
from hubbub.audit.ledger import Ledger
from hubbub.audit.plans import Plan
from hubbub.client import Api, connect, register
from hubbub.client.transports import WebSocketConnector
from hubbub.domain.events import Event
from hubbub.domain.ids import RoomId, Seq
from hubbub.domain.messages import Message

TURN = 0.02  # seconds between looks at how much is to be said
AT_ONCE = 3  # things that a client says in one go: what waits for no answer might be done in another order


@dataclass(slots=True)
class Report:
    """What came of it."""

    findings: Findings = field(default_factory=Findings)
    rooms: int = 0
    clients: int = 0
    left: str = ""  # what it has made on the server, and can't take away: in words
    acknowledged: int = 0  # messages
    events: int = 0  # in the logs of the rooms
    deliveries: int = 0  # events that came to the clients, repeats included
    connections: int = 0
    delays: Delays = field(default_factory=Delays)
    messages: list[Message] = field(default_factory=list)  # that were acknowledged


async def nothing() -> None:
    """What happens to a server that is left alone."""


async def audit_server(plan: Plan, progress: Progress, happen: Callable[[], Awaitable[None]] = nothing) -> Report:
    """Carry out the plan; the clients talk at least until what is to `happen` meanwhile has ended.

    Raise ChatError or ClientError when it can't begin, or the logs can't be read.
    """
    report, ledger = Report(), Ledger()
    async with AsyncExitStack() as stack:
        clients = await _sign_in(plan, stack, report, ledger, progress)
        rooms = await _found_rooms(plan, clients)
        for client in clients:
            client.follow([room_id for room_id, members in rooms.items() if client in members])
            stack.callback(client.stop)
        progress.begin("talk", plan.seconds)
        await _talk(plan, clients, progress, happen)
        progress.begin("settle", sum(map(len, rooms.values())))
        await _settle(plan, clients, rooms, report.findings, progress)
        progress.begin("compare", len(rooms))
        for room_id, members in rooms.items():
            events = await _read_log(members[0].chat.api, room_id)
            report.events += len(events)
            _compare(RoomLog(room_id, events, ledger, report.findings), members)
            progress.advance(1)
    report.rooms, report.clients = len(rooms), len(clients)
    report.left = _those("room", "Audit 1", f"Audit {len(rooms)}")
    if not plan.tokens:
        report.left = f"{_those('user', clients[0].name, clients[-1].name)}, and {report.left}"
    for client in clients:
        report.acknowledged += len(client.messages)
        report.messages += client.messages
        report.deliveries += client.connector.deliveries
        report.connections += client.connector.connections
        for failure in client.failures:
            report.findings.add("failed", f"{client.name}: {failure}")
    return report


async def _sign_in(
    plan: Plan, stack: AsyncExitStack, report: Report, ledger: Ledger, progress: Progress
) -> list[Client]:
    clients: list[Client] = []
    run = secrets.token_hex(3)  # tells the users of this run from those of others
    number = len(plan.tokens) or plan.clients
    progress.begin("sign in", number)
    for index in range(number):
        name = f"audit-{run}-{index + 1}"
        chance = random.Random(f"{run}-{index}")
        url = plan.urls[index % len(plan.urls)]
        any_node = AnyConnector([WebSocketConnector(node) for node in plan.urls], chance)
        connector = WatchedConnector(any_node, name, ledger, report.findings, report.delays)
        if plan.tokens:
            chat = connect(url, token=plan.tokens[index], connector=connector, patience=plan.patience)
        else:
            password = secrets.token_urlsafe(16)
            await register(url, name, f"{name}@example.org", password, patience=plan.patience)
            chat = connect(url, username=name, password=password, connector=connector, patience=plan.patience)
        await stack.enter_async_context(chat)
        clients.append(Client(name, chat, connector, report.delays, chance))
        progress.advance(1)
    return clients


async def _found_rooms(plan: Plan, clients: Sequence[Client]) -> dict[RoomId, list[Client]]:
    """The rooms, each with its members, who are spread evenly over them."""
    each = min(plan.rooms_each or plan.rooms, plan.rooms)
    members: list[list[Client]] = [[] for _ in range(plan.rooms)]
    for index, client in enumerate(clients):
        for step in range(each):
            members[(index * each + step) % plan.rooms].append(client)
    rooms: dict[RoomId, list[Client]] = {}
    for number, (founder, *others) in enumerate(inside for inside in members if inside):
        member_ids = [client.chat.user.id for client in others]
        room = await founder.chat.api.create_room(f"Audit {number + 1}", member_ids=member_ids)
        rooms[room.id] = [founder, *others]
    return rooms


def _those(what: str, first: str, last: str) -> str:
    return f"the {what} {first}" if first == last else f"the {what}s {first} to {last}"


async def _talk(
    plan: Plan, clients: Sequence[Client], progress: Progress, happen: Callable[[], Awaitable[None]]
) -> None:
    """Say something `rate` times a second, one client after the other, each a few things at once."""
    loop = asyncio.get_running_loop()
    meanwhile = asyncio.ensure_future(happen())
    begun = now = loop.time()
    said = 0
    while now < begun + plan.seconds or not meanwhile.done():
        await asyncio.sleep(TURN)
        before, now = now, loop.time()
        while said <= (now - begun) * plan.rate:
            for _ in range(AT_ONCE):
                clients[said // AT_ONCE % len(clients)].speak()
                said += 1
        progress.advance(now - before)
    await meanwhile


async def _settle(
    plan: Plan,
    clients: Sequence[Client],
    rooms: Mapping[RoomId, Sequence[Client]],
    findings: Findings,
    progress: Progress,
) -> None:
    """Wait until everything is answered, and every client has all of its rooms up to their heads."""
    waiting = [task for client in clients for task in client.waiting]
    if waiting:
        _, unanswered = await asyncio.wait(waiting, timeout=plan.patience)
        if unanswered:
            slow = f"{len(unanswered)} changes were not answered within {plan.patience:g} s"
            findings.add("unanswered", f"{slow}: the server is too slow, or --patience too small")
            for task in unanswered:  # otherwise the end of the connection would answer each of them
                task.cancel()
            await asyncio.wait(unanswered)
    reaching = []
    for room_id, members in rooms.items():
        head = (await members[0].chat.api.room(room_id)).head
        reaching += [asyncio.ensure_future(_reach(client, room_id, head, progress)) for client in members]
    _, late = await asyncio.wait(reaching, timeout=plan.patience)
    for task in late:  # what they miss is found by the comparison
        task.cancel()


async def _reach(client: Client, room_id: RoomId, head: Seq, progress: Progress) -> None:
    await client.reach(room_id, head)
    progress.advance(1)


async def _read_log(api: Api, room_id: RoomId) -> list[Event]:
    events: list[Event] = []
    after, epoch = Seq(0), None
    while True:
        page = await api.events(room_id, after=after, epoch=epoch)
        events += page.items
        if page.upto >= page.head or page.upto == after:
            return events
        after, epoch = page.upto, page.epoch


def _compare(log: RoomLog, clients: Sequence[Client]) -> None:
    for client in clients:
        changes = [change for _, change in sorted(client.acknowledged.items()) if change.room_id == log.room_id]
        for change in changes:
            log.check_acknowledged(client.name, change)
        log.check_calls(client.name, changes)
        for needless in client.needless:
            if needless.room_id == log.room_id:
                log.check_needless(client.name, needless)
        log.check_taken(client.name, client.taken[log.room_id])
        log.check_fold(client.name, client.rooms[log.room_id].state)
