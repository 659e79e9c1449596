"""What strangers send: every refusal is a problem, and none of it is a failure of the server."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from hubbub.domain.ids import UserId
from hubbub.realtime.turns import AT_A_TIME, MAX_REQUESTS
from hubbub.services.clocks import SystemClock
from hubbub.web import app
from tests.integration.conftest import MakeUser
from tests.integration.servers import PASSWORD, LiveServer, register, serving, settings_in

JSON = {"Content-Type": "application/json"}


def require_problem(answer: httpx2.Response, status: int, code: str = "invalid") -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert {key: problem[key] for key in ("type", "status", "code", "request_id")} == {
        "type": "about:blank",
        "status": status,
        "code": code,
        "request_id": answer.headers["x-request-id"],
    }
    assert problem["title"]
    assert problem["detail"]


NOT_JSON = [
    b"NaN",
    b'{"name": Infinity}',
    b'{"name": %b}' % (b"1" * 5_000),
    b'{"name": 1e400}',
    b'{"name": "\\ud800"}',
    b'{"passed over": "\\udfff"}',
    b'{"name": "\xff"}',
    b'\xef\xbb\xbf{"name": "byte order mark"}',
    b'{"name": "x"',
    b"{'name': 'x'}",
]
NOT_AN_OBJECT = [b"null", b"[]", b"1", b'"text"', b"{}"]
NOT_A_NUMBER = ["-1", "+1", "1.0", "1e3", "1_0", " 1", "\u0661", "\0", "9" * 17, "9" * 5_000, "x"]
TAKES_JSON = ["/auth/login", "/auth/register", "/rooms"]


@pytest.mark.parametrize("path", TAKES_JSON)
async def test_a_body_that_is_not_json_is_a_bad_request(make_user: MakeUser, path: str) -> None:
    ann = await make_user("ann")
    for body in NOT_JSON:
        require_problem(await ann.client.post(path, content=body, headers=JSON), 400)


@pytest.mark.parametrize("path", TAKES_JSON)
async def test_a_body_is_nested_no_deeper_than_its_parser_can_follow(make_user: MakeUser, path: str) -> None:
    ann = await make_user("ann")
    endless = b"[" * 100_000 + b"]" * 100_000
    require_problem(await ann.client.post(path, content=endless, headers=JSON), 400)
    for depth in (900, 1_100, 5_000):  # how deep that is depends on the version of Python
        deep = b'{"passed over": ' + b"[" * depth + b"]" * depth + b"}"
        answer = await ann.client.post(path, content=deep, headers=JSON)
        require_problem(answer, 400 if answer.status_code == 400 else 422)


@pytest.mark.parametrize("path", TAKES_JSON)
async def test_a_body_that_is_no_object_of_its_kind_is_invalid(make_user: MakeUser, path: str) -> None:
    ann = await make_user("ann")
    for body in NOT_AN_OBJECT:
        require_problem(await ann.client.post(path, content=body, headers=JSON), 422)


async def test_a_body_must_say_that_it_is_json(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    body = b'{"kind": "group", "name": "x"}'
    for wrong in (b"text/plain", b"application/xml", b"application/json-seq", b"json", b"\xff", b""):
        require_problem(await ann.client.post("/rooms", content=body, headers={b"Content-Type": wrong}), 415)
    right = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert (await ann.client.post("/rooms", content=body, headers=right)).status_code == 201


async def test_a_form_that_is_none_is_a_bad_request(client: httpx2.AsyncClient) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"username=%ff&password=x", b"username=\xff", b"&".join([b"a=1"] * 50)):
        require_problem(await client.post("/auth/login", content=body, headers=headers), 400)


async def test_an_id_is_a_plain_number(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    calls = [
        *(("GET", path) for path in ("/rooms/{}", "/rooms/{}/messages", "/users/{}", "/rooms/1/messages/{}")),
        *(("DELETE", path) for path in ("/auth/sessions/{}", "/rooms/1/members/{}")),
    ]
    for method, path in calls:
        for number in NOT_A_NUMBER:
            require_problem(await ann.client.request(method, path.format(quote(number))), 404, "not_found")
        for number in ("0", str(2**53), "9" * 16):
            require_problem(await ann.client.request(method, path.format(number)), 422)


async def test_a_limit_is_1_to_200(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    for limit in ("0", "201", "-1", "1.5", "ten", "9" * 5_000):
        for path in ("/rooms", "/users", "/channels"):
            require_problem(await ann.client.get(path, params={"limit": limit}), 422)
    assert (await ann.client.get("/rooms", params={"limit": "200"})).status_code == 200


async def test_a_cursor_that_nobody_gave_out_is_invalid(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    for cursor in ("", "x", "\0", "a" * 600, "MTIz", "Li4u"):
        require_problem(await ann.client.get("/rooms", params={"cursor": cursor}), 422)


async def test_a_problem_names_the_fields_and_repeats_nothing_of_what_was_sent(client: httpx2.AsyncClient) -> None:
    body = {"username": ["s3cret-name"], "password": {"s3cret": "password"}, "email": 3}
    answer = await client.post("/auth/register", json=body)
    require_problem(answer, 422)
    assert [(error["location"], error["field"]) for error in answer.json()["errors"]] == [
        ("body", "username"),
        ("body", "email"),
        ("body", "password"),
    ]
    assert "s3cret" not in answer.text


async def test_an_unknown_path_is_a_problem(client: httpx2.AsyncClient) -> None:
    for path in ("/nowhere", "/rooms/", "/docs/assets/nothing.js", "/auth"):
        require_problem(await client.get(path), 404, "not_found")


async def test_another_method_is_a_problem_that_names_those_that_are_allowed(client: httpx2.AsyncClient) -> None:
    answer = await client.request("DELETE", "/rooms")
    require_problem(answer, 405)
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


async def test_head_answers_like_get_without_a_body(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    got, head = await ann.client.get("/rooms"), await ann.client.head("/rooms")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(got.content))


async def test_a_body_of_more_than_the_limit_is_refused_whether_its_length_is_announced_or_not(
    tmp_path: Path,
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(1_000):
            yield b" " * 1_000

    async with serving(settings_in(tmp_path, max_body_bytes=2_000)) as live, live.client() as client:
        announced = await client.post("/auth/login", content=b" " * 1_000_000, headers=JSON)
        chunked = await client.post("/auth/login", content=chunks(), headers=JSON)
        within = await client.post("/auth/login", content=b" " * 2_000, headers=JSON)
    require_problem(announced, 413, "too_large")
    require_problem(chunked, 413, "too_large")
    require_problem(within, 400)


async def test_a_sane_request_id_is_echoed_and_any_other_is_replaced(client: httpx2.AsyncClient) -> None:
    sane = await client.get("/health/live", headers={"X-Request-ID": "abc-1/2"})
    assert sane.headers["x-request-id"] == "abc-1/2"
    for other in (b"a b", b"\xff", b"a" * 129, b'"'):
        answer = await client.get("/health/live", headers={b"X-Request-ID": other})
        assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]+", answer.headers["x-request-id"])


async def test_every_answer_says_how_a_browser_may_treat_it(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    for path in ("/users/me", "/nowhere", "/rooms?limit=0", "/health/live"):
        headers = (await ann.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"


async def test_pages_from_elsewhere_may_read_answers_only_when_a_setting_names_them(
    client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    origin = {"Origin": "https://chat.example.org"}
    preflight = {**origin, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
    assert "access-control-allow-origin" not in (await client.get("/health/live", headers=origin)).headers
    (tmp_path / "cors").mkdir()
    settings = settings_in(tmp_path / "cors", cors_origins="https://chat.example.org")
    async with serving(settings) as live, live.client() as other:
        for path in ("/health/live", "/rooms"):
            answer = await other.get(path, headers=origin)
            assert answer.headers["access-control-allow-origin"] == origin["Origin"]
            assert "X-Request-ID" in answer.headers["access-control-expose-headers"]
        assert (await other.options("/rooms", headers=preflight)).status_code == 200
        foreign = await other.get("/health/live", headers={"Origin": "https://other.example.org"})
        assert "access-control-allow-origin" not in foreign.headers


async def test_a_defect_is_told_in_fixed_words_and_logged_with_the_request_id(
    live: LiveServer, make_user: MakeUser, caplog: pytest.LogCaptureFixture
) -> None:
    ann = await make_user("ann")
    server, live.app.state.server = live.server, None  # nothing is behind the application
    answer = await ann.client.get("/rooms", headers={"X-Request-ID": "find-me"})
    live.app.state.server = server
    require_problem(answer, 500, "internal")
    assert "NoneType" not in answer.text
    (record,) = [record for record in caplog.records if record.name == "hubbub.web.middlewares"]
    assert (record.getMessage(), record.exc_info is not None) == ("GET /rooms failed", True)


async def test_a_session_that_has_ended_takes_nothing_from_the_others_and_waits_like_them(tmp_path: Path) -> None:
    async with serving(settings_in(tmp_path, request_rate=0.001, request_burst=5)) as live:
        ann = await register(live, "ann")
        async with aclosing(ann.client):
            grant = (await ann.client.post("/auth/login", json={"username": "ann", "password": PASSWORD})).json()
            assert (await ann.client.post("/auth/logout")).status_code == 204
            gone = [await ann.client.get("/users/me") for _ in range(9)]
            assert {answer.status_code for answer in gone} == {401}
            async with live.client(grant["access_token"]) as client:
                answers = [await client.get("/users/me") for _ in range(5)]
            assert [answer.status_code for answer in answers] == [200] * 4 + [429]
            require_problem(await ann.client.get("/users/me"), 429, "rate_limited")  # that it has ended, nobody looks


async def test_who_refreshes_too_often_waits_and_keeps_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "REFRESH_BURST", 3)
    monkeypatch.setattr(SystemClock, "monotonic", lambda _: 0.0)
    async with serving(settings_in(tmp_path, request_rate=100)) as live:
        ann, ben = await register(live, "ann"), await register(live, "ben")
        async with aclosing(ann.client), aclosing(ben.client):
            token = ann.refresh_token
            for _ in range(3):
                token = (await ann.client.post("/auth/refresh", json={"refresh_token": token})).json()["refresh_token"]
            last = await ann.client.post("/auth/refresh", json={"refresh_token": token})
            require_problem(last, 429, "rate_limited")
            assert last.headers["retry-after"] == "10"
            assert (await ann.client.get("/users/me")).status_code == 200
            body = {"refresh_token": ben.refresh_token}
            assert (await ben.client.post("/auth/refresh", json=body)).status_code == 200


@pytest.mark.parametrize("query", ["limit=1", "limit=01&after=0"], ids=["plain", "documented"])
async def test_who_asks_too_fast_waits_and_the_others_do_not(
    tmp_path: Path, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SystemClock, "monotonic", lambda _: 0.0)
    async with serving(settings_in(tmp_path, request_rate=0.5, request_burst=5)) as live:
        ann, ben = await register(live, "ann"), await register(live, "ben")
        async with aclosing(ann.client), aclosing(ben.client):
            room = (await ann.client.post("/rooms", json={"kind": "channel", "name": "a"})).headers["location"]
            *answers, last = [await ann.client.get(f"{room}/messages?{query}") for _ in range(5)]
            assert [answer.status_code for answer in answers] == [200] * 4
            require_problem(last, 429, "rate_limited")
            assert last.headers["retry-after"] == "2"
            assert (await ben.client.get("/users/me")).status_code == 200


READS = [
    "/rooms",
    "{room}",
    "{room}/messages",
    "{room}/messages?limit=050",
    "{message}",
    "{room}/events",
    "{room}/members",
    "/users/me",
    "/users/1",
    "/users?id=1",
    "/auth/sessions",
]


@pytest.mark.parametrize("path", READS)
async def test_the_reads_of_a_user_take_turns_and_nobody_else_waits_for_them(live: LiveServer, path: str) -> None:
    ann, ben = await register(live, "ann"), await register(live, "ben")
    turns = live.server.turns
    async with aclosing(ann.client), aclosing(ben.client):
        founded = await ann.client.post("/rooms", json={"kind": "group", "name": "a", "member_ids": [ben.id]})
        room = founded.headers["location"]
        posted = await ann.client.post(f"{room}/messages", json={"text": "first"})
        path = path.format(room=room, message=posted.headers["location"])
        for _ in range(AT_A_TIME):
            await turns.take(UserId(ann.id))
        waiting = [asyncio.ensure_future(turns.take(UserId(ann.id))) for _ in range(MAX_REQUESTS - 1)]
        asked = asyncio.ensure_future(ann.client.get(path))
        while len(turns._users[UserId(ann.id)].waiting) < MAX_REQUESTS:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0)
        refused = await ann.client.get(path)
        require_problem(refused, 429, "rate_limited")
        assert refused.headers["retry-after"] == "1"
        assert (await ben.client.get(path)).status_code == 200
        assert (await ben.client.post("/auth/login", json={"username": "ann", "password": PASSWORD})).is_success
        assert not asked.done()
        for _ in range(AT_A_TIME + len(waiting)):
            turns.give_back(UserId(ann.id))
        assert (await asked).status_code == 200
        await asyncio.gather(*waiting)
        assert (await ann.client.head(path)).status_code == 200
        assert not turns._users
