"""What a browser is sent: the page, its policy, its files; and that the API is not in their way."""

import asyncio
import json
import re
import subprocess
import sys
import zipfile
from base64 import b64encode
from hashlib import sha256, sha384
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hubbub.web.assets import FOLDER
from tests.guards.project import ROOT
from tests.integration.conftest import MakeUser
from tests.integration.servers import LiveServer, serving, settings_in

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>')


def import_map_of(page: httpx2.Response) -> str:
    found = IMPORT_MAP.search(page.text)
    assert found is not None
    return found[1]


async def test_the_policy_allows_nothing_inline_but_the_import_map(client: httpx2.AsyncClient) -> None:
    page = await client.get("/")
    policy = dict(part.strip().partition(" ")[::2] for part in page.headers["content-security-policy"].split(";"))
    digest = b64encode(sha256(import_map_of(page).encode()).digest()).decode()
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    assert policy["style-src"] == policy["connect-src"] == "'self'"
    assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "hubbub-worker")
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["cross-origin-opener-policy"] == "same-origin"
    assert page.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/rooms/12"])
async def test_everything_that_a_page_names_is_there(live: LiveServer, client: httpx2.AsyncClient, path: str) -> None:
    page = await client.get(path, headers=BROWSER)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    urls = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    import_map = json.loads(import_map_of(page))
    base = httpx2.URL(live.url + path)
    for url in {*urls, *import_map["imports"].values()}:
        answer = await client.get(base.join(url))
        assert answer.status_code == 200, url
    for url, integrity in import_map["integrity"].items():
        content = (await client.get(base.join(url))).content
        assert integrity == f"sha384-{b64encode(sha384(content).digest()).decode()}"
    assert set(import_map["imports"].values()) <= set(import_map["integrity"])


async def test_a_room_is_a_page_for_browsers_and_json_for_programs(make_user: MakeUser, live: LiveServer) -> None:
    ann = await make_user("ann")
    room = (await ann.client.post("/rooms", json={"kind": "group", "name": "tea"})).json()
    path = f"/rooms/{room['id']}"
    async with live.client() as stranger:
        opened = await stranger.get(path, headers=BROWSER)
        refused = await stranger.get(path)
    assert opened.status_code == 200
    assert "Accept" in opened.headers["vary"]
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
    assert (await ann.client.get(path)).json() == (await ann.client.get(path, headers=BROWSER)).json() == room


async def test_the_page_is_kept_and_asked_about(client: httpx2.AsyncClient) -> None:
    first = await client.get("/")
    again = await client.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert (first.headers["cache-control"], again.status_code, again.content) == ("no-cache", 304, b"")
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]


async def told_to_worker(client: httpx2.AsyncClient) -> dict[str, Any]:
    """What the service worker is told to keep."""
    script = (await client.get("/worker.js")).text
    told: dict[str, Any] = json.loads(script.partition("\n")[0].removeprefix("self.RELEASE = ").removesuffix(";"))
    return told


