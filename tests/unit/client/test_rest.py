"""Requests against a server that is a function."""

import asyncio
import json
import traceback
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest

from hubbub.client.api import Api
from hubbub.client.credentials import SessionCredentials
from hubbub.client.errors import Closed, NotUnderstood, Unreachable
from hubbub.client.rest import Rest
from hubbub.client.results import Tokens
from hubbub.domain.errors import (
    ChatError,
    NotFound,
    RateLimited,
    TokenExpired,
    Unauthenticated,
    Unavailable,
    error_classes,
)
from hubbub.domain.ids import RoomId, Seq
from hubbub.domain.texts import check_attempt

MESSAGE = {"room_id": 9, "seq": 4, "user_id": 1, "at": "2026-11-22T09:00:00.000Z", "text": "hi", "version": 4}


def problem(status: int, code: str, *, headers: dict[str, str] | None = None, **more: object) -> httpx2.Response:
    body = {"type": "about:blank", "title": "", "status": status, "detail": "no", "code": code, **more}
    return httpx2.Response(status, json=body, headers=headers)


def grant(number: int) -> httpx2.Response:
    tokens = {"access_token": f"a{number}", "refresh_token": f"r{number}", "expires_in": 900, "token_type": "bearer"}
    return httpx2.Response(200, json=tokens)


