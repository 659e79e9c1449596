"""A room's log as Server-Sent Events, from a real server."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from hubbub.settings import Settings
from tests.integration.conftest import MakeUser
from tests.integration.servers import LiveServer, Person, register, serving, settings_in

STREAM = {"Accept": "text/event-stream"}


class Sent(NamedTuple):
    epoch: str
    id: int
    event: str
    data: dict[str, Any]


class Reader:
    """Reads Server-Sent Events one by one."""

    def __init__(self, response: httpx2.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self) -> Sent | None:
        """The next event; None at the end of the stream. Comments and `retry` are passed over."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                epoch, _, seq = fields["id"].partition(":")
                return Sent(epoch, int(seq), fields["event"], json.loads(fields["data"]))
            else:
                fields = {}
        return None

    async def take(self, count: int) -> list[Sent]:
        found = [await self.next() for _ in range(count)]
        return [sent for sent in found if sent is not None]


@asynccontextmanager
async def stream(client: httpx2.AsyncClient, path: str, **headers: str) -> AsyncIterator[Reader]:
    async with client.stream("GET", path, headers=STREAM | headers, timeout=30) as response:
        assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        yield Reader(response)


async def room_of(owner: Person, *members: Person, **more: object) -> str:
    body = {"kind": "group", "name": "a", "member_ids": [member.id for member in members], **more}
    return str((await owner.client.post("/rooms", json=body)).headers["location"])


async def post(person: Person, path: str, text: str) -> None:
    (await person.client.post(f"{path}/messages", json={"text": text})).raise_for_status()


async def test_the_log_comes_first_and_then_what_happens_without_a_hole(make_user: MakeUser) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    path = await room_of(ann, ben)
    async with stream(ben.client, f"{path}/events") as reader:
        founding = await reader.take(3)
        await post(ann, path, "one")
        await post(ann, path, "two")
        happened = await reader.take(2)
    assert [sent.id for sent in founding + happened] == [1, 2, 3, 4, 5]
    assert [sent.data["kind"] for sent in founding] == ["room.created", "member.joined", "member.joined"]
    assert [sent.data["message"]["text"] for sent in happened] == ["one", "two"]
    assert {sent.event for sent in founding + happened} == {"event"}


