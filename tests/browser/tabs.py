"""A tab of a browser, watched: what it must never do is noted, whatever the test is about."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Error, Page, Request, Response, WebSocket

from hubbub.audit.delays import Delays
from hubbub.audit.edges import Edge
from hubbub.audit.findings import Findings
from hubbub.audit.ledger import Ledger
from tests.integration.servers import PASSWORD, Person

PATIENCE = 60.0  # seconds until something that has to happen has happened
LOOK = 0.02  # seconds between two looks
_LEFT = "Execution context was destroyed"
_LOCAL = ("data", "blob", "about")
_FORBIDDEN = ("Content Security Policy", "Content-Security-Policy", "Trusted", "integrity")
_NOTE_VIOLATIONS = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""

COMPOSER = "#composer-text"
_SHOWN = """[...document.querySelectorAll(".window .row")].map(
  (row) => row.querySelector(".text, .gone")?.innerText.trim() ?? "")"""
_HELD = "(room) => ({ log: hubbub.log(room), messages: hubbub.messages(room) })"


class Tab:
    """A page of the client. `faults` is what it did wrong, `findings` what its socket was told wrongly."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.faults: list[str] = []
        self.findings = Findings()
        self.requests: list[str] = []
        self._ledger = Ledger()
        self._sockets = 0
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("console", self._console)
        page.on("request", self._request)
        page.on("response", self._response)
        page.on("websocket", self._websocket)

    def _console(self, message: ConsoleMessage) -> None:
        if any(word in message.text for word in _FORBIDDEN):
            self.faults.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
        if not request.url.startswith(self.origin + "/") and urlsplit(request.url).scheme not in _LOCAL:
            self.faults.append(f"request: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status == 404 and "/static/" in response.url:
            self.faults.append(f"missing: {response.url}")

    def _websocket(self, socket: WebSocket) -> None:
        self._sockets += 1
        edge = Edge(f"socket {self._sockets}", self._ledger, self.findings, Delays())
        socket.on("framesent", lambda data: edge.sent(_bytes(data)))
        socket.on("framereceived", lambda data: _drop(edge.received(data)))

    async def violations(self) -> list[str]:
        """What the page's policy has refused."""
        found: list[str] = await self.page.evaluate("window.violations")
        return found

    async def was_shut_out(self, times: int = 1) -> None:
        """Wait until its socket was told so often that it may not read a room any more: once each, and on purpose."""
        told = ["socket 1: forbidden"] * times

        async def look() -> bool:
            return len(self.findings.shown) >= times

        await until(look, f"{told} on the socket")
        assert [finding.detail for finding in self.findings.shown] == told
        self.findings.shown.clear()

    async def until(self, script: str, argument: Any = None) -> Any:
        """The value of this expression once it is true. The policy forbids what Playwright's own waiting evaluates."""

        async def look() -> Any:
            return await self.page.evaluate(script, argument)

        return await until(look, script)

    async def sign_in(self, username: str) -> None:
        """Fill in the form, and wait until the list of rooms is there."""
        await self.fill_in(username)
        await self.page.get_by_role("navigation").wait_for()

    async def fill_in(self, username: str) -> None:
        """Fill in the form."""
        await self.page.get_by_label("Username or e-mail").fill(username)
        await self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        await self.page.get_by_role("button", name="Sign in").click()

    async def say(self, text: str) -> None:
        """Write into the composer and press Enter."""
        composer = self.page.locator(COMPOSER)
        await composer.fill(text)
        await composer.press("Enter")

    async def shown(self) -> list[str]:
        """The texts of the open room, the oldest first, as they stand on the screen."""
        texts: list[str] = await self.page.evaluate(_SHOWN)
        return texts

    async def sees(self, *texts: str) -> None:
        """Wait until these are the texts of the open room, none of them still on its way."""
        await until(lambda: self._sees(list(texts)), f"{texts} on the screen")

    async def _sees(self, texts: list[str]) -> bool:
        return await self.shown() == texts and await self.page.locator(".row.pending, .row.failed").count() == 0

    async def agrees(self, person: Person, room_id: int) -> None:
        """Wait until the page has what the server has: the head, the last events and the messages, in every field."""

        async def look() -> bool:
            held = await self.page.evaluate(_HELD, room_id)
            log = await _get(person, f"/rooms/{room_id}/events", after=held["log"]["base"])
            page = await _get(person, f"/rooms/{room_id}/messages")
            messages = [_plain(message) for message in reversed(page["items"])]
            return (
                held["log"]["head"] == held["log"]["shown"] == page["head"]
                and [_event(event) for event in held["log"]["events"]] == [_event(event) for event in log["items"]]
                and [_plain(message) for message in held["messages"]] == messages
            )

        await until(look, "the state of the page is that of the server")


async def until(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What `look` returns once that is true; it is asked again and again."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    while not (found := await _here(look)):
        if loop.time() > end:
            raise TimeoutError(f"not within {PATIENCE:.0f} s: {what}")
        await asyncio.sleep(LOOK)
    return found


async def _here(look: Callable[[], Awaitable[Any]]) -> Any:
    """What `look` returns; None when the page was left for another one while it looked."""
    try:
        return await look()
    except Error as error:
        if _LEFT not in error.message:
            raise
        return None


async def open_tab(context: BrowserContext, origin: str, path: str = "/") -> Tab:
    """A new tab in this window, at this address."""
    page = await context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    tab = Tab(page, origin)
    await page.goto(origin + path)
    return tab


def note_violations() -> str:
    """A script that runs before those of each page."""
    return _NOTE_VIOLATIONS


async def _get(person: Person, path: str, **params: int) -> Any:
    answer = await person.client.get(path, params={"limit": 200, **params})
    return answer.raise_for_status().json()


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    """A message with what may be left out filled in."""
    return {"version": message["seq"], **message}


def _event(event: dict[str, Any]) -> dict[str, Any]:
    """An event without what reads otherwise later: texts that were edited or deleted since."""
    told = {name: value for name, value in event.items() if name not in ("text", "type", "room_id")}
    if "message" in told:
        told["message"] = {name: told["message"][name] for name in ("room_id", "seq", "user_id", "at")}
    return told


def _drop(_: object) -> None:
    """Listeners return nothing."""


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data
