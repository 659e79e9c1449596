"""What is shown fits: on the narrowest phone, with the longest words, under fingers, in every colour and language."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, Route

from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.tabs import Tab
from tests.integration.servers import PASSWORD, Person
from tools.browser import PHONE, WIDE

NARROW: dict[str, Any] = {**PHONE, "viewport": {"width": 320, "height": 640}}
FINGER = 44  # pixels
WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3
NAME = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetzesentwurf"
TEXTS = (
    WORD,
    f"https://example.org/{'a' * 300}",
    f"```\n{'x' * 400}\n```",
    "| a | b |\n|---|---|\n" + "| wide cell | " + "x" * 200 + " |\n",
    f"> {WORD}\n\n- {WORD}\n  - {WORD}",
    "שלום, זו הודעה בעברית",
    "k",
)
# Whatever reaches beyond the screen, unless something around it scrolls or cuts it.
OUTSIDE = """() => [...document.querySelectorAll("body *")].filter((one) => {
  const box = one.getBoundingClientRect();
  if (box.width === 0 || (box.left >= -1 && box.right <= innerWidth + 1)) return false;
  for (let up = one.parentElement; up; up = up.parentElement) {
    if (getComputedStyle(up).overflowX !== "visible") return false;
  }
  return getComputedStyle(one).clipPath === "none";
}).map((one) => one.outerHTML.slice(0, 120))"""
SMALL = """(least) => [...document.querySelectorAll("button, input, textarea, [role=menuitem], .room-link")]
  .filter((one) => one.checkVisibility() && !one.closest(".text, .by, .skip"))
  .filter((one) => !one.matches(".link, .quote, .topic, [type=radio]"))
  .map((one) => [one, one.getBoundingClientRect()])
  .filter(([, box]) => box.height < least - 0.5 || box.width < least - 0.5)
  .map(([one, box]) => `${box.width}x${box.height} ${one.outerHTML.slice(0, 120)}`)"""

GERMAN_CAME = """import(new URL("i18n/de.js", document.querySelector("script[type=module]").src))
  .then(() => new Promise((done) => setTimeout(() => done(true))))"""


async def long_room(ann: Person, bob: Person) -> int:
    """Names, words and addresses that do not end."""
    await bob.client.patch("/users/me", json={"display_name": NAME})
    body = {"kind": "channel", "name": NAME, "topic": "A topic " * 60 + "ends", "member_ids": [bob.id]}
    room: int = (await ann.client.post("/rooms", json=body)).raise_for_status().json()["id"]
    for text in TEXTS:
        (await bob.client.post(f"/rooms/{room}/messages", json={"text": text})).raise_for_status()
    return room


async def fits(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await page.evaluate(OUTSIDE) == []
    assert await page.evaluate(SMALL, FINGER) == []


async def test_320_pixels_are_enough_for_everything(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await long_room(ann, bob)
    tab = await open_window(f"/rooms/{room}", reduced_motion="reduce", **NARROW)
    await tab.fill_in("ann")
    page = tab.page
    await page.locator(".window .text pre").wait_for(state="attached")
    await fits(page)
    assert await page.evaluate("document.querySelector('.window').scrollWidth <= innerWidth")
    await page.locator(".row").last.tap()
    await page.get_by_role("group", name="What to do with this message").wait_for()
    await fits(page)
    await page.get_by_role("button", name="Show members").tap()
    await page.get_by_role("complementary").get_by_text(NAME).wait_for()
    await fits(page)
    await page.get_by_role("button", name="Close the list of members").tap()
    await page.get_by_role("button", name="What to do with this room").tap()
    await fits(page)
    await page.get_by_role("menuitem", name="Name and topic").tap()
    await page.get_by_role("dialog").wait_for()
    await fits(page)
    await page.get_by_role("button", name="Cancel").tap()
    await page.get_by_role("button", name="Back to the list").tap()
    await page.get_by_role("navigation").wait_for()
    await fits(page)
    for opener in ("Browse channels", "New group", "New direct message"):
        await page.get_by_role("navigation").get_by_role("button", name=opener).tap()
        await page.get_by_role("dialog").wait_for()
        await fits(page)
        await page.get_by_role("dialog").get_by_role("button", name="Close").tap()


async def test_a_username_beside_a_name_fits_whatever_the_length_and_the_script(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann, long, sarah = await make_user("ann"), await make_user("u" * 32), await make_user("sarah")
    body = {"kind": "group", "name": "a", "member_ids": [long.id, sarah.id]}
    room = (await ann.client.post("/rooms", json=body)).raise_for_status().json()["id"]
    for person, name in ((long, NAME), (sarah, "שרה (בת) 1")):
        (await person.client.patch("/users/me", json={"display_name": name})).raise_for_status()
        (await person.client.post(f"/rooms/{room}/messages", json={"text": "k"})).raise_for_status()
    tab = await open_window(f"/rooms/{room}", reduced_motion="reduce", **NARROW)
    await tab.fill_in("ann")
    await tab.page.get_by_text("@sarah", exact=True).wait_for()
    await fits(tab.page)
    head = tab.page.locator(".by").last
    author = await head.locator(".author").bounding_box()
    username = await head.locator(".handle").bounding_box()
    assert author is not None
    assert username is not None
    assert author["x"] + author["width"] <= username["x"]


async def test_what_fails_in_a_dialog_is_told_above_it(open_window: OpenWindow, make_user: MakeUser) -> None:
    await make_user("ann"), await make_user("bob")
    tab = await open_window("/", username="ann", **PHONE)
    await tab.page.route("**/rooms/direct", lambda route: route.abort())
    await tab.page.get_by_role("button", name="New direct message").first.tap()
    await tab.page.get_by_role("option", name="bob").tap()
    note = tab.page.get_by_role("status").locator(".toast")
    await note.get_by_role("button", name="Dismiss").tap()  # which only what can be seen can be
    await note.wait_for(state="detached")
    await tab.page.get_by_role("option", name="bob").tap()
    await note.wait_for()
    first = await note.element_handle()
    await tab.page.get_by_role("option", name="bob").tap()
    await first.wait_for_element_state("hidden")
    await note.wait_for()  # told again, and not twice
    await tab.page.get_by_role("button", name="Close").tap()
    await note.wait_for()  # it outlives the dialog


async def test_the_way_in_fits_too_in_every_language(open_window: OpenWindow) -> None:
    tab = await open_window("/", **NARROW)
    await tab.page.get_by_role("button", name="Create account").tap()
    await fits(tab.page)
    await tab.page.get_by_role("button", name="English").tap()
    await tab.page.get_by_role("menuitemradio", name="Deutsch").tap()
    await tab.page.get_by_role("heading", name="Konto anlegen").wait_for()
    await tab.page.get_by_role("button", name="Konto anlegen").tap()
    await tab.page.get_by_text("Gib einen Namen ein.").wait_for()
    await fits(tab.page)


async def test_a_phone_shows_the_list_or_the_room_and_back_works(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    await ann.client.post("/rooms", json={"kind": "group", "name": "tea"})
    tab = await open_window("/", username="ann", **PHONE)
    page = tab.page
    navigation, room = page.get_by_role("navigation"), page.get_by_role("heading", name="tea", level=1)
    await navigation.get_by_role("link", name="tea").tap()
    await room.wait_for()
    assert not await navigation.is_visible()
    await page.go_back()
    await navigation.wait_for()
    assert not await room.is_visible()
    await page.go_forward()
    await room.wait_for()
    await page.get_by_role("button", name="Back to the list").tap()
    await navigation.wait_for()


@pytest.mark.parametrize("width", [800, 1440])
async def test_messages_stand_above_the_field_in_which_they_are_written(
    open_window: OpenWindow, make_user: MakeUser, width: int
) -> None:
    ann = await make_user("ann")
    room = (await ann.client.post("/rooms", json={"kind": "group", "name": "tea"})).json()["id"]
    await ann.client.post(f"/rooms/{room}/messages", json={"text": "one"})
    tab = await open_window(f"/rooms/{room}", username="ann", viewport={"width": width, "height": 900})
    await tab.sees("one")
    if width > 1200:
        await tab.page.get_by_role("button", name="Hide members").click()
    edges = "['.row .gutter', '.composer .box'].map((one) => document.querySelector(one).getBoundingClientRect().left)"
    await tab.until(f"new Set({edges}).size === 1")


async def test_under_fingers_no_key_is_said_to_send(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room = (await ann.client.post("/rooms", json={"kind": "group", "name": "tea"})).json()["id"]
    tablet = {"viewport": {"width": 768, "height": 900}, "has_touch": True, "is_mobile": True}
    tab = await open_window(f"/rooms/{room}", username="ann", **tablet)
    await tab.page.locator("#composer-text").fill("x" * 16_000)
    await tab.page.get_by_text("384 bytes left").wait_for()
    assert not await tab.page.get_by_text("Enter sends").is_visible()


async def test_keys_are_called_what_stands_on_them(open_window: OpenWindow, make_user: MakeUser) -> None:
    await make_user("ann")
    tab = await open_window("/", username="ann")
    await choose_look(tab, "Deutsch")
    await tab.page.get_by_role("button", name="Schließen").click()
    await tab.page.keyboard.press("?")
    keys = tab.page.get_by_role("dialog", name="Tastenkürzel").locator("kbd")
    await keys.first.wait_for()
    assert {"Strg", "Umschalt", "Eingabe", "Ende", "Entf"} < set(await keys.all_inner_texts())
    await tab.page.keyboard.press("Control+k")
    await tab.page.get_by_role("dialog").get_by_text("Eingabe Öffnen").wait_for()


async def choose_look(tab: Tab, *names: str) -> None:
    await tab.page.get_by_role("button", name="@ann").click()
    await tab.page.get_by_role("menuitem", name="Appearance and language").click()
    for name in names:
        await tab.page.get_by_role("radio", name=name).check()


async def test_members_cover_no_room_that_is_opened_afterwards(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    for name in ("tea", "cake"):
        await ann.client.post("/rooms", json={"kind": "group", "name": name})
    tab = await open_window("/", username="ann", **PHONE)
    rooms = tab.page.get_by_role("navigation")
    await rooms.get_by_role("link", name="tea").tap()
    await tab.page.get_by_role("button", name="Show members").tap()
    await tab.page.get_by_role("complementary", name="Members").wait_for()
    await tab.page.go_back()
    await rooms.get_by_role("link", name="cake").tap()
    await tab.page.get_by_role("heading", name="cake", level=1).wait_for()
    await tab.page.get_by_role("textbox", name="Message cake").tap()


@pytest.mark.parametrize("width", [1000, 768])
async def test_members_leave_room_for_what_is_written(open_window: OpenWindow, make_user: MakeUser, width: int) -> None:
    ann = await make_user("ann")
    room = (await ann.client.post("/rooms", json={"kind": "group", "name": "tea"})).json()["id"]
    tab = await open_window(f"/rooms/{room}", username="ann", viewport={"width": width, "height": 700})
    await tab.page.get_by_role("button", name="Show members").click()
    await tab.page.get_by_role("complementary", name="Members").get_by_text("@ann").wait_for()
    await tab.page.get_by_role("textbox", name="Message tea").fill("Is there any left?")
    await tab.page.get_by_role("button", name="Send").click()
    await tab.sees("Is there any left?")
    assert await tab.page.evaluate("document.querySelector('main').clientWidth") >= 400
    assert await tab.page.evaluate(OUTSIDE) == []


async def test_the_language_and_the_colours_are_kept(open_window: OpenWindow, make_user: MakeUser) -> None:
    await make_user("ann")
    tab: Tab = await open_window("/", username="ann", **WIDE)
    page = tab.page
    await choose_look(tab, "Dark", "Deutsch")
    await page.get_by_role("dialog", name="Darstellung und Sprache").wait_for()
    await page.reload()
    await page.get_by_role("heading", name="Direktnachrichten").wait_for()
    assert await page.evaluate("document.documentElement.lang") == "de"
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 22, 21)"


async def test_the_language_that_was_chosen_last_is_shown_however_late_another_comes(open_window: OpenWindow) -> None:
    tab = await open_window("/")
    asked, released, come = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        asked.set()
        await released.wait()
        await route.continue_()

    await tab.page.route("**/i18n/de.js", late, times=1)
    tab.page.on("requestfinished", lambda request: come.set() if request.url.endswith("/de.js") else None)
    await choose_language(tab, "English", "Deutsch")
    await asked.wait()
    await choose_language(tab, "English", "English")
    released.set()
    await come.wait()
    assert await tab.page.evaluate(GERMAN_CAME)
    assert await tab.page.evaluate("[document.documentElement.lang, localStorage['hubbub.language']]") == ["en", "en"]
    await choose_language(tab, "English", "Deutsch")
    await tab.page.get_by_role("heading", name="Willkommen", exact=True).wait_for()


async def choose_language(tab: Tab, now: str, then: str) -> None:
    await tab.page.get_by_role("button", name=now).click()
    await tab.page.get_by_role("menuitemradio", name=then).click()


async def test_a_language_that_cannot_be_had_is_not_marked_as_chosen(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    await make_user("ann")
    tab = await open_window("/", username="ann")
    page = tab.page
    await page.route("**/i18n/de.js", lambda route: route.abort())
    await page.get_by_role("button", name="@ann").click()
    await page.get_by_role("menuitem", name="Appearance and language").click()
    await page.get_by_role("radio", name="Deutsch").click()
    await page.get_by_text("The server cannot be reached.").wait_for()
    assert await page.get_by_role("radio", name="English").is_checked()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"Username or e-mail": "", "Password": ""}, "Enter your username or e-mail address."),
        ({"Username or e-mail": "ann", "Password": ""}, "Enter your password."),
        ({"Username or e-mail": "ann", "Password": "wrong"}, "The username and the password do not match."),
        ({"Username or e-mail": "nobody", "Password": PASSWORD}, "The username and the password do not match."),
    ],
)
async def test_the_way_in_says_what_to_do(
    open_window: OpenWindow, make_user: MakeUser, fields: dict[str, str], problem: str
) -> None:
    await make_user("ann")
    tab = await open_window("/")
    for label, text in fields.items():
        await tab.page.get_by_label(label, exact=True).fill(text)
    await tab.page.get_by_role("button", name="Sign in").click()
    await tab.page.get_by_text(problem).wait_for()


async def test_an_account_is_made_and_used_at_once(open_window: OpenWindow, make_user: MakeUser) -> None:
    await make_user("ann")
    tab = await open_window("/")
    page = tab.page
    await page.get_by_role("button", name="Create account").click()
    await page.get_by_label("Your name").fill("Ann Keller")
    await page.get_by_label("Username").fill("ann")
    await page.get_by_label("E-mail").fill("keller@example.org")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Create account").click()
    await page.get_by_text("This username or e-mail address is taken.").wait_for()
    await tab.until("document.activeElement.name === 'username'")
    await page.get_by_label("Username").fill("keller")
    await page.get_by_role("button", name="Create account").click()
    await page.get_by_role("heading", name="Welcome, Ann Keller").wait_for()
    await page.reload()
    await page.get_by_role("heading", name="Welcome, Ann Keller").wait_for()
    await page.get_by_role("button", name="@keller").click()
    await page.get_by_role("menuitem", name="Sign out").click()
    await page.get_by_role("heading", name="Welcome", exact=True).wait_for()
    await page.reload()
    await page.get_by_role("heading", name="Welcome", exact=True).wait_for()
