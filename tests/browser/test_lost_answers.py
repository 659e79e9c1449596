"""The answer to a refresh does not come: nobody is signed out, and whichever tab goes on repeats it by its word."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, Route

from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.device import stored
from tests.browser.engine import Engine, engine
from tests.browser.tabs import Tab
from tests.browser.test_store import beside, found_room, in_room, opened
from tests.integration.servers import Person

RENEW = "m.tokens.token().then((stale) => m.tokens.renew(stale)).then(() => 'renewed', ({ code }) => code)"
LATER = "{ const now = Date.now; Date.now = () => now() + 16 * 60_000; }"  # every access token has expired


class Answers:
    """What a window is answered to its refreshes, all of which reach the server. `losing` says what becomes of them."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.losing = ""
        self.lost = asyncio.Event()
        self.found = asyncio.Event()

    async def __call__(self, route: Route) -> None:
        self.asked.append(route.request.post_data_json)
        if not self.losing:
            await route.continue_()
            return
        answer = await route.fetch()
        assert answer.status == 200
        if self.losing == "broken off":
            await route.abort("connectionreset")
        self.lost.set()
        if self.losing == "late":
            await self.found.wait()
            await route.fulfill(response=answer)


async def lose_answers(page: Page, losing: str) -> Answers:
    answers = Answers()
    answers.losing = losing
    await page.context.route("**/auth/refresh", answers)
    return answers


async def still_signed_in(page: Engine, person: Person, room: int, answers: Answers) -> None:
    """By the session that it had, and in the room."""
    await page.say(room, "still here")
    await page.shows(room, "still here")
    assert await page.call("session", "m.boot.value") == "signed-in"
    devices = (await person.client.get("/auth/sessions")).json()["items"]
    assert len(devices) == 2  # this browser, and the one of `make_user`
    first = answers.asked[0]
    assert answers.asked == [first] * len(answers.asked)
    answers.asked.clear()
    assert await page.call("live", RENEW) == "renewed"
    (after,) = answers.asked
    assert after["refresh_token"] != first["refresh_token"]
    assert after["attempt"] != first["attempt"]


async def test_who_stays_on_the_page_stays_signed_in(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    tab, page = await in_room(open_window, ann, room)
    answers = await lose_answers(tab.page, "broken off")
    for _ in range(2):
        assert await page.call("live", RENEW) == "unreachable"
    answers.losing = ""
    assert await page.call("live", RENEW) == "renewed"
    assert len(answers.asked) == 3
    await still_signed_in(page, ann, room, answers)


async def reload(tab: Tab, room: int) -> Engine:
    await tab.page.reload()
    return engine(tab)


async def open_another(tab: Tab, room: int) -> Engine:
    await tab.page.close()
    page = await beside(tab, f"/rooms/{room}")
    tab.page = page.page
    return page


@pytest.mark.parametrize("go_on", [reload, open_another])
async def test_who_leaves_the_page_before_the_answer_is_signed_in_at_the_next_look(
    open_window: OpenWindow, make_user: MakeUser, go_on: Callable[[Tab, int], Awaitable[Engine]]
) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    tab, page = await in_room(open_window, ann, room)
    answers = await lose_answers(tab.page, "on their way")
    await page.call("live", f"void {RENEW}")
    await answers.lost.wait()
    answers.losing = ""
    await tab.page.context.add_init_script(LATER)
    page = await go_on(tab, room)
    await opened(page, room)
    assert len(answers.asked) == 2
    await still_signed_in(page, ann, room, answers)


async def test_an_answer_that_comes_after_signing_out_signs_nobody_in(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann = await make_user("ann")
    room = await found_room(ann)
    tab, page = await in_room(open_window, ann, room)
    answers = await lose_answers(tab.page, "late")
    await page.call("live", f"void (globalThis.renewing = {RENEW})")
    await answers.lost.wait()
    await page.call("session", "m.signOut()")
    answers.found.set()
    assert await page.call("live", "globalThis.renewing") == "unauthenticated"
    assert all(values == [] for values in (await stored(tab.page)).values())
    assert await page.call("live", "m.tokens.user") is None
