"""People talk in real browsers, and what goes wrong under way costs nothing: nothing is lost, doubled or disordered.

At the end of each test every frame that the page got was what it should have been (`Tab.findings`).
"""

import pytest
from playwright.async_api import Route

from hubbub.compose import open_keys
from hubbub.domain.ids import Millis
from hubbub.security.tokens import JwtTokens
from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.engine import engine
from tests.browser.proxies import Wire
from tests.browser.tabs import Tab
from tests.integration.servers import LiveServer, Person

# What this browser keeps of its session; given a token, it is put in the place of the one that is there.
SESSION = """async (token) => {
  // Modules are the page's own instances here: whoever imports by the same address gets the same objects.
  const main = document.querySelector("script[type=module]").src;
  const { db } = await import(new URL("store/live.js", main));
  const session = await db.get("kv", "session");
  if (token) await db.write([{ store: "kv", put: { ...session, access_token: token }, key: "session" }]);
  return session;
}"""


async def found_room(*people: Person) -> int:
    """A group of these people."""
    others = [person.id for person in people[1:]]
    answer = await people[0].client.post("/rooms", json={"kind": "group", "name": "tea", "member_ids": others})
    room_id: int = answer.raise_for_status().json()["id"]
    return room_id


async def with_bob(open_window: OpenWindow, make_user: MakeUser) -> tuple[Person, Person, int, Tab]:
    """Ann, Bob, a group of the two, and a tab in which Ann has it open."""
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    return ann, bob, room, await open_window(f"/rooms/{room}", username="ann")


