"""A refresh whose answer is lost on its way from a real server: the session goes on."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from hubbub.client import Tokens, Unreachable, connect
from tests.integration.conftest import MakeUser
from tests.integration.servers import Address, LiveServer
from tools.relays import CHUNK, Relay

WORD = "a-word-of-its-own"


class Way(Relay):
    """The way to a server. It takes along requests, and the answers but to the next `losses` refreshes."""

    losses = 0

    async def _join(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        other_reader: asyncio.StreamReader,
        other_writer: asyncio.StreamWriter,
    ) -> None:
        requests = asyncio.create_task(self._take_requests(reader, other_writer))
        try:
            while answer := await other_reader.read(CHUNK):
                if requests.done():  # nothing comes after the refresh whose answer this is
                    return
                writer.write(answer)
        except OSError:
            return
        finally:
            requests.cancel()
            await asyncio.gather(requests, return_exceptions=True)
            other_writer.transport.abort()

    async def _take_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """All of a connection, or up to the refresh whose answer will be lost."""
        while request := await reader.read(CHUNK):
            writer.write(request)
            if self.losses and request.startswith(b"POST /auth/refresh "):
                while b"}" not in request:
                    request = await reader.read(CHUNK)
                    writer.write(request)
                self.losses -= 1
                return
        writer.write_eof()
        await asyncio.get_running_loop().create_future()  # the answers may still come


@pytest.fixture
async def way(live: LiveServer) -> AsyncIterator[Way]:
    way = Way([live.port])
    await way.start()
    yield way
    await way.close()


async def refresh(client: httpx2.AsyncClient, token: str, attempt: str | None = None) -> httpx2.Response:
    body = {"refresh_token": token} if attempt is None else {"refresh_token": token, "attempt": attempt}
    answer: httpx2.Response = await client.post("/auth/refresh", json=body)
    return answer


async def lost(way: Way, token: str, attempt: str | None = None) -> None:
    """A refresh that the server has done, and whose answer has not come."""
    way.losses += 1
    async with Address(way.port).client() as client:
        with pytest.raises(httpx2.TransportError):
            await refresh(client, token, attempt)
    assert way.losses == 0


async def test_a_refresh_whose_answer_was_lost_is_repeated_and_the_session_goes_on(
    way: Way, live: LiveServer, make_user: MakeUser
) -> None:
    ann = await make_user("ann")
    await lost(way, ann.refresh_token, WORD)
    await lost(way, ann.refresh_token, WORD)
    async with live.client() as client:
        answers = [await refresh(client, ann.refresh_token, WORD) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        (token,) = {answer.json()["refresh_token"] for answer in answers}
        assert (await refresh(client, token, WORD)).status_code == 200
    assert (await ann.client.get("/users/me")).status_code == 200


@pytest.mark.parametrize("attempt", [None, "the-word-of-a-thief"])
async def test_without_its_word_the_repeat_ends_the_session(
    way: Way, live: LiveServer, make_user: MakeUser, attempt: str | None
) -> None:
    ann = await make_user("ann")
    await lost(way, ann.refresh_token, WORD)
    async with live.client() as client:
        assert (await refresh(client, ann.refresh_token, attempt)).status_code == 401
    assert (await ann.client.get("/users/me")).status_code == 401


async def test_a_bad_word_is_told_and_the_token_stays_good(make_user: MakeUser, client: httpx2.AsyncClient) -> None:
    ann = await make_user("ann")
    words: tuple[object, ...] = ("short", "x" * 65, "not of those characters!", 7, ["a"] * 20, {})
    for bad in words:
        answer = await client.post("/auth/refresh", json={"refresh_token": ann.refresh_token, "attempt": bad})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "attempt"), bad
    assert (await refresh(client, ann.refresh_token)).status_code == 200


async def test_the_sdk_does_not_notice_a_lost_answer(way: Way, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    way.losses = 2
    async with connect(Address(way.port).url, refresh_token=ann.refresh_token) as chat:
        assert chat.user.username == "ann"
    assert way.losses == 0


async def test_a_program_that_ends_before_the_answer_is_signed_in_at_its_next_start(
    way: Way, make_user: MakeUser
) -> None:
    ann = await make_user("ann")
    kept: list[Tokens] = []
    url = Address(way.port).url
    way.losses = 1
    with pytest.raises(Unreachable):
        async with connect(url, patience=0, refresh_token=ann.refresh_token, tokens_changed=kept.append):
            pass
    (last,) = kept
    async with connect(url, refresh_token=last.refresh_token, attempt=last.attempt) as chat:
        assert chat.user.username == "ann"
    assert len((await ann.client.get("/auth/sessions")).json()["items"]) == 1
