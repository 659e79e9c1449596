"""Fixtures of the tests that use the client in a real browser: `live`, `wire`, `windows`, `make_user`.

One Chromium serves the whole run, in one event loop; each window of it knows nothing of the others.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.proxies import Wire, wired
from tests.browser.tabs import Tab, note_violations, open_tab
from tests.integration.servers import LiveServer, Person, register, serving, settings_in
from tools.browser import MISSING, WIDE, chromium, chromium_path

OpenWindow: TypeAlias = Callable[..., Awaitable[Tab]]
MakeUser: TypeAlias = Callable[[str], Awaitable[Person]]
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put these tests into the loop of the browser, and give them time: a browser wants two cores for itself."""
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.timeout(400), append=False)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium. A machine without it fails: `./dev test --browser` installs it or says how."""
    if chromium_path() is None:
        pytest.fail(MISSING)
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def live(tmp_path: Path) -> AsyncIterator[LiveServer]:
    """A server over a SQLite file in tmp_path."""
    async with serving(settings_in(tmp_path)) as live:
        yield live


@pytest_asyncio.fixture(loop_scope="session")
async def wire(live: LiveServer) -> AsyncIterator[Wire]:
    """The way from the browser to `live`, which can be cut."""
    async with wired(live.port) as wire:
        yield wire


@pytest_asyncio.fixture(loop_scope="session")
async def make_user(live: LiveServer) -> AsyncIterator[MakeUser]:
    """`await make_user("ann")`: somebody who has registered, and signed in by REST."""
    async with AsyncExitStack() as stack:

        async def make(username: str) -> Person:
            person = await register(live, username)
            stack.push_async_callback(person.client.aclose)
            return person

        yield make


@pytest_asyncio.fixture(loop_scope="session")
async def open_window(browser: Browser, wire: Wire) -> AsyncIterator[OpenWindow]:
    """`await open_window("/", **PHONE)`: a tab in a window of its own, signed in if told `username`.

    `beside` another tab it shares what that one keeps. Afterwards no tab may have done what none may do: see Tab.
    There is no service worker, which hides from routes what it answers, unless `service_workers="allow"`.
    """
    tabs: list[Tab] = []
    async with AsyncExitStack() as stack:

        async def window(
            path: str = "/", *, username: str | None = None, beside: Tab | None = None, **options: Any
        ) -> Tab:
            if beside is None:
                plain = {**WIDE, "locale": "en-GB", "service_workers": "block"}
                context = await browser.new_context(**{**plain, **options})
                stack.push_async_callback(context.close)
                await context.add_init_script(note_violations())
            else:
                context = beside.page.context
            tab = await open_tab(context, wire.address.url, path)
            tabs.append(tab)
            if username is not None:
                await tab.sign_in(username)
            return tab

        yield window
        for tab in tabs:
            assert tab.faults == []
            assert tab.findings.shown == []
            if not tab.page.is_closed():
                assert await tab.violations() == []
