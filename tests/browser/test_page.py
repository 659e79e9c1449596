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


@pytest.mark.parametrize("button", ["Copy text", "Copy the code"])
async def test_a_page_that_may_not_copy_says_so(open_window: OpenWindow, make_user: MakeUser, button: str) -> None:
    """Over HTTP, on another host than localhost, browsers give a page no clipboard."""
    ann = await make_user("ann")
    room = (await ann.client.post("/rooms", json={"kind": "group", "name": "tea"})).json()["id"]
    await ann.client.post(f"/rooms/{room}/messages", json={"text": "```py\nx = 1\n```"})
    tab = await open_window("/")
    await tab.page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    await tab.page.goto(f"{tab.origin}/rooms/{room}")
    await tab.sign_in("ann")
    await tab.page.locator(".code").hover()
    await tab.page.get_by_role("button", name=button).click()
    await tab.page.get_by_text("The browser does not let this page copy.").wait_for()


async def test_the_code_alone_is_copied(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room = (await ann.client.post("/rooms", json={"kind": "group", "name": "tea"})).json()["id"]
    await ann.client.post(f"/rooms/{room}/messages", json={"text": "See:\n```py\nx = 1\n```"})
    tab = await open_window(f"/rooms/{room}", username="ann")
    await tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await tab.page.locator(".code").hover()
    await tab.page.get_by_role("button", name="Copy the code").click()
    await tab.page.get_by_text("Copied").wait_for()
    assert await tab.page.evaluate("navigator.clipboard.readText()") == "x = 1"


@pytest.mark.parametrize("name", ["דנה", "𞤀𞤣𞤢𞤥", "𐤀𐤁𐤂"], ids=["Hebrew", "Adlam", "Phoenician"])
async def test_a_name_that_runs_the_other_way_is_kept_apart_in_a_sentence(
    open_window: OpenWindow, make_user: MakeUser, name: str
) -> None:
    ann = await make_user("ann")
    room = (await ann.client.post("/rooms", json={"kind": "group", "name": name})).json()["id"]
    tab = await open_window(f"/rooms/{room}", username="ann")
    label = await tab.page.locator("#composer-text").get_attribute("aria-label")
    assert label == f"Message \u2068{name}\u2069"


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
