"""Everything without a mouse: each main function by keys alone, and the focus is never lost."""

import asyncio

from playwright.async_api import Route

from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.engine import engine
from tests.browser.tabs import Tab
from tests.browser.test_compositions import TOO_LONG
from tests.browser.test_store import found_room, in_room
from tests.integration.servers import PASSWORD

FOCUS = "(() => { const { activeElement: now } = document; return now.getAttribute('aria-label') || now.innerText })()"


async def press(tab: Tab, *keys: str) -> None:
    for key in keys:
        await tab.page.keyboard.press(key)


async def focused(tab: Tab, words: str) -> None:
    """Wait until what has the focus is called so, or begins with it."""
    await tab.until(f"(words) => {FOCUS}.startsWith(words)", words)


async def test_a_whole_visit_by_keys_alone(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    garden = await bob.client.post("/rooms", json={"kind": "channel", "name": "garden", "member_ids": [ann.id]})
    await bob.client.post("/rooms", json={"kind": "channel", "name": "kitchen"})
    room = garden.json()["id"]
    await bob.client.post(f"/rooms/{room}/messages", json={"text": "The first tomato is ripe."})
    tab = await open_window("/")
    page = tab.page

    await tab.until("document.activeElement.name === 'username'")
    await page.keyboard.type("ann")
    await press(tab, "Tab")
    await page.keyboard.type(PASSWORD)
    await press(tab, "Enter")
    await page.get_by_role("navigation").get_by_role("link", name="garden").wait_for()  # what is looked through first

    await press(tab, "Control+k")  # the switcher, to a room
    await focused(tab, "Where to?")
    await page.keyboard.type("gard")
    await page.get_by_role("option", name="garden").wait_for()
    await press(tab, "Enter")
    await focused(tab, "Message garden")

    await page.keyboard.type("Red or yellow?")
    await press(tab, "Enter")
    await tab.sees("The first tomato is ripe.", "Red or yellow?")

    await press(tab, "ArrowUp")  # the last of one's own
    await page.get_by_text("Editing your message").wait_for()
    await page.keyboard.type(" Or green?")
    await press(tab, "Enter")
    await tab.sees("The first tomato is ripe.", "Red or yellow? Or green?")

    await press(tab, "Shift+Tab")
    await focused(tab, "Messages in garden")
    await press(tab, "End")
    await focused(tab, "ann, ")
    await press(tab, "ArrowUp")
    await focused(tab, "bob, ")
    await press(tab, "r")
    await page.get_by_text("Replying to bob").wait_for()
    await focused(tab, "Message garden")
    await page.keyboard.type("Lovely")
    await press(tab, "Enter")
    await tab.sees("The first tomato is ripe.", "Red or yellow? Or green?", "Lovely")

    await press(tab, "Shift+Tab", "End", "Delete")  # and yes, really
    await focused(tab, "Cancel")
    await press(tab, "Tab")
    await focused(tab, "Delete")
    await press(tab, "Enter")
    await tab.sees("The first tomato is ripe.", "Red or yellow? Or green?", "Message deleted")
    await focused(tab, "ann, ")
    await press(tab, "Escape")
    await focused(tab, "Message garden")

    await press(tab, "Control+k")  # another channel, that has to be joined first
    await page.keyboard.type("kitch")
    await page.get_by_role("option", name="kitchen").wait_for()
    await press(tab, "Enter")
    await focused(tab, "Message kitchen")
    await press(tab, "Alt+ArrowDown")
    await focused(tab, "Message garden")


async def test_enter_takes_nobody_until_the_search_is_answered(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, _, zoe = [await make_user(name) for name in ("ann", "bob", "zoe")]
    room = (await ann.client.post("/rooms", json={"kind": "group", "name": "tea"})).json()["id"]
    tab = await open_window(f"/rooms/{room}", username="ann")
    answered = asyncio.Event()

    async def late(route: Route) -> None:
        await answered.wait()
        await route.continue_()

    await tab.page.route("**/users?q=zoe&*", late)
    await tab.page.get_by_role("button", name="Add people").first.click()
    await tab.page.get_by_role("option", name="bob", selected=True).wait_for()
    async with tab.page.expect_request("**/users?q=zoe&*"):
        await tab.page.keyboard.type("zoe")
        await press(tab, "Enter", "Enter")
    await press(tab, "Enter", "Enter")  # nobody yet, and nothing is sent
    answered.set()
    await tab.page.get_by_role("option", name="zoe", selected=True).wait_for()
    await press(tab, "Enter", "Enter")
    await tab.page.get_by_role("dialog").wait_for(state="detached")
    found = (await ann.client.get(f"/rooms/{room}/members")).json()["items"]
    assert {member["user"]["id"] for member in found} == {ann.id, zoe.id}


async def test_tab_goes_through_one_message_and_not_through_all(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room = (await ann.client.post("/rooms", json={"kind": "group", "name": "tea"})).json()["id"]
    for number in range(5):
        await ann.client.post(f"/rooms/{room}/messages", json={"text": f"https://example.org/{number}"})
    tab = await open_window(f"/rooms/{room}", username="ann")
    await tab.sees(*(f"https://example.org/{number}" for number in range(5)))
    await tab.page.locator(".window").get_by_role("link", name="example.org/4").wait_for()
    await tab.page.locator(".window").focus()
    await press(tab, "Tab")
    await focused(tab, "Message tea")
    await press(tab, "Shift+Tab", "End")
    await focused(tab, "ann, ")
    for name in ("https://example.org/4", "Reply", "Copy text", "Edit", "Delete", "Message tea"):
        await press(tab, "Tab")
        await focused(tab, name)


async def test_f6_goes_round_the_parts_of_the_window(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room = (await ann.client.post("/rooms", json={"kind": "group", "name": "tea"})).json()["id"]
    tab = await open_window(f"/rooms/{room}", username="ann")
    await tab.page.get_by_role("complementary", name="Members").get_by_text("ann").first.wait_for()
    await focused(tab, "Message tea")  # by itself; later that would take it from what F6 has come to
    around = [".panel .who", ".rooms a[aria-current]", ".window", "#composer-text"]
    for place in around:
        await press(tab, "F6")
        await tab.until("(place) => document.activeElement.matches(place)", place)
    for place in [*reversed(around[:-1]), "#composer-text"]:
        await press(tab, "Shift+F6")
        await tab.until("(place) => document.activeElement.matches(place)", place)


async def test_members_that_cover_the_room_keep_the_focus_and_give_it_back(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann, *others = [await make_user(name) for name in ("ann", "bob10", "bob9")]
    body = {"kind": "group", "name": "tea", "member_ids": [other.id for other in others]}
    room = (await ann.client.post("/rooms", json=body)).json()["id"]
    tab = await open_window(f"/rooms/{room}", viewport={"width": 700, "height": 700})
    await tab.fill_in("ann")
    panel = tab.page.get_by_role("complementary", name="Members")
    await tab.page.get_by_role("button", name="Show members").focus()
    await press(tab, "Enter")
    await focused(tab, "Close the list of members")
    await panel.get_by_role("button", name="@ann").wait_for()
    assert await panel.locator(".who strong bdi").all_inner_texts() == ["ann", "bob9", "bob10"]  # as people count
    for key in (*["Tab"] * 8, "F6", "F6", "x"):
        await press(tab, key)
        assert await tab.page.evaluate("document.activeElement.matches('body, .panel *')"), key
    await press(tab, "Escape")
    await panel.wait_for(state="detached")
    await tab.page.set_viewport_size({"width": 900, "height": 700})  # in the place of the list
    await engine(tab).until("../ui/panel", "!m.covers.value")
    await tab.page.get_by_role("button", name="Show members").focus()
    await press(tab, "Enter")
    await panel.wait_for()
    await press(tab, "Tab")
    assert await tab.page.evaluate("document.activeElement.closest('main') !== null")
    await press(tab, "Escape")
    await panel.wait_for(state="detached")
    assert await tab.page.locator("#composer-text").input_value() == ""
    await tab.page.locator(".rooms a").focus()
    await press(tab, "Control+.")
    await focused(tab, "Close the list of members")
    await press(tab, "Enter")
    await tab.until("document.activeElement.matches('.rooms a')")


async def test_a_dialog_keeps_the_focus_and_gives_it_back(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    await ann.client.post("/rooms", json={"kind": "group", "name": "tea"})
    tab = await open_window("/", username="ann")
    opener = tab.page.get_by_role("button", name="New group")
    await opener.focus()
    await press(tab, "Enter")
    await tab.until("document.activeElement.matches('dialog input[name=name]')")
    for _ in range(14):
        await press(tab, "Tab")
        assert await tab.page.evaluate("document.activeElement.closest('dialog') !== null")
    for _ in range(14):
        await press(tab, "Shift+Tab")
        assert await tab.page.evaluate("document.activeElement.closest('dialog') !== null")
    await press(tab, "Escape")
    await tab.until("document.activeElement.getAttribute('aria-label') === 'New group'")


async def test_tab_goes_round_in_a_dialog_that_ends_in_radios(open_window: OpenWindow, make_user: MakeUser) -> None:
    await make_user("ann")
    tab = await open_window("/", username="ann")
    await tab.page.get_by_role("button", name="@ann").click()
    await tab.page.get_by_role("menuitem", name="Appearance and language").click()
    dialog = tab.page.get_by_role("dialog")
    await dialog.get_by_role("radio", name="English").focus()
    await press(tab, "Tab")
    await focused(tab, "Close")
    await press(tab, "Shift+Tab")
    await tab.until("document.activeElement.value === 'en'")


async def test_the_focus_goes_on_when_what_had_it_is_taken_away(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    tab, page = await in_room(open_window, ann, room)
    await page.say(room, TOO_LONG)
    refused = tab.page.locator(".row.failed")
    await refused.get_by_role("button", name="Discard").press("Enter")
    await refused.wait_for(state="detached")
    await focused(tab, "Message tea")
    await page.say(room, TOO_LONG)
    await refused.get_by_role("button", name="Try again").press("Enter")
    await focused(tab, "ann, ")
    await page.call("announce", "m.toast({ key: 'copied' })")
    note = tab.page.get_by_role("button", name="Dismiss")
    await note.press("Enter")
    await focused(tab, "Message tea")
    await press(tab, "Control+k")
    await page.call("announce", "m.toast({ key: 'copied' })")
    await note.press("Enter")
    await focused(tab, "Where to?")


async def test_a_menu_is_walked_with_arrows_and_letters(open_window: OpenWindow, make_user: MakeUser) -> None:
    await make_user("ann")
    tab = await open_window("/", username="ann")
    await tab.page.get_by_role("button", name="@ann").focus()
    await press(tab, "Enter")
    await focused(tab, "Your profile")
    await press(tab, "ArrowUp")
    await focused(tab, "Sign out")
    await press(tab, "k")
    await focused(tab, "Keyboard shortcuts")
    await press(tab, "Enter")
    await tab.page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()
    await press(tab, "Escape")
    await tab.until("document.activeElement.matches('.me .who')")


async def test_what_was_being_written_is_there_again_after_an_edit(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann = await make_user("ann")
    room = (await ann.client.post("/rooms", json={"kind": "group", "name": "tea"})).json()["id"]
    await ann.client.post(f"/rooms/{room}/messages", json={"text": "first"})
    tab = await open_window(f"/rooms/{room}", username="ann")
    await tab.sees("first")
    composer = tab.page.locator("#composer-text")
    await composer.fill("half a sen")
    await press(tab, "Shift+Tab", "End")
    await focused(tab, "ann, ")
    typed = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'e', bubbles: true}))"
    assert await tab.page.evaluate(f"{typed} && document.activeElement.id") == "composer-text"  # for the next key
    await tab.page.get_by_text("Editing your message").wait_for()
    assert await composer.input_value() == "first"
    await press(tab, "Escape")
    await tab.until("document.querySelector('#composer-text').value === 'half a sen'")
