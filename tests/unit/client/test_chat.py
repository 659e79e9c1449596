"""One user's chat as a whole: how it is opened and closed."""

import asyncio

import httpx2
import pytest

from hubbub.client import Closed, connect, register
from hubbub.domain.errors import Invalid
from tests.unit.client.pipes import Pipes, turns
from tests.unit.client.scripted import HELLO


@pytest.mark.parametrize("url", ["localhost:8000", "127.0.0.1:8000", "ftp://chat.test", "http://", "http:///chat", ""])
async def test_a_url_that_is_none_of_http_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="http://") as caught:
        connect(url, token="a0")
    assert caught.value.field == "url"
    with pytest.raises(Invalid, match="http://"):
        await register(url, "ann", "ann@example.org", "correct horse")


async def test_closing_that_is_cancelled_closes_all_the_same() -> None:
    pipes = Pipes()
    unused = httpx2.MockTransport(lambda request: httpx2.Response(500))
    chat = connect("HTTPS://chat.test", token="a0", connector=pipes, transport=unused)
    opening = asyncio.create_task(chat.__aenter__())
    pipe = await pipes.opened()
    pipe.says(HELLO)
    await opening
    pipe.closable.clear()
    closing = asyncio.create_task(chat.close())
    await turns()
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()
    with pytest.raises(Closed):
        await chat.api.me()
    pipe.closable.set()
    await chat.close()
