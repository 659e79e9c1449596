"""What one writes is there until it is sent, an edit goes where it was meant to, a refusal is told wherever one is."""

import pytest
from playwright.async_api import WebSocketRoute

from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.device import BEING_WRITTEN
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


async def test_an_answer_that_was_refused_and_taken_back_is_still_one(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    asked, other = await say(bob, room, "a question", "another")
    tab, page = await in_room(open_window, ann, room)
    back = tab.page.locator(".row.failed").get_by_role("button", name="Edit", exact=True)
    answer = "(m.replyTo(a[0], a[1]), m.setText(a[0], a[2]), m.submit(a[0]))"
    await page.call("compose", answer, [room, asked, TOO_LONG])
    await back.click()
    await composer_says(tab, TOO_LONG)
    await tab.say("short")
    await page.shows(room, "a question", "another", "short")
    assert (await history(ann, room))[-1]["reply_to"] == asked

    await page.call("compose", answer, [room, asked, TOO_LONG])
    await back.wait_for()
    await page.call("compose", "m.replyTo(...a)", [room, other])
    await back.click()
    await composer_says(tab, TOO_LONG)
    assert await page.call("compose", "m.draft(a).value.reply_to", room) == other  # what is being written has its own


async def test_the_text_of_an_edit_of_what_was_deleted_meanwhile_can_be_copied(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    [seq] = await say(ann, room, "mine")
    tab, page = await in_room(open_window, ann, room)
    await tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.call("compose", "m.startEdit(...a)", [room, seq])
    await ann.client.delete(f"/rooms/{room}/messages/{seq}")
    await page.shows(room, "")
    await tab.say("a long and careful correction")
    row = tab.page.locator(".row.failed", has_text="Message deleted")
    await row.get_by_role("button", name="Copy text").click()
    await tab.page.get_by_text("Copied").wait_for()
    assert await tab.page.evaluate("navigator.clipboard.readText()") == "a long and careful correction"
    await row.get_by_role("button", name="Discard").click()
    await page.until("live", "m.outbox.of(a).length === 0", room)


async def test_a_refusal_is_told_in_another_room_too(open_window: OpenWindow, make_user: MakeUser, wire: Wire) -> None:
    ann = await make_user("ann")
    room, other = await found_room(ann), await found_room(ann)
    tab, page = await in_room(open_window, ann, room)
    wire.cut()
    await page.say(room, TOO_LONG)
    await page.call("rooms", "(m.closeRoom(), m.openRoom(a))", other)
    wire.restore()
    await page.call("live", "m.retryNow()")
    await tab.page.get_by_text("A message in tea was not sent. Open the room to see why.").wait_for()


@pytest.mark.parametrize("stays", [True, False], ids=["in the same tab", "in the next one"])
async def test_what_a_room_that_ended_did_not_take_is_given_back(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire, stays: bool
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room, other = await found_room(bob, ann), await found_room(ann)
    tab, page = await in_room(open_window, ann, room)
    await tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.say(room, TOO_LONG)
    await page.until("live", "m.outbox.of(a)[0]?.state === 'failed'", room)
    wire.cut()
    await page.say(room, "words nobody gets")
    await page.until("live", "m.outbox.count().then((count) => count === 2)")
    await page.call("rooms", "(m.closeRoom(), m.openRoom(a))", other)
    await bob.client.delete(f"/rooms/{room}/members/{ann.id}")
    if not stays:
        await page.page.close()
        wire.restore()
        page = await beside(tab, f"/rooms/{other}")
        tab.page = page.page
    else:
        wire.restore()
        await page.call("live", "m.retryNow()")
    note = tab.page.locator(".toast", has_text="2 messages were not sent")
    await note.wait_for()
    await tab.page.reload()  # it waits for a decision
    await note.get_by_role("button", name="Copy text").click()
    await tab.page.get_by_text("Copied").wait_for()
    assert await tab.page.evaluate("navigator.clipboard.readText()") == f"{TOO_LONG}\n\nwords nobody gets"
    await note.get_by_role("button", name="Discard").click()
    await note.wait_for(state="detached")
    await page.until("live", "m.outbox.count().then((count) => count === 0)")


async def test_what_the_database_has_lies_nowhere_else(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire
) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    tab, page = await in_room(open_window, ann, room)
    wire.cut()
    await page.say(room, "later")
    await page.until("live", "m.db.all('outbox').then((waiting) => waiting.length === 1)")
    await tab.until(f"!{BEING_WRITTEN}")


async def test_who_is_added_again_finds_the_draft_of_that_room(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    tab, page = await in_room(open_window, bob, room)
    await tab.page.locator(COMPOSER).fill("half a sen")
    (await ann.client.delete(f"/rooms/{room}/members/{bob.id}")).raise_for_status()
    await tab.page.get_by_text("You are no longer a member of this room.").wait_for()
    (await ann.client.put(f"/rooms/{room}/members/{bob.id}", json={"role": "member"})).raise_for_status()
    await tab.until(f"document.querySelector('{COMPOSER}')?.value === 'half a sen'")
    assert await page.call("rooms", "m.roomView(a).value.draft", room) is True
    tab.findings.shown.clear()  # the connection was told that it may not read the room any more
