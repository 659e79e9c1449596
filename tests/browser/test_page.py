"""The page in a real browser: it starts, under its policy, from every address that it has."""

import pytest

from tests.browser.conftest import MakeUser, OpenWindow
from tools.browser import PHONE, WIDE


@pytest.mark.parametrize("path", ["/", "/rooms/12"])
@pytest.mark.parametrize("window", [WIDE, PHONE], ids=["wide", "phone"])
async def test_the_page_starts_from_every_address(
    open_window: OpenWindow, path: str, window: dict[str, object]
) -> None:
    tab = await open_window(path, **window)
    await tab.until("document.querySelector('#app').childElementCount > 0")
    assert all(url.startswith(tab.origin) for url in tab.requests)


async def test_nothing_is_fetched_twice(open_window: OpenWindow) -> None:
    tab = await open_window("/")
    await tab.until("document.querySelector('#app').childElementCount > 0")
    fetched = await tab.page.evaluate(
        "performance.getEntriesByType('resource').filter((entry) => entry.transferSize > 0).map((entry) => entry.name)"
    )
    files = sorted(url for url in fetched if "/static/" in url)
    assert files == sorted(set(files))
    assert len(files) > 5


async def test_what_the_page_names_stays_where_it_is_when_its_address_changes(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann = await make_user("ann")
    room = (await ann.client.post("/rooms", json={"kind": "group", "name": "tea"})).json()["id"]
    tab = await open_window("/", username="ann")
    await tab.page.get_by_role("navigation").get_by_role("link").filter(has_text="tea").click()
    await tab.until(f"location.pathname === '/rooms/{room}'")
    links = await tab.page.evaluate(
        "[...document.querySelectorAll('[rel$=icon], [rel=manifest]')].map(({ href }) => href)"
    )
    assert len(links) == 3
    assert {await tab.page.evaluate("async (url) => (await fetch(url)).status", link) for link in links} == {200}


@pytest.mark.parametrize(
    "attack",
    [
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.hurt = 1'}))",
        "document.body.innerHTML = '<img src=x onerror=\"window.hurt = 1\">'",
        "document.body.setAttribute('onclick', 'window.hurt = 1'); document.body.click()",
        "setTimeout('window.hurt = 1')",
        "new Function('window.hurt = 1')()",
        "trustedTypes.createPolicy('mine', {createHTML: (html) => html})",
        "trustedTypes.createPolicy('hubbub-worker', {createScriptURL: (url) => url})",
        "navigator.serviceWorker.register('/worker.js?mine')",
        "new Worker('/worker.js')",
        "Object.assign(document.createElement('iframe'), {srcdoc: '<script>parent.hurt = 1</script>'})",
        "location = 'javascript:window.hurt = 1'",
        "fetch('https://example.org/')",
        "new WebSocket('wss://example.org/')",
        "document.body.append(Object.assign(new Image(), {src: 'https://example.org/x.png'}))",
        "document.head.append(Object.assign(document.createElement('base'), {href: 'https://example.org/'}))",
    ],
)
async def test_the_policy_stops_what_an_injected_script_would_try(open_window: OpenWindow, attack: str) -> None:
    """The policy itself is tried from within; that nothing gets so far is the business of other tests."""
    tab = await open_window("/", service_workers="allow")
    page = tab.page
    await tab.until("document.querySelector('#app').childElementCount > 0")
    # In a task of the page's own: what the debugger evaluates is above the policy.
    refused = await page.evaluate(
        f"""() => new Promise((done) => setTimeout(() => {{
          try {{ {attack}; done(null); }} catch (error) {{ done(String(error)); }}
        }}))"""
    )
    if refused is None:
        await tab.until("window.violations.length > 0")
    assert await page.evaluate("window.hurt") is None
    tab.faults.clear()
    await page.evaluate("window.violations = []")


async def test_a_file_that_was_altered_does_not_run(open_window: OpenWindow) -> None:
    tab = await open_window("/")
    context = tab.page.context

    async def alter(route: object) -> None:
        response = await route.fetch()  # type: ignore[attr-defined]
        await route.fulfill(response=response, body=await response.text() + "\nwindow.hurt = 1;")  # type: ignore[attr-defined]

    await context.route("**/vendor/preact.js", alter)
    page = await context.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    await page.goto(tab.origin)
    assert any("integrity" in text for text in refused)
    assert await page.evaluate("[window.hurt, document.querySelector('#app').childElementCount]") == [None, 0]


async def test_the_documentation_of_the_api_works_under_its_own_policy(open_window: OpenWindow) -> None:
    tab = await open_window("/docs")
    await tab.page.get_by_role("heading", name="hubbub").wait_for()
    await tab.page.get_by_role("button", name="Authorize").wait_for()
