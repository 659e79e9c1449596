"""The end of a session's credentials, and what is kept of them: nothing that was not asked for, nothing unkept."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest

from hubbub.client.credentials import SessionCredentials
from hubbub.client.errors import Closed
from hubbub.client.rest import Rest
from hubbub.client.results import Tokens


class Signpost:
    """Answers the requests of a session; those to a path that is held once the test lets go."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.attempts: list[str] = []
        self.held = ""
        self.over = False  # the session
        self.asked, self.released = asyncio.Event(), asyncio.Event()

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.said.append(path)
        if path == self.held:
            self.asked.set()
            await self.released.wait()
        if path == "/auth/refresh":
            self.attempts.append(json.loads(request.content)["attempt"])
            if self.over:
                return httpx2.Response(401, json={"code": "unauthenticated"})
        return httpx2.Response(200, json={"access_token": "a1", "refresh_token": "r1", "expires_in": 900})


Make = Callable[..., SessionCredentials]


@pytest.fixture
def server() -> Signpost:
    return Signpost()


@pytest.fixture
async def make(server: Signpost) -> AsyncIterator[Make]:
    async with httpx2.AsyncClient(base_url="http://chat.test", transport=httpx2.MockTransport(server)) as http:
        rest = Rest(http, random=lambda: 0.0, patience=10.0)
        yield lambda **given: SessionCredentials(rest, **given)


async def test_closing_ends_a_login_that_is_not_answered_and_tells_who_waits_for_it(
    server: Signpost, make: Make
) -> None:
    server.held = "/auth/login"
    credentials = make(username="ann", password="secret")
    waiting = [asyncio.create_task(credentials.token()) for _ in range(2)]
    await server.asked.wait()
    await credentials.close()
    for task in waiting:
        with pytest.raises(Closed):
            await task
    with pytest.raises(Closed):
        await credentials.token()
    assert credentials.tokens is None


async def test_who_is_cancelled_amid_a_login_closes_at_once(server: Signpost, make: Make) -> None:
    server.held = "/auth/login"
    credentials = make(username="ann", password="secret")
    waiting = asyncio.create_task(credentials.token())
    await server.asked.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await credentials.close()
    assert server.said == ["/auth/login"]


async def test_closing_waits_for_a_refresh_and_begins_no_login_after_it(server: Signpost, make: Make) -> None:
    server.held, server.over = "/auth/refresh", True
    credentials = make(refresh_token="r0", username="ann", password="secret")
    waiting = asyncio.create_task(credentials.token())
    await server.asked.wait()
    closing = asyncio.create_task(credentials.close())
    await asyncio.sleep(0)
    assert not closing.done()
    server.released.set()
    await closing
    with pytest.raises(Closed):
        await waiting
    assert server.said == ["/auth/refresh"]


async def test_a_word_that_could_not_be_kept_is_never_sent(server: Signpost, make: Make) -> None:
    kept: list[Tokens] = []

    def keep(tokens: Tokens) -> None:
        kept.append(tokens)
        if len(kept) == 1:
            raise OSError("no space left on device")

    credentials = make(token="a0", refresh_token="r0", changed=keep)
    with pytest.raises(OSError, match="no space left"):
        await credentials.renew("a0")
    assert (server.said, credentials.tokens) == ([], Tokens("a0", "r0"))
    await credentials.renew("a0")
    assert server.attempts == [kept[1].attempt]