class Script:
    """Answers requests in turn; exceptions are raised, the last answer is repeated."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def said(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.requests]


@pytest.fixture
async def rest_of() -> AsyncIterator[Callable[[Script], Rest]]:
    clients: list[httpx2.AsyncClient] = []

    def make(script: Script) -> Rest:
        client = httpx2.AsyncClient(base_url="http://chat.test", transport=httpx2.MockTransport(script))
        clients.append(client)
        return Rest(client, random=lambda: 0.0, patience=10.0)

    yield make
    for client in clients:
        await client.aclose()


RestOf = Callable[[Script], Rest]


def api_of(rest: Rest) -> Api:
    return Api(rest, SessionCredentials(rest, token="a0"), lambda: "made-up")


@pytest.mark.parametrize("code", sorted(error_classes()))
async def test_a_problem_is_raised_as_the_error_of_its_code(rest_of: RestOf, code: str) -> None:
    rest = rest_of(
        Script(problem(409, code, headers={"Retry-After": "60"}, errors=[{"field": "text", "message": "no"}]))
    )
    with pytest.raises(error_classes()[code], match="no") as caught:
        await rest.tell("DELETE", "/rooms/9")
    assert caught.value.code == code
    assert (caught.value.field, caught.value.retry_after) == ("text", 60.0)


async def test_a_code_of_a_later_release_is_a_plain_chat_error(rest_of: RestOf) -> None:
    with pytest.raises(ChatError) as caught:
        await rest_of(Script(problem(418, "teapot"))).tell("DELETE", "/rooms/9")
    assert type(caught.value) is ChatError


async def test_an_answer_of_something_else_is_not_taken_for_hubbub(rest_of: RestOf) -> None:
    with pytest.raises(NotUnderstood):
        await rest_of(Script(httpx2.Response(404, text="<h1>Not Found</h1>"))).tell("DELETE", "/rooms/9")
    with pytest.raises(NotUnderstood):
        await api_of(rest_of(Script(httpx2.Response(200, text="[]")))).message(RoomId(9), Seq(4))
    garbage = httpx2.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx2.ByteStream(b"garbage"))
    with pytest.raises(NotUnderstood):
        await api_of(rest_of(Script(garbage))).message(RoomId(9), Seq(4))


@pytest.mark.parametrize(
    "failure",
    [
        httpx2.ReadError("broke off"),
        httpx2.ConnectError("refused"),
        httpx2.Response(502, text="Bad Gateway"),
        problem(503, "unavailable", headers={"Retry-After": "0"}),
        problem(429, "rate_limited", headers={"Retry-After": "0"}),
    ],
)
async def test_a_read_is_repeated_until_it_works(rest_of: RestOf, failure: httpx2.Response | Exception) -> None:
    script = Script(failure, failure, httpx2.Response(200, json=MESSAGE))
    assert (await api_of(rest_of(script)).message(RoomId(9), Seq(4))).text == "hi"
    assert len(script.requests) == 3


@pytest.mark.parametrize(("given", "sent"), [(None, "made-up"), ("größer \n", "größer \n")])
async def test_a_post_is_repeated_with_the_same_client_id(rest_of: RestOf, given: str | None, sent: str) -> None:
    script = Script(httpx2.ReadError("broke off"), httpx2.Response(201, json=MESSAGE))
    assert (await api_of(rest_of(script)).post(RoomId(9), "hi", client_id=given)).seq == 4
    assert [json.loads(request.content) for request in script.requests] == [{"text": "hi", "client_id": sent}] * 2


async def test_what_may_have_happened_is_not_repeated(rest_of: RestOf) -> None:
    script = Script(httpx2.ReadError("broke off"), httpx2.Response(201, json={}))
    with pytest.raises(Unreachable, match="broke off"):
        await api_of(rest_of(script)).create_room("Garden")
    unavailable = Script(problem(503, "unavailable"))
    with pytest.raises(Unavailable):
        await api_of(rest_of(unavailable)).delete_room(RoomId(9))
    assert len(script.requests) == len(unavailable.requests) == 1


async def test_what_never_left_is_repeated_whatever_it_is(rest_of: RestOf) -> None:
    script = Script(httpx2.ConnectError("refused"), httpx2.Response(204))
    await api_of(rest_of(script)).delete_room(RoomId(9))
    assert len(script.requests) == 2


async def test_who_does_not_answer_is_named_with_the_port() -> None:
    for answer, error in ((httpx2.ConnectError("refused"), Unreachable), (httpx2.DecodingError("x"), NotUnderstood)):
        transport = httpx2.MockTransport(Script(answer))
        async with httpx2.AsyncClient(base_url="http://ann:secret@chat.test:8000", transport=transport) as http:
            rest = Rest(http, random=lambda: 0.0, patience=0.0)
            with pytest.raises(error, match=r" from chat\.test:8000[: ]"):
                await rest.ask(dict, "GET", "/x")


async def test_a_header_that_can_not_be_sent_is_shown_to_nobody(rest_of: RestOf) -> None:
    secret = "eyJ-" + "secret"  # the lines of this test are in a traceback too
    script = Script(httpx2.LocalProtocolError(f"Illegal header value b'Bearer {secret}'"))
    with pytest.raises(Unreachable) as caught:
        await api_of(rest_of(script)).delete_room(RoomId(9))
    assert secret not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("field", ["access_token", "refresh_token"])
@pytest.mark.parametrize("token", ["", "eyJ-secret\n", "eyJ secret", "eyJ-secrét"])
async def test_a_token_that_is_none_is_not_taken_from_a_server(rest_of: RestOf, field: str, token: str) -> None:
    answer = {"access_token": "a1", "refresh_token": "r1", "expires_in": 900, field: token}
    credentials = SessionCredentials(rest_of(Script(httpx2.Response(200, json=answer))), username="ann", password="x")
    with pytest.raises(NotUnderstood, match=field) as caught:
        await credentials.token()
    assert "secr" not in str(caught.value)


async def test_patience_ends(rest_of: RestOf) -> None:
    with pytest.raises(RateLimited):
        await rest_of(Script(problem(429, "rate_limited", headers={"Retry-After": "60"}))).tell("DELETE", "/rooms/9")


async def test_after_the_end_nothing_is_asked_and_that_is_said() -> None:
    script = Script(httpx2.Response(200, json=MESSAGE))
    async with httpx2.AsyncClient(base_url="http://chat.test", transport=httpx2.MockTransport(script)) as http:
        rest = Rest(http, random=lambda: 0.0, patience=10.0)
    with pytest.raises(Closed):
        await rest.ask(dict, "GET", "/x")
    with pytest.raises(Closed):
        await rest.tell("POST", "/x")
    assert script.said == []


async def test_what_is_under_way_at_the_end_is_not_repeated() -> None:
    async def broken_off(_: httpx2.Request) -> httpx2.Response:
        await http.aclose()
        raise httpx2.ReadError("")

    http = httpx2.AsyncClient(base_url="http://chat.test", transport=httpx2.MockTransport(broken_off))
    with pytest.raises(Closed):
        await Rest(http, random=lambda: 1.0, patience=10.0).ask(dict, "GET", "/x")


async def test_other_refusals_are_not_repeated(rest_of: RestOf) -> None:
    script = Script(problem(404, "not_found"))
    with pytest.raises(NotFound):
        await api_of(rest_of(script)).message(RoomId(9), Seq(4))
    assert len(script.requests) == 1


async def test_a_log_page_says_how_far_it_reaches(rest_of: RestOf) -> None:
    known = {"seq": 5, "kind": "message.deleted", "user_id": 1, "at": MESSAGE["at"], "target": 4}
    unknown = {"seq": 6, "kind": "poll.opened", "user_id": 1, "at": MESSAGE["at"]}
    api = api_of(rest_of(Script(httpx2.Response(200, json={"items": [known, unknown], "head": 9, "epoch": "k3v9"}))))
    page = await api.events(RoomId(9), after=Seq(4))
    assert ([event.seq for event in page.items], page.upto, page.head, page.epoch) == ([5], 6, 9, "k3v9")


async def test_a_log_page_says_where_it_begins(rest_of: RestOf) -> None:
    first = {"seq": 8, "kind": "message.deleted", "user_id": 1, "at": MESSAGE["at"], "target": 4}
    api = api_of(rest_of(Script(httpx2.Response(200, json={"items": [first], "head": 9, "epoch": "k3v9"}))))
    assert (await api.events(RoomId(9), after=Seq(4))).after == 7


async def test_a_log_page_is_asked_for_in_the_log_that_is_known(rest_of: RestOf) -> None:
    script = Script(httpx2.Response(200, json={"items": [], "head": 4, "epoch": "k3v9"}))
    await api_of(rest_of(script)).events(RoomId(9), after=Seq(4), epoch="k3v9")
    assert script.requests[0].url.params["after"] == "k3v9:4"


async def test_a_log_page_of_nothing_reaches_where_it_began(rest_of: RestOf) -> None:
    api = api_of(rest_of(Script(httpx2.Response(200, json={"items": [], "head": 4, "epoch": "k3v9"}))))
    page = await api.events(RoomId(9), after=Seq(4))
    assert (page.after, page.upto) == (4, 4)


async def test_the_first_request_signs_in(rest_of: RestOf) -> None:
    script = Script(grant(1), httpx2.Response(200, json=MESSAGE))
    rest = rest_of(script)
    changes: list[Tokens] = []
    credentials = SessionCredentials(rest, username="ann", password="secret", label="bot", changed=changes.append)
    await Api(rest, credentials, str).message(RoomId(9), Seq(4))
    assert script.said == ["POST /auth/login", "GET /rooms/9/messages/4"]
    assert json.loads(script.requests[0].content) == {"username": "ann", "password": "secret", "label": "bot"}
    assert script.requests[1].headers["Authorization"] == "Bearer a1"
    assert changes == [Tokens("a1", "r1")] == [credentials.tokens]


async def test_an_expired_token_is_refreshed_and_the_request_repeated(rest_of: RestOf) -> None:
    script = Script(problem(401, "token_expired"), grant(1), httpx2.Response(204))
    rest = rest_of(script)
    credentials = SessionCredentials(rest, token="a0", refresh_token="r0")
    await Api(rest, credentials, str).delete_room(RoomId(9))
    assert script.said == ["DELETE /rooms/9", "POST /auth/refresh", "DELETE /rooms/9"]
    assert script.requests[2].headers["Authorization"] == "Bearer a1"


async def test_a_token_that_stays_refused_is_not_tried_for_ever(rest_of: RestOf) -> None:
    script = Script(problem(401, "unauthenticated"), grant(1), problem(401, "unauthenticated"))
    rest = rest_of(script)
    with pytest.raises(Unauthenticated):
        await Api(rest, SessionCredentials(rest, token="a0", refresh_token="r0"), str).delete_room(RoomId(9))
    assert len(script.requests) == 3


async def test_who_asks_at_the_same_time_shares_one_refresh(rest_of: RestOf) -> None:
    script = Script(grant(1))
    credentials = SessionCredentials(rest_of(script), token="a0", refresh_token="r0")
    tokens = await asyncio.gather(*(credentials.renew("a0") for _ in range(5)))
    assert [token.value for token in tokens] == ["a1"] * 5
    assert (await credentials.renew("a0")).value == "a1"
    assert len(script.requests) == 1


async def test_a_refresh_goes_on_when_who_asked_for_it_is_cancelled(rest_of: RestOf) -> None:
    script = Script(grant(1))
    credentials = SessionCredentials(rest_of(script), token="a0", refresh_token="r0")
    asking = asyncio.create_task(credentials.renew("a0"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    await credentials.close()
    assert credentials.tokens == Tokens("a1", "r1")


async def test_a_password_helps_when_the_session_is_over(rest_of: RestOf) -> None:
    script = Script(problem(401, "unauthenticated"), grant(1))
    credentials = SessionCredentials(rest_of(script), refresh_token="r0", username="ann", password="secret")
    assert (await credentials.token()).value == "a1"
    assert script.said == ["POST /auth/refresh", "POST /auth/login"]


async def test_without_a_password_the_end_of_a_session_is_the_end(rest_of: RestOf) -> None:
    credentials = SessionCredentials(rest_of(Script(problem(401, "token_expired"))), refresh_token="r0")
    with pytest.raises(TokenExpired):
        await credentials.token()
    with pytest.raises(Unauthenticated, match="sign in again"):
        await SessionCredentials(rest_of(Script(grant(1))), token="a0").renew("a0")


def refreshes(script: Script) -> list[dict[str, str]]:
    """What was sent to refresh."""
    return [json.loads(request.content) for request in script.requests if request.url.path == "/auth/refresh"]


async def test_a_refresh_is_repeated_by_its_word_until_it_is_answered_and_the_next_has_another(rest_of: RestOf) -> None:
    lost = httpx2.ReadError("broke off")
    script = Script(lost, problem(503, "unavailable"), httpx2.Response(502), grant(1), grant(2))
    credentials = SessionCredentials(rest_of(script), token="a0", refresh_token="r0")
    assert (await credentials.renew("a0")).value == "a1"
    assert (await credentials.renew("a1")).value == "a2"
    *repeats, last = refreshes(script)
    assert repeats == [repeats[0]] * 4
    assert (repeats[0]["refresh_token"], last["refresh_token"]) == ("r0", "r1")
    assert check_attempt(repeats[0]["attempt"]) != check_attempt(last["attempt"])


FOR_LONG = problem(503, "unavailable", headers={"Retry-After": "60"})  # longer than anybody waits


async def test_a_refresh_that_is_given_up_goes_on_by_its_word_later(rest_of: RestOf) -> None:
    script = Script(FOR_LONG, grant(1))
    credentials = SessionCredentials(rest_of(script), token="a0", refresh_token="r0")
    with pytest.raises(Unavailable):
        await credentials.renew("a0")
    assert (await credentials.renew("a0")).value == "a1"
    first, second = refreshes(script)
    assert first == second


async def test_who_keeps_the_tokens_is_told_the_word_before_it_is_sent(rest_of: RestOf) -> None:
    script = Script(FOR_LONG, grant(1))
    kept: list[tuple[int, Tokens]] = []
    credentials = SessionCredentials(
        rest_of(script), refresh_token="r0", changed=lambda tokens: kept.append((len(script.requests), tokens))
    )
    with pytest.raises(Unavailable):
        await credentials.token()
    ((sent, tokens),) = kept
    assert (sent, tokens.access_token, tokens.refresh_token) == (0, None, "r0")
    assert tokens.attempt == refreshes(script)[0]["attempt"]
    later = SessionCredentials(
        rest_of(script), token=tokens.access_token, refresh_token=tokens.refresh_token, attempt=tokens.attempt
    )
    assert (await later.token()).value == "a1"
    assert refreshes(script)[-1] == refreshes(script)[0]
    assert later.tokens == Tokens("a1", "r1")


async def test_a_token_about_to_expire_is_renewed_before_it_is_used(rest_of: RestOf) -> None:
    short = httpx2.Response(200, json={"access_token": "a1", "refresh_token": "r1", "expires_in": 4})
    script = Script(short, grant(2))
    credentials = SessionCredentials(rest_of(script), username="ann", password="secret")
    assert (await credentials.token()).value == "a1"
    assert (await credentials.token()).value == "a2"
    assert script.said == ["POST /auth/login", "POST /auth/refresh"]


def test_the_error_classes_of_the_sdk_do_not_take_part_in_the_servers_table() -> None:
    assert {cls.__module__ for cls in error_classes().values()} == {"hubbub.domain.errors"}
