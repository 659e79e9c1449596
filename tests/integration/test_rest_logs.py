"""What a session leaves in the logs: nothing that was said, and nothing that would open it again."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubbub.logs import configure_logs
from hubbub.settings import Settings
from tests.integration.servers import PASSWORD, LiveServer, register, settings_in


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path, access_log=True, forwarded_allow_ips=("127.0.0.1",))


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that is logged, down to the least important."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs("debug", "json", stream=stream)
    yield stream
    root.handlers[:] = before[0]
    root.setLevel(before[1])


async def test_no_text_no_token_and_no_password_is_logged(logged: io.StringIO, live: LiveServer) -> None:
    ann = await register(live, "ann")
    async with live.client(ann.access_token) as client:
        path = (await client.post("/rooms", json={"kind": "group", "name": "x"})).headers["location"]
        await client.post(f"{path}/messages", json={"text": "for Ben alone", "client_id": "a1"})
        await client.post(f"{path}/messages", json={"text": "another text", "client_id": "a1"})
        await client.post(f"{path}/messages", json={"text": ["of a wrong type"]})
        await client.get("/users", params={"q": "whom she looks for"})
        ticket = (await client.post("/auth/ticket")).json()["ticket"]
        await client.get("/ws", params={"ticket": ticket, "token": ann.access_token})
        await client.post("/auth/password", json={"old_password": "mistyped horse", "new_password": "next horse"})
        body = {"refresh_token": ann.refresh_token, "attempt": "a-word-of-its-own"}
        refreshed = (await client.post("/auth/refresh", json=body)).json()
        await client.post("/auth/refresh", json={"refresh_token": ann.refresh_token})  # a theft, which is logged
    await ann.client.aclose()
    lines = logged.getvalue()
    assert '"path": "/auth/refresh"' in lines
    assert "was used twice" in lines
    secrets = [ann.access_token, ann.refresh_token, ticket, refreshed["access_token"], refreshed["refresh_token"]]
    texts = [
        PASSWORD,
        "for Ben alone",
        "another text",
        "of a wrong type",
        "whom she",
        "mistyped",
        "next horse",
        body["attempt"],
    ]
    assert [secret for secret in secrets + texts if secret in lines] == []


async def test_the_access_log_has_a_line_for_each_request_with_its_id(logged: io.StringIO, live: LiveServer) -> None:
    async with live.client() as client:
        await client.get("/health/live?secret=1", headers={"X-Request-ID": "find-me"})
    (line,) = [line for line in logged.getvalue().splitlines() if '"event": "request"' in line]
    for part in ('"method": "GET"', '"path": "/health/live"', '"status": 200', '"request_id": "find-me"'):
        assert part in line


async def test_the_access_log_says_from_where_a_request_came_and_from_whom(
    logged: io.StringIO, live: LiveServer
) -> None:
    ann, bob = await register(live, "ann"), await register(live, "bob")
    path = (await ann.client.post("/rooms", json={"kind": "group", "name": "x"})).headers["location"]
    logged.seek(0)
    logged.truncate()
    forwarded = {"X-Forwarded-For": "203.0.113.7"}
    await ann.client.get(f"{path}/messages")
    await ann.client.get("/users/me", headers=forwarded)
    await bob.client.head("/users/me")
    await ann.client.get("/users/me", headers={"Authorization": "Bearer none"})
    await ann.client.aclose()
    await bob.client.aclose()
    lines = [json.loads(line) for line in logged.getvalue().splitlines() if '"event": "request"' in line]
    told = [(line["method"], line["status"], line["address"], line["user_id"]) for line in lines]
    assert told == [
        ("GET", 200, "127.0.0.1", ann.id),
        ("GET", 200, "203.0.113.7", ann.id),
        ("HEAD", 200, "127.0.0.1", bob.id),
        ("GET", 401, "127.0.0.1", None),
    ]