async def test_the_service_worker_is_asked_for_each_time_and_may_do_nothing_but_fetch(
    client: httpx2.AsyncClient,
) -> None:
    script = await client.get("/worker.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["cache-control"] == "no-cache"
    policy = script.headers["content-security-policy"]
    assert policy == "default-src 'none'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
    again = await client.get("/worker.js", headers={"If-None-Match": script.headers["etag"]})
    assert again.status_code == 304


async def test_the_service_worker_knows_all_that_a_page_may_ask_for_and_its_content(
    client: httpx2.AsyncClient,
) -> None:
    release = await told_to_worker(client)
    for path, integrity in release["integrity"].items():
        content = (await client.get(f"/{path}", headers=BROWSER)).raise_for_status().content
        assert integrity == f"sha384-{b64encode(sha384(content).digest()).decode()}", path
    page = await client.get("/")
    named = {*re.findall(r'(?:src|href)="\./(static/[^"]+)"', page.text), ""}
    modules = {url.removeprefix("./") for url in json.loads(import_map_of(page))["integrity"]}
    unasked = {url for url in modules if url.endswith("/worker.js")}
    assert named | modules - unasked <= set(release["integrity"])
    assert len(unasked) == 1
    assert all(
        path in ("", "accounts", "rooms/1") or path.startswith(release["files"]) for path in release["integrity"]
    )


async def test_another_page_is_another_release_and_the_same_one_is_not(tmp_path: Path) -> None:
    names = []
    for number, registration in enumerate(("open", "closed", "open")):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with serving(settings_in(folder, registration=registration)) as live, live.client() as client:
            names.append((await told_to_worker(client))["name"])
    assert names[0] == names[2] != names[1]


@pytest.mark.parametrize("registration", ["open", "closed"])
async def test_the_page_knows_whether_strangers_may_register(tmp_path: Path, registration: str) -> None:
    async with serving(settings_in(tmp_path, registration=registration)) as live, live.client() as client:
        assert f'<meta name="hubbub-registration" content="{registration}">' in (await client.get("/")).text


async def test_the_first_load_is_small(live: LiveServer) -> None:
    async with live.client() as client:
        page = await client.get("/")
        urls = set(re.findall(r'(?:src|href)="(\./static/[^"]+\.(?:js|css))"', page.text))
        answers = [page, *[await client.get(url[1:]) for url in urls]]
    assert all(answer.headers["content-encoding"] == "gzip" for answer in answers if len(answer.content) > 200)
    sent = sum(int(answer.headers["content-length"]) for answer in answers)
    assert sent < 200_000


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/apple-touch-icon.png", "/rooms/1"])
async def test_head_is_answered_as_get_without_the_body(client: httpx2.AsyncClient, path: str) -> None:
    head, get = await client.head(path, headers=BROWSER), await client.get(path, headers=BROWSER)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/rooms/1"])
async def test_the_host_header_decides_nothing(client: httpx2.AsyncClient, path: str) -> None:
    answers = [await client.get(path, headers={**BROWSER, "Host": host}) for host in ("a/b", "evil.example", "")]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/{version}/../../app.py",
        "/static/{version}/%2e%2e/%2e%2e/settings.py",
        "/static/{version}//etc/passwd",
        "/static/{version}/..%2f..%2fapp.py",
        "/static/{version}/vendor/..%5c..%5capp.py",
        "/static/{version}/index.html",
        "/static/{version}/",
        "/static/{version}",
        "/static/0/main.js",
        "/static",
        "/nowhere",
    ],
)
async def test_what_is_not_there_is_a_problem(live: LiveServer, client: httpx2.AsyncClient, path: str) -> None:
    version = re.search(r"static/(\w+)/", (await client.get("/")).text)[1]  # type: ignore[index]
    target = path.format(version=version)
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)  # a client would tidy the path up
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 404 ")
    assert b"content-type: application/problem+json" in head.lower()
    assert json.loads(body)["code"] == "not_found"


@pytest.mark.parametrize("path", ["/nowhere", "/rooms", "/rooms/", "/rooms/x", "/static/0/main.js", "/a/b/c/d/e/f/g/h"])
async def test_a_browser_gets_a_page_where_nothing_is_that_finds_its_files(live: LiveServer, path: str) -> None:
    async with live.client() as client:
        page = await client.get(path, headers=BROWSER)
        program = await client.get(path)
        known = await client.get(path, headers={**BROWSER, "If-None-Match": page.headers["etag"]})
        head = await client.head(path, headers=BROWSER)
        sheet = re.search(r'rel="stylesheet" href="([^"]+)"', page.text)
        assert sheet is not None
        assert (await client.get(httpx2.URL(live.url + path).join(sheet[1]))).status_code == 200
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert (page.headers["cache-control"], "Accept" in page.headers["vary"]) == ("no-store", True)
    assert "content-security-policy" in page.headers
    assert (known.status_code, known.content) == (404, page.content)
    assert (head.status_code, head.content) == (404, b"")
    assert program.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/nowhere", {}),
        ("GET", "/nowhere", {"Authorization": "Bearer x"}),
        ("GET", "/" + "x/" * 9, {}),
    ],
)
async def test_who_is_no_visitor_gets_a_problem_where_nothing_is(
    client: httpx2.AsyncClient, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = await client.request(method, path, headers={**BROWSER, **headers})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_long_history_is_compressed_for_browsers(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room = (await ann.client.post("/rooms", json={"kind": "group", "name": "tea"})).json()["id"]
    for number in range(20):
        await ann.client.post(f"/rooms/{room}/messages", json={"text": f"message {number}"})
    path = f"/rooms/{room}/messages"
    plain = await ann.client.get(path, headers={"Accept-Encoding": "identity"})
    zipped = await ann.client.get(path, headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    assert plain.json() == zipped.json()
    assert ("content-encoding" in plain.headers, zipped.headers["content-encoding"]) == (False, "gzip")
    assert int(zipped.headers["content-length"]) * 3 < int(plain.headers["content-length"])


def test_a_wheel_holds_every_file_of_the_client_and_the_licences(tmp_path: Path) -> None:
    build = "import sys, hatchling.build as b; b.build_wheel(sys.argv[1])"
    command = [sys.executable, "-c", build, str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    files = {path.relative_to(FOLDER.parents[2]).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert files <= names
    assert {Path(name).name for name in names if "/licenses/" in name} >= {"LICENSE", "preact.txt", "htm.txt"}
