"""A server over PostgreSQL, as its clients see it: the usual day, a database that crashes, and one that fails over."""

import asyncio
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hubbub.audit.live import audit_server
from hubbub.audit.plans import Plan
from hubbub.audit.store import audit_store
from hubbub.cli import app
from hubbub.realtime.watch import Watch
from hubbub.web.routes.health import SILENT
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from tests.integration.servers import LiveServer, Person, register, serving, settings_in
from tests.integration.sockets import dial
from tests.postgres import EmptyDatabases, PostgresServer
from tests.unit.audit.databases import Silent
from tests.unit.stores.sql.wires import wire_to


async def test_people_register_talk_search_read_and_sign_out(tmp_path: Path, empty_databases: EmptyDatabases) -> None:
    with empty_databases.one() as url:
        async with serving(settings_in(tmp_path, database_url=url, secret_file=tmp_path / "keys")) as live:
            ann, ben = await register(live, "Ann"), await register(live, "ben")
            assert (await ann.client.get("/health/ready")).status_code == 200
            den = {"kind": "group", "name": "den", "member_ids": [ben.id]}
            room = (await ann.client.post("/rooms", json=den)).json()
            for status in (201, 200):
                assert (await ann.client.post("/rooms/direct", json={"user_id": ben.id})).status_code == status
            await take_back(ann, room["id"], await talk(live, ann, ben, room["id"]))
            found = (await ben.client.get("/users", params={"q": "AN"})).json()
            assert [user["username"] for user in found["items"]] == ["Ann"]
            assert (await ann.client.post("/auth/logout")).status_code == 204
            assert (await ann.client.get("/rooms")).status_code == 401
            for person in (ann, ben):
                await person.client.aclose()
        report = audit_store(url, Silent())
        assert (report.rooms, len(report.findings)) == (2, 0)


async def test_who_is_disabled_by_command_loses_the_socket_at_the_next_look(
    tmp_path: Path, empty_databases: EmptyDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubbub.compose.Watch", partial(Watch, interval=0.05))
    with empty_databases.one() as url:
        async with serving(settings_in(tmp_path, database_url=url, secret_file=tmp_path / "keys")) as live:
            ann = await register(live, "ann")
            async with dial(live, "/ws", token=ann.access_token) as socket:
                command = ["users", "disable", "ann", "--database-url", url]
                done = await asyncio.to_thread(CliRunner().invoke, app, command)
                assert done.exit_code == 0
                assert (await ann.client.get("/rooms")).status_code == 401
                assert await socket.end() == CloseCode.UNAUTHENTICATED
            await ann.client.aclose()


async def talk(live: LiveServer, ann: Person, ben: Person, room_id: int) -> int:
    """Say something that both see; where it stands."""
    async with (
        dial(live, f"/ws/chat/{room_id}?after=0", token=ann.access_token) as one,
        dial(live, f"/ws/chat/{room_id}?after=0", token=ben.access_token) as two,
    ):
        first, again = [await one.ask(type="send", ref=ref, text="ÀÉ 100% 'quoted'", client_id="é1") for ref in (1, 2)]
        assert isinstance(first, wire.Ack)
        assert isinstance(again, wire.Ack)
        assert (first.seq, again.duplicate) == (again.seq, True)
        seq = int(first.seq or 0)
        await two.upto(seq)  # live, or replayed when this socket was the slower one
    assert (await ben.client.put(f"/rooms/{room_id}/read", json={"seq": seq})).is_success
    return seq


async def take_back(ann: Person, room_id: int, seq: int) -> None:
    path = f"/rooms/{room_id}/messages"
    assert (await ann.client.patch(f"{path}/{seq}", json={"text": "changed"})).status_code == 200
    assert (await ann.client.delete(f"{path}/{seq}")).is_success
    page = (await ann.client.get(path)).json()
    assert [(message["seq"], message["text"]) for message in page["items"]] == [(seq, "")]


async def test_a_database_that_crashes_twice_loses_doubles_and_reorders_nothing(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    url = own_postgres.create_database()

    async def crash_twice() -> None:
        for _ in range(2):
            await asyncio.to_thread(own_postgres.crash)
            await asyncio.to_thread(own_postgres.start)

    settings = settings_in(tmp_path, database_url=url, secret_file=tmp_path / "keys", frame_rate=0)
    async with serving(settings) as live:
        plan = Plan(urls=(live.url,), clients=4, rooms=2, seconds=2.0, rate=100)
        report = await audit_server(plan, Silent(), crash_twice)
        assert (report.findings.shown, report.acknowledged > 50) == ([], True)
        assert audit_store(url, Silent()).findings.shown == []


async def test_after_a_failover_clients_are_told_to_start_anew(tmp_path: Path, own_postgres: PostgresServer) -> None:
    url = own_postgres.create_database()
    async with serving(settings_in(tmp_path, database_url=url, secret_file=tmp_path / "keys")) as live:
        ann = await register(live, "ann")
        room = (await ann.client.post("/rooms", json={"kind": "group", "name": "den"})).json()
        before = await join(live, ann, room["id"], None)
        assert isinstance(before, wire.Joined)
        await asyncio.to_thread(own_postgres.stop)
        answer = await ann.client.post(f"/rooms/{room['id']}/messages", json={"text": "lost", "client_id": "c1"})
        assert answer.status_code == 503
        await asyncio.to_thread(own_postgres.stand_by)
        await asyncio.to_thread(own_postgres.promote)
        answer = await ann.client.post(f"/rooms/{room['id']}/messages", json={"text": "lost", "client_id": "c1"})
        assert answer.status_code == 201
        told = await join(live, ann, room["id"], before.epoch)
        assert isinstance(told, wire.Reset)
        assert told.reason == "epoch_changed"
        await ann.client.aclose()


async def join(live: LiveServer, ann: Person, room_id: int, epoch: str | None) -> wire.ServerFrame:
    """What a client that has seen everything is told about its room."""
    async with dial(live, "/ws", token=ann.access_token) as socket:
        await socket.next(wire.Hello)
        await socket.put(type="join", room_id=room_id, after=2, **({} if epoch is None else {"epoch": epoch}))
        return await socket.take()


async def test_a_database_that_hangs_is_told_at_once(
    tmp_path: Path, empty_databases: EmptyDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubbub.web.routes.health.PATIENCE", 0.1)
    with empty_databases.one() as url, wire_to(url) as wire:
        settings = settings_in(tmp_path, database_url=wire.url, secret_file=tmp_path / "keys")
        async with serving(settings) as live:
            ann = await register(live, "ann")
            wire.silent = True
            ready = await ann.client.get("/health/ready")
            assert (ready.status_code, ready.json()["warnings"][0]) == (503, SILENT)
            wire.close()
            posted = await ann.client.post("/rooms", json={"kind": "group", "name": "den"})
            assert posted.status_code == 503
            await ann.client.aclose()