async def test_two_people_talk(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, _, room, ann_tab = await with_bob(open_window, make_user)
    bob_tab = await open_window(f"/rooms/{room}", username="bob")
    await ann_tab.say("Tea is ready")
    await bob_tab.sees("Tea is ready")
    await bob_tab.say("Coming!")
    await ann_tab.say("With *milk*?")
    for tab in (ann_tab, bob_tab):
        await tab.until("document.querySelectorAll('.window .text:not(.plain)').length === 3")  # Markdown has come
        await tab.agrees(ann, room)
    assert sorted(await ann_tab.shown()) == sorted(await bob_tab.shown()) == ["Coming!", "Tea is ready", "With milk?"]
    assert await ann_tab.shown() == await bob_tab.shown()


async def test_what_is_said_without_a_network_arrives_once_in_order(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire
) -> None:
    ann, bob, room, tab = await with_bob(open_window, make_user)
    await tab.say("before")
    await tab.sees("before")
    wire.cut()
    for number in range(5):
        await tab.say(f"without {number}")
    await tab.until("document.querySelectorAll('.row.pending').length === 5")
    await bob.client.post(f"/rooms/{room}/messages", json={"text": "meanwhile"})
    wire.restore()
    await tab.sees("before", "meanwhile", *(f"without {number}" for number in range(5)))
    await tab.agrees(ann, room)


async def test_edits_and_deletions_of_others_come_too_also_those_that_were_missed(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    posted = [
        (await bob.client.post(f"/rooms/{room}/messages", json={"text": text})).json()["seq"]
        for text in ("a", "b", "c")
    ]
    tab = await open_window(f"/rooms/{room}", username="ann")
    await tab.sees("a", "b", "c")
    await bob.client.patch(f"/rooms/{room}/messages/{posted[0]}", json={"text": "A"})
    await tab.sees("A", "b", "c")
    wire.cut()
    await bob.client.patch(f"/rooms/{room}/messages/{posted[1]}", json={"text": "B"})
    await bob.client.delete(f"/rooms/{room}/messages/{posted[2]}")
    wire.restore()
    await tab.sees("A", "B", "Message deleted")
    await tab.agrees(ann, room)


@pytest.mark.parametrize("times", [3])
async def test_cuts_in_the_middle_of_a_talk_lose_nothing(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire, times: int
) -> None:
    ann, bob, room, tab = await with_bob(open_window, make_user)
    said = []
    for turn in range(times):
        for number in range(4):
            said.append(f"{turn}.{number}")
            await tab.say(said[-1])
            await bob.client.post(f"/rooms/{room}/messages", json={"text": f"bob {said[-1]}"})
            if number == 2:
                wire.cut()
        wire.restore()
    await tab.until(f"document.querySelectorAll('.window .row:not(.pending)').length === {2 * len(said)}")
    await tab.agrees(ann, room)
    assert [text for text in await tab.shown() if not text.startswith("bob")] == said


async def test_a_tab_that_is_closed_in_the_middle_of_a_send_loses_nothing(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire
) -> None:
    _, bob, room, tab = await with_bob(open_window, make_user)
    await tab.say("first")
    await tab.sees("first")
    wire.cut()
    texts = [f"just before the end {number}" for number in range(3)]
    for text in texts:
        await tab.say(text)
    await tab.until("document.querySelectorAll('.row.pending').length === 3")
    context = tab.page.context
    await tab.page.close()
    wire.restore()
    again = await context.new_page()
    await again.goto(f"{tab.origin}/rooms/{room}")
    tab.page = again
    await tab.sees("first", *texts)
    await tab.agrees(bob, room)


async def test_two_tabs_of_one_user_show_the_same_and_stay_signed_in(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    first = await open_window(f"/rooms/{room}", username="ann")
    second = await open_window(f"/rooms/{room}", beside=first)
    await first.say("from the first")
    await second.sees("from the first")
    await second.say("from the second")
    for tab in (first, second):
        await tab.sees("from the first", "from the second")
        await tab.agrees(bob, room)


async def test_who_is_removed_is_told_and_sees_nothing_that_comes_after(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room, other = await found_room(ann, bob), await found_room(ann, bob)
    await ann.client.post(f"/rooms/{room}/messages", json={"text": "for both of us"})
    tab = await open_window(f"/rooms/{room}", username="bob")
    await tab.sees("for both of us")
    await engine(tab).caught_up(room)  # or the socket would be refused the room, and not be told
    await ann.client.delete(f"/rooms/{room}/members/{bob.id}")
    await tab.page.get_by_text("You are no longer a member of this room.").wait_for()
    await tab.was_shut_out()
    await ann.client.post(f"/rooms/{room}/messages", json={"text": "for me alone"})
    await ann.client.post(f"/rooms/{other}/messages", json={"text": "after that"})
    await tab.page.get_by_role("navigation").get_by_text("after that").wait_for()
    assert await tab.shown() == []
    assert "for me alone" not in await tab.page.locator("body").inner_text()


async def test_only_who_is_not_in_the_room_is_offered_to_be_added(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob, _ = [await make_user(name) for name in ("ann", "bob", "zoe")]
    room = await found_room(ann, bob)
    tab = await open_window("/", username="ann")
    await tab.page.goto(f"{tab.origin}/rooms/{room}")
    await tab.page.get_by_role("button", name="Hide members").click()
    await tab.page.reload()  # nobody has looked at the members
    await tab.page.get_by_role("button", name="What to do with this room").click()
    await tab.page.get_by_role("menuitem", name="Add people").click()
    await tab.page.get_by_role("option").first.wait_for()
    assert await tab.page.get_by_role("option").locator("bdi").all_inner_texts() == ["zoe"]


async def test_of_members_that_are_not_loaded_nothing_is_said(open_window: OpenWindow, make_user: MakeUser) -> None:
    people = [await make_user(f"person{number}") for number in range(13)]
    room = await found_room(*people, await make_user("zoe"))
    tab = await open_window("/", username="person0")

    async def twelve(route: Route) -> None:
        """As in a room of more than 200."""
        await route.continue_(url=route.request.url.replace("limit=200", "limit=12"))

    await tab.page.route("**/members?*limit=200*", twelve)
    await tab.page.goto(f"{tab.origin}/rooms/{room}")
    panel = tab.page.get_by_role("complementary", name="Members")
    await panel.get_by_role("heading", name="Members 12+", exact=True).wait_for()
    await panel.get_by_role("textbox").fill("zoe")
    await panel.get_by_role("heading", name="Members 14", exact=True).wait_for()
    await panel.locator(".who strong", has_text="zoe").wait_for()
    await panel.get_by_role("textbox").fill("zoo")
    await panel.get_by_text("Nobody is called that.").wait_for()


async def test_an_access_token_that_has_expired_is_renewed_unseen(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    _, bob, room, tab = await with_bob(open_window, make_user)
    token = (await tab.page.evaluate(SESSION))["access_token"]
    tokens = JwtTokens(open_keys(live.server.settings), live.server.clock)
    claims = {
        name: value for name, value in tokens.verify("access", token).items() if name not in ("iss", "aud", "exp")
    }
    expired = tokens.sign("access", claims, Millis(live.server.clock.now() - 60_000))
    await tab.page.evaluate(SESSION, expired)
    await tab.page.reload()
    await tab.say("still here")
    await tab.sees("still here")
    assert (await tab.page.evaluate(SESSION))["access_token"] != expired
    await tab.agrees(bob, room)


async def test_a_session_that_was_ended_elsewhere_asks_to_sign_in_again(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann, _, _, tab = await with_bob(open_window, make_user)
    await tab.say("first")
    await tab.sees("first")
    for session in (await ann.client.get("/auth/sessions")).json()["items"]:
        if not session.get("current"):
            await ann.client.delete(f"/auth/sessions/{session['id']}")
    await tab.page.get_by_label("Username or e-mail").wait_for()
    assert "first" not in await tab.page.locator("body").inner_text()
    await tab.sign_in("ann")
    await tab.sees("first")
