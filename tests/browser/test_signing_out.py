"""Signing out: what it says, and that nothing is left behind it."""

from playwright.async_api import Page, Route

from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.device import BEING_WRITTEN, nothing_is_left_to_send
from tests.browser.proxies import Wire
from tests.browser.test_store import beside, found_room, in_room, opened

NOTE_ALERTS = """() => {
  window.alerts = [];
  const note = () => window.alerts.push(document.querySelector("[role=alert]")?.innerText ?? "");
  new MutationObserver(note).observe(document, { subtree: true, childList: true, characterData: true });
}"""
# Writes to the outbox of this kind wait until `globalThis.free()`.
HOLD = """(() => {
  const write = m.db.write.bind(m.db);
  const free = new Promise((resolve) => (globalThis.free = resolve));
  m.db.write = async (changes, ...rest) => {
    if (changes.some((change) => change.store === "outbox" && a in change)) await free;
    return write(changes, ...rest);
  };
})()"""
# The page waits for the end of its session as long as this test may stand still.
PATIENT = """() => {
  const start = setTimeout;
  globalThis.setTimeout = (work, millis, ...rest) => start(work, millis === 3000 ? 600_000 : millis, ...rest);
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
    await page.evaluate(PATIENT)
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
    await page.evaluate(PATIENT)
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
    await page.evaluate(PATIENT)
    await sign_out(page)
    await page.get_by_role("heading", name="Welcome", exact=True).wait_for()
    assert await page.get_by_role("alert").inner_text() == ""


async def test_what_was_on_its_way_to_the_disk_is_not_left_there(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    tab, page = await in_room(open_window, ann, room)
    await page.call("live", HOLD, "put")
    await page.say(room, "hardly written")
    await tab.until(BEING_WRITTEN)
    await page.call("session", "void m.signOut()")
    await tab.until(f"!{BEING_WRITTEN}")  # it is forgotten
    await page.call("live", "globalThis.free()")
    await nothing_is_left_to_send(tab.page)


async def test_what_is_on_its_way_off_the_disk_is_not_counted_as_unsent(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    _, page = await in_room(open_window, ann, room)
    await page.call("live", HOLD, "delete")
    await page.say(room, "said")
    await page.shows(room, "said")
    await page.call("live", "void (globalThis.count = m.outbox.count())")
    await page.call("live", "globalThis.free()")
    assert await page.call("live", "globalThis.count") == 0


async def test_signing_out_asks_only_when_something_has_not_been_sent_by_any_tab(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire
) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    tab, page = await in_room(open_window, ann, room)
    other = await beside(tab, f"/rooms/{room}")
    await opened(other, room)
    wire.cut()
    await other.say(room, "not sent yet")
    await other.until("live", "m.outbox.count().then((count) => count === 1)")
    await tab.page.bring_to_front()
    await sign_out(tab.page)
    await tab.page.get_by_text("1 message has not reached the server").wait_for()
    await tab.page.get_by_role("button", name="Cancel").click()
    wire.restore()
    await other.call("live", "m.retryNow()")
    await page.call("live", "m.retryNow()")
    await page.shows(room, "not sent yet")
    await tab.say("sent")
    await tab.sees("not sent yet", "sent")
    await page.until("live", "m.outbox.count().then((count) => count === 0)")  # also of what the other tab has sent
    await sign_out(tab.page)
    await tab.page.get_by_label("Username or e-mail").wait_for()


async def sign_out(page: Page) -> None:
    await page.locator("footer.me button").click()
    await page.get_by_role("menuitem", name="Sign out").click()
