"""Two nodes on PostgreSQL and NATS: what ends on one ends on the other, and what may be done once is done once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed

from hubbub.domain.errors import Forbidden
from hubbub.domain.ids import Millis, SessionId, UserId
from hubbub.domain.users import Identity, User
from hubbub.realtime import presence
from hubbub.realtime.watch import Watch
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from tests.integration.servers import PASSWORD, Address, LiveServer, Person, register, serving, settings_in
from tests.integration.sockets import Socket, Sockets
from tests.nats import NatsServer
from tests.postgres import EmptyDatabases
from tools.clusters import QUICK, Node

IN_TIME = 15.0  # seconds


@dataclass(frozen=True, slots=True)
class Pair:
    """Two servers in this process, which know of each other what real ones do."""

    here: LiveServer
    there: LiveServer
    stack: AsyncExitStack

    async def person(self, username: str) -> Person:
        """Somebody who has registered and signed in, here."""
        person = await register(self.here, username)
        self.stack.push_async_callback(person.client.aclose)
        return person

    def at(self, live: Address) -> Sockets:
        return Sockets(live, self.stack)

    async def log_in(self, live: LiveServer, login: str, password: str) -> httpx2.Response:
        async with live.client() as client:
            answer: httpx2.Response = await client.post("/auth/login", json={"username": login, "password": password})
            return answer


@asynccontextmanager
async def open_pair(folder: Path, database_url: str, **settings: object) -> AsyncIterator[Pair]:
    both = settings_in(folder, database_url=database_url, secret_file=folder / "keys", **settings)
    async with serving(both) as here, serving(both) as there, AsyncExitStack() as stack:
        yield Pair(here, there, stack)


@pytest.fixture
async def pair(
    tmp_path: Path,
    empty_databases: EmptyDatabases,
    nats_url: str,
    nats_prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Pair]:
    """A pair that hears everything from the bus: it never looks at the store."""
    monkeypatch.setattr(Watch, "start", lambda watch: None)
    with empty_databases.one() as url:
        async with open_pair(tmp_path, url, bus_url=nats_url, bus_prefix=nats_prefix) as pair:
            yield pair


async def found(founder: Person, *others: Person) -> int:
    body = {"kind": "group", "name": "room", "member_ids": [other.id for other in others]}
    room_id: int = (await founder.client.post("/rooms", json=body)).json()["id"]
    return room_id


async def test_a_log_out_on_one_node_closes_the_sockets_on_the_other(pair: Pair) -> None:
    ann = await pair.person("ann")
    socket = await pair.at(pair.there).open(ann)
    assert (await ann.client.post("/auth/logout")).status_code == 204
    assert await asyncio.wait_for(socket.end(), IN_TIME) == CloseCode.UNAUTHENTICATED


async def test_who_is_disabled_on_one_node_loses_the_sockets_on_the_other(pair: Pair) -> None:
    root, ann = await pair.person("root"), await pair.person("ann")
    await pair.here.server.chat.administration.grant_admin(UserId(root.id))
    sockets = [await pair.at(live).open(ann) for live in (pair.here, pair.there)]
    assert (await root.client.patch(f"/users/{ann.id}", json={"disabled": True})).status_code == 200
    for socket in sockets:
        assert await asyncio.wait_for(socket.end(), IN_TIME) == CloseCode.UNAUTHENTICATED
    assert (await pair.log_in(pair.there, "ann", PASSWORD)).status_code == 403


async def test_two_administrators_on_two_nodes_who_disable_each_other_leave_one(pair: Pair) -> None:
    both = [await pair.person("ann"), await pair.person("bob")]
    for person in both:
        await pair.here.server.chat.administration.grant_admin(UserId(person.id))
    one, two = (
        Identity(UserId(person.id), person.username, person.username, SessionId(0), True, Millis(0)) for person in both
    )
    outcomes = await asyncio.gather(
        pair.here.server.chat.administration.disable(two.user_id, by=one),
        pair.there.server.chat.administration.disable(one.user_id, by=two),
        return_exceptions=True,
    )
    assert {type(outcome) for outcome in outcomes} == {User, Forbidden}


async def test_who_is_removed_on_one_node_hears_nothing_more_on_the_other(pair: Pair) -> None:
    ann, bob = await pair.person("ann"), await pair.person("bob")
    in_all = await pair.at(pair.there).open(bob)
    room_id = await found(ann, bob)
    await require_told(in_all, room_id, on=True)
    in_room = await pair.at(pair.there).open(bob, room_id)
    assert (await ann.client.delete(f"/rooms/{room_id}/members/{bob.id}")).status_code == 204
    await ann.client.post(f"/rooms/{room_id}/messages", json={"text": "is he gone?"})
    await require_told(in_all, room_id, on=False)
    assert await asyncio.wait_for(in_room.end(), IN_TIME) == CloseCode.FORBIDDEN
    assert not [text for text in in_room.received + in_all.received if "is he gone?" in text]


async def test_members_of_a_room_that_is_deleted_are_told_on_every_node(pair: Pair) -> None:
    ann, bob = await pair.person("ann"), await pair.person("bob")
    sockets = [await pair.at(live).open(bob) for live in (pair.here, pair.there)]
    room_id = await found(ann, bob)
    for socket in sockets:
        await require_told(socket, room_id, on=True)
    assert (await ann.client.delete(f"/rooms/{room_id}")).status_code == 204
    for socket in sockets:
        await require_told(socket, room_id, on=False)


async def test_typing_marks_and_presence_cross_the_nodes(pair: Pair) -> None:
    ann, bob = await pair.person("ann"), await pair.person("bob")
    room_id = await found(ann, bob)
    by_ann, by_bob = await pair.at(pair.here).open(ann, room_id), await pair.at(pair.there).open(bob, room_id)
    await by_ann.put(type="presence", ref=1, watch=[bob.id])
    while (await told(by_ann, "presence")).status != "online":
        pass
    await by_bob.put(type="typing", on=True)
    assert (await told(by_ann, "typing")).user_id == bob.id
    await ann.client.post(f"/rooms/{room_id}/messages", json={"text": "hello"})
    await by_bob.upto(4)
    await by_bob.put(type="read", seq=4)
    assert (await told(by_ann, "read")).seq == 4


async def require_told(socket: Socket, room_id: int, *, on: bool) -> None:
    """The next frame says that its user is a member of this room now, or is none any more."""
    signal = await asyncio.wait_for(socket.next(wire.Signal), IN_TIME)
    assert (signal.kind, signal.room_id, signal.on) == ("room", room_id, on)


async def told(socket: Socket, kind: str) -> wire.Signal:
    """The next signal of this kind."""
    frames = await asyncio.wait_for(
        socket.until(lambda frame: isinstance(frame, wire.Signal) and frame.kind == kind), IN_TIME
    )
    assert isinstance(frames[-1], wire.Signal)
    return frames[-1]


async def test_a_ticket_that_is_used_on_two_nodes_at_once_opens_one_socket(pair: Pair) -> None:
    ann = await pair.person("ann")
    for _ in range(5):
        ticket = (await ann.client.post("/auth/ticket")).json()["ticket"]
        nodes = (pair.here, pair.there, pair.here, pair.there)
        sockets = await asyncio.gather(*(pair.at(live).dial(f"/ws?ticket={ticket}") for live in nodes))
        refusals = await asyncio.gather(*map(refusal, sockets))
        assert (refusals.count(None), refusals.count(CloseCode.UNAUTHENTICATED)) == (1, 3)


async def refusal(socket: Socket) -> int | None:
    """With which code a socket was closed that has just been opened; None = with none, it was welcomed."""
    try:
        await socket.next(wire.Hello)
    except ConnectionClosed:
        return socket.websocket.close_code
    return None


async def test_a_refresh_token_that_is_used_on_two_nodes_at_once_ends_the_session(pair: Pair) -> None:
    ann = await pair.person("ann")
    socket = await pair.at(pair.there).open(ann)

    async def refresh(live: LiveServer, token: str) -> httpx2.Response:
        async with live.client() as client:
            answer: httpx2.Response = await client.post("/auth/refresh", json={"refresh_token": token})
            return answer

    answers = await asyncio.gather(*(refresh(live, ann.refresh_token) for live in (pair.here, pair.there)))
    assert sorted(answer.status_code for answer in answers) == [200, 401]
    (granted,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert (await refresh(pair.here, granted["refresh_token"])).status_code == 401
    assert await asyncio.wait_for(socket.end(), IN_TIME) == CloseCode.UNAUTHENTICATED


async def test_a_refresh_that_is_repeated_on_another_node_or_at_once_gets_the_same_token(pair: Pair) -> None:
    ann = await pair.person("ann")
    token = ann.refresh_token
    for number in range(5):
        body = {"refresh_token": token, "attempt": f"a-word-of-its-own-{number}"}
        async with pair.here.client() as here, pair.there.client() as there:
            at_once = await asyncio.gather(*(client.post("/auth/refresh", json=body) for client in (here, there) * 2))
            answers = [*at_once, await there.post("/auth/refresh", json=body)]
        assert [answer.status_code for answer in answers] == [200] * 5
        (token,) = {answer.json()["refresh_token"] for answer in answers}
    assert (await ann.client.get("/users/me")).status_code == 200


async def test_without_the_bus_a_look_at_the_store_finds_the_same(
    tmp_path: Path, empty_databases: EmptyDatabases, nats_of_my_own: NatsServer
) -> None:
    with empty_databases.one() as url:
        async with open_pair(tmp_path, url, bus_url=nats_of_my_own.url) as pair:
            ann, bob = await pair.person("ann"), await pair.person("bob")
            room_id = await found(ann, bob)
            nats_of_my_own.kill()
            by_ann = await pair.at(pair.there).open(ann)
            by_bob = await pair.at(pair.there).open(bob, room_id)
            await ann.client.delete(f"/rooms/{room_id}/members/{bob.id}")
            await ann.client.post("/auth/logout")
            ann_code, bob_code = await asyncio.wait_for(asyncio.gather(by_ann.end(), by_bob.end()), IN_TIME)
            assert (ann_code, bob_code) == (CloseCode.UNAUTHENTICATED, CloseCode.FORBIDDEN)


async def test_attempts_to_sign_in_are_counted_for_all_nodes_together(
    tmp_path: Path, empty_databases: EmptyDatabases
) -> None:
    with empty_databases.one() as url:
        async with open_pair(tmp_path, url, login_rate=4) as pair:
            nodes = (pair.here, pair.there) * 3
            answers = [await pair.log_in(live, "nobody", PASSWORD) for live in nodes]
            assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 429, 429]
            assert all(1 <= int(answer.headers["Retry-After"]) <= 15 for answer in answers[4:])


QUICK_PRESENCE = """
from hubbub.realtime import presence
presence.TEMPO = presence.Tempo(grace=0.2, beat=0.05)
"""


async def test_the_users_of_a_node_that_is_killed_go_offline_for_those_on_another(
    tmp_path: Path, empty_databases: EmptyDatabases, nats_url: str, nats_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(QUICK_PRESENCE)
    monkeypatch.setattr(presence, "TEMPO", presence.Tempo(grace=0.2, beat=0.05))
    shared = {"bus_url": nats_url, "bus_prefix": nats_prefix, "secret_file": tmp_path / "keys"}
    with empty_databases.one() as url:
        shared["database_url"] = url
        environment = {f"HUBBUB_{name.upper()}": str(value) for name, value in shared.items()}
        node = Node(1, tmp_path, {**QUICK, **environment, "PYTHONPATH": str(tmp_path)})
        async with serving(settings_in(tmp_path, **shared)) as here, AsyncExitStack() as stack:
            await node.start()
            stack.push_async_callback(node.kill)
            pair = Pair(here, here, stack)
            ann, bob = await pair.person("ann"), await pair.person("bob")
            await found(ann, bob)
            by_ann = await pair.at(here).open(ann)
            await pair.at(Address(node.port)).open(bob)
            await by_ann.put(type="presence", ref=1, watch=[bob.id])
            while (await told(by_ann, "presence")).status != "online":
                pass
            await node.kill()
            gone = await told(by_ann, "presence")
            assert (gone.user_id, gone.status) == (bob.id, "offline")
