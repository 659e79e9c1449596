"""Signing out: what it says, and that nothing is left behind it."""

from playwright.async_api import Page, Route

from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.proxies import Wire
from tests.browser.test_store import found_room, in_room

NOTE_ALERTS = """() => {
  window.alerts = [];
  const note = () => window.alerts.push(document.querySelector("[role=alert]")?.innerText ?? "");
  new MutationObserver(note).observe(document, { subtree: true, childList: true, characterData: true });
}"""
WRITING = "Object.keys(localStorage).some((key) => key.startsWith('hubbub-said-'))"
HOLD_OUTBOX = """{
  const write = m.db.write.bind(m.db);
  const free = new Promise((resolve) => (globalThis.free = resolve));
  m.db.write = async (changes, ...rest) => {
    if (changes.some((change) => change.store === "outbox" && "put" in change)) await free;
    return write(changes, ...rest);
  };
}"""


async def test_who_signs_out_while_the_server_is_away_is_told_what_remains(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire
) -> None:
    await make_user("ann")
    tab = await open_window("/", username="ann")
    page = tab.page
    wire.cut()
    await sign_out(page)
    await page.get_by_role("alert").get_by_text("the server did not confirm that the session has ended").wait_for()
    wire.restore()
    await tab.sign_in("ann")
    await page.get_by_role("button", name="@ann").click()
    await page.get_by_role("menuitem", name="Devices").click()
    devices = page.get_by_role("dialog")
    await devices.get_by_text("This device").wait_for()
    others = devices.get_by_role("button", name="Sign out")
    assert await others.count() == 2  # that of the test, and the one that remains
    await devices.get_by_role("button", name="Close").click()
    await sign_out(page)
    await page.get_by_role("heading", name="Welcome", exact=True).wait_for()
    assert await page.get_by_role("alert").inner_text() == ""


async def test_who_signs_out_is_not_told_that_it_was_done_to_them(open_window: OpenWindow, make_user: MakeUser) -> None:
    await make_user("ann")
    tab = await open_window("/", username="ann")
    page = tab.page

    async def answer_late(route: Route) -> None:
        async with page.expect_response("**/auth/refresh") as refused:  # since the socket has been closed
            answer = await route.fetch()
        assert (await refused.value).status == 401
        for _ in range(2):  # until the page has read it, too
            await page.evaluate("fetch('/health/live').then((answer) => answer.text())")
        await route.fulfill(response=answer)

    await page.route("**/auth/logout", answer_late)
    await page.evaluate(NOTE_ALERTS)
    await sign_out(page)
    await page.get_by_role("heading", name="Welcome", exact=True).wait_for()
    assert set(await page.evaluate("window.alerts")) == {""}


async def test_a_session_that_has_ended_already_is_signed_out_without_a_word(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    await make_user("ann")
    tab = await open_window("/", username="ann")
    page = tab.page

    async def answer_the_second(route: Route) -> None:
        await route.fetch()
        await route.fulfill(response=await route.fetch())

    await page.route("**/auth/logout", answer_the_second)
    await sign_out(page)
    await page.get_by_role("heading", name="Welcome", exact=True).wait_for()
    assert await page.get_by_role("alert").inner_text() == ""


async def test_what_was_on_its_way_to_the_disk_is_not_left_there(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    tab, page = await in_room(open_window, ann, room)
    await page.call("live", f"(() => {HOLD_OUTBOX})()")
    await page.say(room, "hardly written")
    await tab.until(WRITING)
    await page.call("session", "void m.signOut()")
    await tab.until(f"!{WRITING}")  # it is forgotten
    await page.call("live", "globalThis.free()")
    await page.until("live", "m.db.all('outbox').then((left) => left.length === 0)")


async def sign_out(page: Page) -> None:
    await page.get_by_role("button", name="@ann").click()
    await page.get_by_role("menuitem", name="Sign out").click()
