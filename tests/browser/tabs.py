"""A tab of a browser, watched: what it must never do is noted, whatever the test is about."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, Request, WebSocket

from hubbub.audit.delays import Delays
from hubbub.audit.edges import Edge
from hubbub.audit.findings import Findings
from hubbub.audit.ledger import Ledger
from tests.integration.servers import PASSWORD

PATIENCE = 20.0  # seconds until something that has to happen has happened
LOOK = 0.02  # seconds between two looks
_LOCAL = ("data", "blob", "about")
_FORBIDDEN = ("Content Security Policy", "Content-Security-Policy", "Trusted", "integrity")
_NOTE_VIOLATIONS = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""


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
        page.on("websocket", self._websocket)

    def _console(self, message: ConsoleMessage) -> None:
        if any(word in message.text for word in _FORBIDDEN):
            self.faults.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
        if not request.url.startswith(self.origin + "/") and urlsplit(request.url).scheme not in _LOCAL:
            self.faults.append(f"request: {request.url}")

    def _websocket(self, socket: WebSocket) -> None:
        self._sockets += 1
        edge = Edge(f"socket {self._sockets}", self._ledger, self.findings, Delays())
        socket.on("framesent", lambda data: edge.sent(_bytes(data)))
        socket.on("framereceived", lambda data: _drop(edge.received(data)))

    async def violations(self) -> list[str]:
        """What the page's policy has refused."""
        found: list[str] = await self.page.evaluate("window.violations")
        return found

    async def until(self, script: str, argument: Any = None) -> Any:
        """The value of this expression once it is true. The policy forbids what Playwright's own waiting evaluates."""

        async def look() -> Any:
            return await self.page.evaluate(script, argument)

        return await until(look, script)

    async def sign_in(self, username: str) -> None:
        await self.page.get_by_label("User name").fill(username)
        await self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        await self.page.get_by_role("button", name="Sign in").click()


async def until(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What `look` returns once that is true; it is asked again and again."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    while not (found := await look()):
        if loop.time() > end:
            raise TimeoutError(f"not within {PATIENCE:.0f} s: {what}")
        await asyncio.sleep(LOOK)
    return found


async def open_tab(context: BrowserContext, origin: str, path: str = "/") -> Tab:
    """A new tab in this window, at this address."""
    page = await context.new_page()
    tab = Tab(page, origin)
    await page.goto(origin + path)
    return tab


def note_violations() -> str:
    """A script that runs before those of each page."""
    return _NOTE_VIOLATIONS


def shown(page: Page, text: str) -> Locator:
    """The message of the open room with this text."""
    return page.get_by_role("article").filter(has_text=text)


def _drop(_: object) -> None:
    """Listeners return nothing."""


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data
