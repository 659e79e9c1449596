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


@pytest.mark.parametrize("field", ["token", "refresh_token"])
@pytest.mark.parametrize("value", ["", "eyJ-secret\n", "Bearer eyJ-secret", "eyJ-secrét", "eyJ-secret\0"])
def test_a_token_that_no_header_can_hold_is_refused_and_not_shown(field: str, value: str) -> None:
    with pytest.raises(Invalid, match=f"^{field} ") as caught:
        connect("http://chat.test", **{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field
    assert "secr" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "username and password, or token"),
        ({"username": "ann"}, "password"),
        ({"password": "correct horse"}, "username"),
        ({"token": "a0", "username": "ann"}, "password"),
        ({"attempt": "0123456789abcdef"}, "username and password, or token"),
    ],
)
def test_what_is_missing_to_sign_in_is_said(given: dict[str, str], missing: str) -> None:
    with pytest.raises(Invalid, match=f"{missing}") as caught:
        connect("http://chat.test", **given)  # type: ignore[arg-type]
    assert caught.value.field == ("token" if "or token" in missing else missing)
    assert "correct horse" not in str(caught.value)


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
