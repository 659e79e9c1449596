"""What one writes is there until it is sent, and an edit goes where it was meant to."""

from playwright.async_api import WebSocketRoute

from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.engine import engine
from tests.browser.proxies import Wire
from tests.browser.tabs import COMPOSER, Tab, until
from tests.browser.test_store import beside, found_room, history, in_room, opened, say
from tests.integration.servers import Person

TOO_LONG = "x" * 17_000
EDIT = "(m.startEdit(a[0], a[1]), m.setText(a[0], a[2]), m.submit(a[0]))"


async def composer_says(tab: Tab, text: str) -> None:
    async def look() -> bool:
        return await tab.page.locator(COMPOSER).input_value() == text

    await until(look, f"{text!r} in the composer")


async def begin_edit(tab: Tab, text: str) -> None:
    row = tab.page.locator(".row", has_text=text)
    await tab.page.mouse.move(0, 0)
    await row.hover()
    await row.get_by_role("button", name="Edit").click()
    await composer_says(tab, text)


async def test_a_draft_that_an_edit_interrupts_outlives_a_reload_and_is_nobody_elses(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    [asked] = await say(bob, room, "said by bob")
    await say(ann, room, "said by ann")
    tab, page = await in_room(open_window, ann, room)
    await page.call("compose", "m.replyTo(...a)", [room, asked])
    await tab.page.locator(COMPOSER).fill("half a sen")
    await begin_edit(tab, "said by ann")
    await tab.page.locator(COMPOSER).fill("")
    other = await beside(tab, f"/rooms/{room}")
    await other.until("compose", "m.draft(a).value.interrupted?.text === 'half a sen'", room)
    await other.page.close()
    await tab.page.reload()
    await opened(page, room)
    await page.until("compose", "m.draft(a).value.editing !== undefined", room)
    await tab.page.locator(COMPOSER).press("Escape")
    await composer_says(tab, "half a sen")
    assert await page.call("compose", "m.draft(a).value.reply_to", room) == asked
    await begin_edit(tab, "said by ann")
    await tab.say("said by Ann")
    await composer_says(tab, "half a sen")
    await page.shows(room, "said by bob", "said by Ann")

    await begin_edit(tab, "said by Ann")
    await page.call("session", "m.signOut()")
    await tab.sign_in("bob")
    await opened(page, room)
    await begin_edit(tab, "said by bob")
    await tab.page.locator(COMPOSER).press("Escape")
    await composer_says(tab, "")


async def test_an_edit_starts_from_the_one_before_it_and_can_take_it_back(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire
) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    [back, same] = await say(ann, room, "meet at 5", "bring tea")
    _, page = await in_room(open_window, ann, room)
    wire.cut()
    await page.call("compose", EDIT, [room, back, "meet at 6"])
    await page.call("compose", "m.startEdit(...a)", [room, back])
    assert await page.call("compose", "m.draft(a).value.text", room) == "meet at 6"
    await page.call("compose", EDIT, [room, back, "meet at 5"])
    for _ in range(2):
        await page.call("compose", EDIT, [room, same, "bring cake"])
    assert await page.call("live", "m.outbox.of(a).map(({ text }) => text)", room) == [
        "meet at 6",
        "meet at 5",
        "bring cake",
    ]
    wire.restore()
    await page.call("live", "m.retryNow()")
    await page.until("live", "m.outbox.of(a).length === 0", room)
    await page.shows(room, "meet at 5", "bring cake")
    assert [message["text"] for message in await history(ann, room)] == ["meet at 5", "bring cake"]


async def test_an_edit_that_was_refused_is_offered_again_and_goes_when_another_is_made(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    [seq] = await say(ann, room, "short")
    _, page = await in_room(open_window, ann, room)
    await page.call("compose", EDIT, [room, seq, TOO_LONG])
    await page.until("live", "m.outbox.of(a)[0]?.state === 'failed'", room)
    await page.call("compose", "m.startEdit(...a)", [room, seq])
    assert await page.call("compose", "m.draft(a).value.text", room) == TOO_LONG
    await page.call("compose", EDIT, [room, seq, "short"])
    assert await page.call("live", "m.outbox.of(a)", room) == []
    await page.shows(room, "short")


async def test_edits_whose_answers_are_lost_are_each_made_once_and_in_order(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    """What is acknowledged is not repeated, also when its event never came and the tab is gone."""
    ann = await make_user("ann")
    room = await found_room(ann)
    [seq] = await say(ann, room, "first")
    tab, page = await in_room(open_window, ann, room)
    await page.page.close()
    deaf = False
    tab.page = await tab.page.context.new_page()

    def connect(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda data: None if deaf and '"type":"event"' in str(data) else socket.send(data))

    await tab.page.route_web_socket("**/ws", connect)
    await tab.page.goto(f"{tab.origin}/rooms/{room}")
    page = engine(tab)
    await opened(page, room)
    await page.caught_up(room)
    deaf = True
    await page.call("compose", EDIT, [room, seq, "x"])
    await page.call("compose", EDIT, [room, seq, "y"])

    async def edits() -> list[str]:
        return await edited(ann, room)

    async def both() -> bool:
        return await edits() == ["x", "y"]

    await until(both, "x and y in the log")
    context = tab.page.context
    await tab.page.close()
    tab.page = await context.new_page()
    await tab.page.goto(f"{tab.origin}/rooms/{room}")
    page = engine(tab)
    await page.shows(room, "y")
    await page.say(room, "the last")
    await page.shows(room, "y", "the last")
    assert await edits() == ["x", "y"]


async def edited(person: Person, room: int) -> list[str]:
    """What the log says of edits."""
    items = (await person.client.get(f"/rooms/{room}/events", params={"limit": 200})).json()["items"]
    return [event["text"] for event in items if event["kind"] == "message.edited"]
