"""Health, pages, and two applications in one process."""

import asyncio
import re
from pathlib import Path

import httpx2
import pytest

from hubbub.domain.errors import Unavailable
from hubbub.stores.sql.troubles import DAMAGED
from hubbub.web.open_files import EXHAUSTED
from tests.integration.servers import PASSWORD, LiveServer, register, serving, settings_in
from tests.unit.web.test_open_files import at_most


async def test_a_server_is_alive_and_ready(client: httpx2.AsyncClient) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")


async def test_a_server_that_drains_is_not_ready_but_alive(live: LiveServer, client: httpx2.AsyncClient) -> None:
    live.server.draining = True
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "draining")
    assert (await client.get("/health/live")).status_code == 200


async def test_a_server_whose_store_does_not_answer_is_not_ready(live: LiveServer, client: httpx2.AsyncClient) -> None:
    await live.server.store.close()
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.headers["content-type"] == "application/json"


async def test_a_server_whose_database_file_is_gone_says_so_and_acknowledges_nothing(
    live: LiveServer, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    person = await register(live, "ann")
    for file in await asyncio.to_thread(lambda: list(tmp_path.glob("hubbub.db*"))):
        file.unlink()
    posted = await person.client.post("/rooms", json={"kind": "group", "name": "den"})
    ready = await client.get("/health/ready")
    await person.client.aclose()
    assert posted.status_code == 503
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert "replaced or removed" in ready.json()["warnings"][0]


async def test_a_server_that_cannot_read_its_database_says_why(live: LiveServer, client: httpx2.AsyncClient) -> None:
    live.server.store.database.troubles.failed(DAMAGED, None, lasting=False)
    await live.server.store.close()
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert "damaged" in ready.json()["warnings"][0]


async def test_a_store_that_does_not_answer_is_a_problem_with_advice(
    live: LiveServer, client: httpx2.AsyncClient
) -> None:
    person = await register(live, "ann")
    await live.server.store.close()
    answer = await person.client.get("/rooms")
    await person.client.aclose()
    assert (answer.status_code, answer.json()["code"]) == (503, Unavailable.code)
    assert int(answer.headers["retry-after"]) >= 1


async def test_two_servers_in_one_process_know_nothing_of_each_other(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with (
        serving(settings_in(tmp_path / "one")) as one,
        serving(settings_in(tmp_path / "two")) as two,
        two.client() as client,
    ):
        ann = await register(one, "ann")
        login = await client.post("/auth/login", json={"username": "ann", "password": PASSWORD})
        own = await ann.client.get("/users/me")
        elsewhere = await client.get("/users/me", headers={"Authorization": f"Bearer {ann.access_token}"})
        await ann.client.aclose()
    assert (login.status_code, own.status_code, elsewhere.status_code) == (401, 200, 401)


async def test_the_pages_load_nothing_from_elsewhere(client: httpx2.AsyncClient) -> None:
    home, docs = await client.get("/"), await client.get("/docs")
    for page in (home, docs):
        assert page.headers["content-type"].startswith("text/html")
        assert not re.search(r"""["'(]([a-z]+:)?//""", page.text)
        assert "default-src 'none'" in page.headers["content-security-policy"]
    for path in ("docs/start.js", "docs/assets/swagger-ui.css", "docs/assets/swagger-ui-bundle.js"):
        assert path in docs.text
        assert (await client.get(f"/{path}")).status_code == 200


async def test_the_files_of_the_docs_are_asked_for_and_not_sent_again(client: httpx2.AsyncClient) -> None:
    path = "/docs/assets/swagger-ui.css"
    first = await client.get(path)
    again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (first.headers["cache-control"], again.status_code) == ("no-cache", 304)


async def test_the_docs_can_be_turned_off(tmp_path: Path) -> None:
    async with serving(settings_in(tmp_path, docs=False)) as live, live.client() as client:
        assert (await client.get("/docs")).status_code == 404
        assert (await client.get("/docs/assets/swagger-ui.css")).status_code == 404
        assert (await client.get("/openapi.json")).status_code == 200


@pytest.mark.parametrize("header", ["evil.example.org", "a b", ""])
async def test_the_host_header_decides_nothing(client: httpx2.AsyncClient, header: str) -> None:
    answer = await client.get("/openapi.json", headers={"Host": header})
    assert "evil" not in answer.text


async def test_a_server_that_can_open_no_more_files_says_so(live: LiveServer, client: httpx2.AsyncClient) -> None:
    await client.get("/health/ready")  # all that is needed for that is open
    with at_most(0):
        live.server.files.look()
        ready = await client.get("/health/ready")  # before a look that finds files again
    assert (ready.status_code, EXHAUSTED in ready.json()["warnings"]) == (200, True)