async def test_last_event_id_goes_on_after_it_and_counts_more_than_after(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    path = await room_of(ann)
    for text in ("one", "two", "three"):
        await post(ann, path, text)
    async with stream(ann.client, f"{path}/events?after=1", **{"Last-Event-ID": "4"}) as reader:
        sent = await reader.next()
    assert sent is not None
    assert (sent.id, sent.data["message"]["text"]) == (5, "three")


async def test_an_id_goes_on_after_it_in_its_own_log_and_starts_anew_in_another(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    path = await room_of(ann)
    await post(ann, path, "one")
    async with stream(ann.client, f"{path}/events") as reader:
        first, second, third = await reader.take(3)
    assert first.epoch == second.epoch == third.epoch
    async with stream(ann.client, f"{path}/events", **{"Last-Event-ID": f"{second.epoch}:2"}) as reader:
        assert await reader.next() == third
    async with stream(ann.client, f"{path}/events?after=another:2") as reader:
        reset, again = await reader.take(2)
    assert (reset.event, reset.epoch, reset.id, reset.data["reason"]) == ("reset", first.epoch, 0, "epoch_changed")
    assert again == first


async def test_a_long_log_comes_in_pages_and_goes_live(make_user: MakeUser, live: LiveServer) -> None:
    ann = await make_user("ann")
    path = await room_of(ann)
    for number in range(450):
        await post(ann, path, f"message {number}")
    async with stream(ann.client, f"{path}/events") as reader:
        sent = await reader.take(452)
        await post(ann, path, "live")
        last = await reader.next()
    assert [each.id for each in sent] == list(range(1, 453))
    assert last is not None
    assert (last.id, last.data["message"]["text"]) == (453, "live")


async def test_an_outsider_is_told_nothing_and_a_bad_last_event_id_is_refused(make_user: MakeUser) -> None:
    ann, eve = await make_user("ann"), await make_user("eve")
    path = await room_of(ann)
    assert (await eve.client.get(f"{path}/events", headers=STREAM)).status_code == 404
    for bad in ("x", "-1", "1e3", str(2**53), ":1", "k3v9:", "k3v9:x", "k v:1", "k3v9:1:1"):
        refused = await ann.client.get(f"{path}/events", headers=STREAM | {"Last-Event-ID": bad})
        assert refused.status_code == 422


async def test_a_removed_member_sees_the_removal_and_nothing_after_it(make_user: MakeUser) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    path = await room_of(ann, ben)
    async with stream(ben.client, f"{path}/events?after=3") as reader:
        await ann.client.delete(f"{path}/members/{ben.id}")
        await post(ann, path, "among ourselves")
        removal, reset, end = await reader.next(), await reader.next(), await reader.next()
    assert removal is not None
    assert reset is not None
    assert (removal.id, removal.data["kind"], removal.data["member_id"]) == (4, "member.left", ben.id)
    assert (reset.event, reset.data["reason"], reset.data["seq"]) == ("reset", "forbidden", 4)
    assert end is None


async def test_a_stream_ends_with_its_session(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    path = await room_of(ann)
    async with stream(ann.client, f"{path}/events?after=2") as reader:
        await ann.client.post("/auth/logout")
        assert await reader.next() is None


async def test_a_stream_that_knows_more_than_the_log_starts_anew(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    path = await room_of(ann)
    async with stream(ann.client, f"{path}/events?after=99") as reader:
        reset, first, second = await reader.take(3)
    assert (reset.event, reset.id, reset.data["reason"]) == ("reset", 0, "epoch_changed")
    assert [first.id, second.id] == [1, 2]


async def test_one_who_joined_later_starts_at_their_own_joining(make_user: MakeUser) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    path = await room_of(ann, history="since_joined")
    await post(ann, path, "before")
    await ann.client.put(f"{path}/members/{ben.id}")
    async with stream(ben.client, f"{path}/events") as reader:
        reset, joined = await reader.take(2)
    assert (reset.event, reset.data["reason"], reset.data["base"]) == ("reset", "pruned", 3)
    assert (joined.id, joined.data["kind"]) == (4, "member.joined")


async def test_a_browser_may_put_the_token_into_the_url(make_user: MakeUser, client: httpx2.AsyncClient) -> None:
    ann = await make_user("ann")
    path = await room_of(ann)
    async with stream(client, f"{path}/events?token={ann.access_token}") as reader:
        assert await reader.next() is not None
    assert (await client.get(f"{path}/events", headers=STREAM)).status_code == 401


async def test_streams_count_as_sockets_of_their_user_until_they_are_closed(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    path = await room_of(ann)
    async with stream(ann.client, f"{path}/events"):
        refused = await ann.client.get(f"{path}/events", headers=STREAM)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    for _ in range(100):
        async with ann.client.stream("GET", f"{path}/events", headers=STREAM) as response:
            if response.status_code == 200:
                return
    pytest.fail("the closed stream still counts")


async def test_head_is_answered_with_the_head_and_leaves_nothing_that_counts_as_sockets_do(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    path = await room_of(ann)
    head = await ann.client.head(f"{path}/events", headers=STREAM)
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert (await ann.client.get(path)).status_code == 200  # on the same connection
    for _ in range(100):
        if await begun(ann, path) == 200:
            return
    pytest.fail("what HEAD has opened still counts")


async def test_a_reader_that_takes_nothing_is_cut(tmp_path: Path) -> None:
    limits = settings_in(tmp_path, user_sockets=1, stuck_seconds=0.2, frame_rate=0)
    async with serving(limits) as live:
        ann = await register(live, "ann")
        path = await room_of(ann)
        with socket.socket() as stuck:
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.connect(("127.0.0.1", live.port))
            reader, writer = await asyncio.open_connection(sock=stuck, limit=1024)
            writer.write(f"GET {path}/events?after=2&token={ann.access_token} HTTP/1.1\r\nHost: a\r\n".encode())
            writer.write(b"Accept: text/event-stream\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            assert await begun(ann, path) == 429
            for _ in range(40):  # which are not taken
                await post(ann, path, "x" * 16_000)
            while await begun(ann, path) != 200:
                pass
            writer.close()
        await ann.client.aclose()


async def begun(person: Person, path: str) -> int:
    """The status of another stream, which is not read."""
    async with person.client.stream("GET", f"{path}/events", headers=STREAM) as response:
        return response.status_code


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    limited = "count_as_sockets" in request.node.name
    return settings_in(tmp_path, frame_rate=0, **({"user_sockets": 1} if limited else {}))
