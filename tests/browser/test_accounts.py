"""Accounts that administrators disable: where they do it, what its owner sees, and what everybody else does."""

import pytest
from playwright.async_api import Page, Route

from hubbub.domain.ids import Millis, UserId
from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.tabs import Tab
from tests.browser.test_accessibility import violations
from tests.browser.test_layouts import NAME, NARROW, fits
from tests.integration.servers import LiveServer, Person
from tools.browser import WIDE

LAZY = ("ui/accounts.js", "store/accounts.js")


async def appoint(live: LiveServer, person: Person) -> None:
    """What `hubbub users grant-admin` does."""
    await live.server.chat.administration.grant_admin(UserId(person.id))


async def disable(page: Page, name: str) -> None:
    await page.get_by_role("button", name=f"Disable the account of {name}").click()
    await page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    await page.get_by_text(f"The account of {name} is disabled.").wait_for()


def fetched(tab: Tab) -> list[str]:
    """What has been fetched of the view that few people need."""
    return [url for url in tab.requests if url.endswith(LAZY)]


async def test_who_is_disabled_is_signed_out_at_once_and_told_why(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    root, ann = await make_user("root"), await make_user("ann")
    await appoint(live, root)
    room = (await ann.client.post("/rooms/direct", json={"user_id": root.id})).json()["id"]
    await ann.client.post(f"/rooms/{room}/messages", json={"text": "between us"})
    theirs = await open_window(f"/rooms/{room}", username="ann")
    await theirs.sees("between us")
    tab = await open_window("/", username="root")
    assert fetched(tab) == []
    await tab.page.get_by_role("button", name="@root").click()
    await tab.page.get_by_role("menuitem", name="Accounts").click()
    await tab.page.get_by_role("heading", name="Accounts", level=1).wait_for()
    await tab.until("document.title === '(1) Accounts · hubbub'")  # once the rooms are known
    await disable(tab.page, "ann")
    await theirs.page.get_by_text("You have been signed out.").wait_for()
    assert "between us" not in await theirs.page.locator("body").inner_text()
    await theirs.fill_in("ann")
    await theirs.page.get_by_text("This account is disabled. Ask whoever runs this server.").wait_for()

    await tab.page.get_by_role("button", name="Enable the account of ann").click()
    await tab.page.get_by_role("dialog").get_by_role("button", name="Enable").click()
    await tab.page.get_by_text("ann can sign in again.").wait_for()
    await theirs.sign_in("ann")
    await theirs.sees("between us")


async def test_a_search_that_is_refused_is_made_again_by_itself_or_says_why(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    await appoint(live, await make_user("root"))
    await make_user("zoe")
    tab = await open_window("/accounts", username="root")
    await tab.page.get_by_text("@zoe").wait_for()
    asked: list[str] = []
    code, status = "rate_limited", 429

    async def refuse(route: Route) -> None:
        asked.append(route.request.url)
        problem = f'{{"type": "about:blank", "title": "-", "status": {status}, "detail": "-", "code": "{code}"}}'
        await route.fulfill(
            status=status, content_type="application/problem+json", headers={"Retry-After": "1"}, body=problem
        )

    field = tab.page.get_by_role("textbox", name="Search by name")
    await tab.page.route("**/users?q=zo&*", refuse, times=1)
    await field.fill("zo")
    await tab.page.get_by_role("list").get_by_text("@root").wait_for(state="detached")
    await tab.page.get_by_text("@zoe").wait_for()
    assert len(asked) == 1
    assert await tab.page.get_by_role("alert").count() == 0

    code, status = "unavailable", 503
    await tab.page.route("**/users?q=zoe&*", refuse, times=1)
    await field.fill("zoe")
    await tab.page.get_by_text("The server cannot do this just now. Try again in a moment.").wait_for()
    await tab.page.get_by_role("button", name="Try again").click()
    await tab.page.get_by_text("@zoe").wait_for()
    assert len(asked) == 2


async def test_only_administrators_find_the_way_and_everybody_else_is_told_so(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    tab = await open_window("/", username="ann")
    await tab.page.get_by_role("button", name="@ann").click()
    await tab.page.get_by_role("menuitem", name="Devices").wait_for()
    assert await tab.page.get_by_role("menuitem", name="Accounts").count() == 0
    await tab.page.goto(f"{tab.origin}/accounts")
    await tab.page.get_by_role("heading", name="This is for administrators").wait_for()
    assert await tab.page.get_by_text("@bob").count() == 0
    await tab.page.get_by_role("button", name="To the list").click()
    await tab.page.get_by_role("heading", name="Welcome, ann").wait_for()
    await appoint(live, ann)
    await tab.page.go_back()  # what the page knows of its user is asked for anew
    await tab.page.get_by_role("button", name="Disable the account of bob").wait_for()
    await appoint(live, bob)
    await bob.client.patch(f"/users/{ann.id}", json={"disabled": True})
    await tab.page.get_by_text("You have been signed out.").wait_for()


async def test_an_administrator_who_is_none_any_more_is_told_and_nothing_is_changed(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    root, ann, bob = [await make_user(name) for name in ("root", "ann", "bob")]
    for person in (root, bob):
        await appoint(live, person)
    tab = await open_window("/accounts", username="root")
    await tab.page.get_by_role("button", name="Disable the account of ann").click()
    await live.server.chat.administration.revoke_admin(UserId(root.id))
    await tab.page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    await tab.page.get_by_text("You may not do this here.").wait_for()
    await tab.page.get_by_role("heading", name="This is for administrators").wait_for()
    assert "disabled" not in (await bob.client.get(f"/users/{ann.id}")).json()


async def test_accounts_are_searched_and_disabled_by_keys_and_come_in_pages(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    root = await make_user("root")
    await make_user("ann")
    await appoint(live, root)
    await live.server.store.write(
        lambda tx: [
            tx.users.add(username=f"u{n}", email=f"u{n}@example.org", display_name="U", password_hash="", at=Millis(n))
            for n in range(60)
        ]
    )
    tab = await open_window("/accounts", username="root")
    page = tab.page
    await page.locator(".accounts .item").nth(49).wait_for()
    await page.get_by_role("button", name="Show more").click()
    await page.locator(".accounts .item").nth(61).wait_for()
    assert await page.get_by_role("button", name="Disable the account of root").count() == 0
    await page.get_by_role("button", name="@root").focus()
    await page.keyboard.press("F6")
    await page.keyboard.type("ann")
    await tab.until("document.querySelectorAll('.accounts .item').length === 1")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.get_by_role("dialog").wait_for()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.locator(".accounts .item.disabled", has_text="Disabled account").wait_for()
    await tab.until("document.activeElement.ariaLabel === 'Enable the account of ann'")


async def test_a_disabled_account_is_shown_as_one_wherever_it_is_met(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    root, ann, bob = [await make_user(name) for name in ("root", "ann", "bob")]
    await appoint(live, root)
    direct = (await bob.client.post("/rooms/direct", json={"user_id": ann.id})).json()["id"]
    body = {"kind": "group", "name": "tea", "member_ids": [ann.id, root.id]}
    room = (await bob.client.post("/rooms", json=body)).json()["id"]
    await root.client.patch(f"/users/{ann.id}", json={"disabled": True})
    page = (await open_window(f"/rooms/{direct}", username="bob")).page
    await page.locator(".room .status", has_text="Disabled account").wait_for()
    await page.goto(f"{page.url.rsplit('/', 1)[0]}/{room}")
    await page.get_by_role("complementary").get_by_text("Disabled account").click()
    await page.get_by_role("dialog").get_by_text("Disabled account").wait_for()
    page = (await open_window("/", username="root")).page  # to others such an account is not offered
    await page.get_by_role("navigation").get_by_role("button", name="New direct message").click()
    await page.get_by_role("option", name="ann").get_by_text("@ann · Disabled account").wait_for()


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("window", ["wide", "narrow"])
async def test_the_accounts_fit_and_can_be_used_by_everybody(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer, colours: str, window: str
) -> None:
    root, ann, _ = [await make_user(name) for name in ("root", "ann", "bob")]
    for person in (root, ann):
        await appoint(live, person)
        await person.client.patch("/users/me", json={"display_name": NAME})
    await root.client.patch(f"/users/{ann.id}", json={"disabled": True})
    options = {"wide": WIDE, "narrow": NARROW}[window]
    tab = await open_window("/accounts", color_scheme=colours, reduced_motion="reduce", locale="de", **options)
    await tab.page.get_by_label("Benutzername oder E-Mail").fill("root")
    await tab.page.get_by_label("Passwort", exact=True).fill("correct horse battery")
    await tab.page.get_by_role("button", name="Anmelden").click()
    await tab.page.locator(".accounts .item").nth(2).wait_for()
    if window == "narrow":
        await fits(tab.page)
    assert await violations(tab.page) == []
    await tab.page.get_by_role("button", name="entsperren").click()
    await tab.page.get_by_role("dialog").wait_for()
    if window == "narrow":
        await fits(tab.page)
    assert await violations(tab.page) == []
