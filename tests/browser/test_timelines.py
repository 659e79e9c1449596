"""The window of messages: where it opens, that it stays where the reader is, and what is drawn of it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from playwright.async_api import Route

from hubbub.domain.ids import RoomId, UserId
from hubbub.services.changes import Draft
from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.engine import engine
from tests.browser.tabs import Tab
from tests.integration.servers import LiveServer, Person
from tools.browser import PHONE, WIDE

MOST = 140  # rows that are drawn
NEAR = 1.0  # pixels: what no eye sees
AT_ONCE = 100
# Some of one word, some of many, some with code: no two heights are alike.
WORDS = (
    "yes",
    "the deploy is green " * 9,
    "look:\n\n```\nfor peer in room.peers:\n    peer.write(frame)\n```",
    "**so** it `is`",
)

LINE_IN_UPPER_HALF = """(() => {
  const top = document.querySelector(".new-line")?.getBoundingClientRect().top;
  return 0 < top && top < innerHeight / 2;
})()"""

# How far a row that can be seen was moved beyond what the reader scrolled, at worst, in `steps` of `by` pixels. The
# reader is no quicker than the rows, and waits for them two steps before the last one that is there.
WORST_JUMP = """async ({ by, steps }) => {
  const box = document.querySelector(".window");
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const left = () => (by < 0 ? box.scrollTop : box.scrollHeight - box.clientHeight - box.scrollTop);
  const atEdge = () => document.querySelector(by < 0 ? ".window .start" : ".window .seen") !== null;
  let worst = 0, most = 0, moved = 0;
  for (let step = 0; step < steps; step += 1) {
    while (left() < 2 * Math.abs(by) && !atEdge()) await frame();
    const middle = box.getBoundingClientRect().top + box.clientHeight / 2;
    const row = [...document.querySelectorAll(".row")].find((one) => one.getBoundingClientRect().bottom > middle);
    const before = row.getBoundingClientRect().top;
    const from = box.scrollTop;
    box.scrollTop += by;
    const scrolled = box.scrollTop - from;
    moved += Math.abs(scrolled);
    await frame();
    await frame();
    if (row.isConnected) worst = Math.max(worst, Math.abs(row.getBoundingClientRect().top - before + scrolled));
    most = Math.max(most, document.querySelectorAll(".row").length);
  }
  return { worst, most, moved };
}"""

# To the very top of what is there; from then on it is noted how far the text that is read first is moved, at worst,
# until older rows fill what is above it.
WAIT_AT_TOP = """() => {
  const box = document.querySelector(".window");
  const row = document.querySelector(".row");
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const top = () => row.querySelector(".text").getBoundingClientRect().top;
  const head = () => row.querySelector(".by") !== null;
  const watch = async () => {
    box.scrollTop = 0;
    const before = top(), had = head();
    let worst = 0;
    while (box.scrollTop < 1000) {
      await frame();
      worst = Math.max(worst, Math.abs(top() - before));
    }
    return { worst, heads: [had, head()] };
  };
  window.watched = watch();
}"""

# How far one gets who scrolls by 100 pixels in the frame in which a row changes its height.
SCROLLED_MEANWHILE = """async () => {
  const box = document.querySelector(".window");
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  box.scrollTop = box.scrollHeight / 2;
  for (let n = 0; n < 10; n += 1) await frame();
  const from = box.scrollTop;
  box.scrollTop -= 100;
  [...document.querySelectorAll(".row")].at(-1).style.paddingBottom = "40px";
  await frame();
  await frame();
  return from - box.scrollTop;
}"""

# The first row that can be seen, and where it stands: rows that are put above it move the edge of the window.
FIRST_SEEN = """(() => {
  const edge = document.querySelector(".window").getBoundingClientRect().top;
  const row = [...document.querySelectorAll(".row")].find((one) => one.getBoundingClientRect().bottom > edge + 1);
  return [row.dataset.seq, row.getBoundingClientRect().top];
})()"""
TOP = "(seq) => document.querySelector(`.row[data-seq='${seq}']`).getBoundingClientRect().top"

# Scrolls until everything that the page has is drawn, and it waits for more.
AT_TOP_OF_WHAT_IS_THERE = """(() => {
  document.querySelector(".window").scrollTop = 0;
  return document.querySelector(".window .edge-note:first-child .spinner") !== null;
})()"""

GAP = """(() => {
  const box = document.querySelector(".window");
  return box.scrollHeight - box.clientHeight - box.scrollTop;
})()"""


async def filled_room(live: LiveServer, reader: Person, writer: Person, texts: Sequence[str]) -> int:
    """A group in which the writer has said all this, in this order; the reader has read nothing."""
    body = {"kind": "group", "name": "tea", "member_ids": [reader.id]}
    room_id: int = (await writer.client.post("/rooms", json=body)).raise_for_status().json()["id"]
    post = live.server.chat.messages.post
    for start in range(0, len(texts), AT_ONCE):
        await asyncio.gather(
            *(post(UserId(writer.id), RoomId(room_id), Draft(text)) for text in texts[start : start + AT_ONCE])
        )
    return room_id


async def read_everything(reader: Person, room_id: int) -> None:
    head = (await reader.client.get(f"/rooms/{room_id}")).json()["head"]
    (await reader.client.put(f"/rooms/{room_id}/read", json={"seq": head})).raise_for_status()


def mixed(count: int) -> list[str]:
    return [f"{number} {WORDS[number % len(WORDS)]}" for number in range(count)]


async def gap_below(tab: Tab) -> float:
    """Pixels from the end of the window."""
    gap: float = await tab.page.evaluate(GAP)
    return gap


@pytest.mark.parametrize("window", [WIDE, PHONE], ids=["wide", "phone"])
async def test_nothing_that_is_seen_jumps_while_older_and_newer_rows_are_put_around_it(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer, window: dict[str, Any]
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await filled_room(live, ann, bob, mixed(420))
    await read_everything(ann, room)
    tab = await open_window(f"/rooms/{room}", **window)
    await tab.fill_in("ann")
    await tab.page.locator(".window").get_by_text("419 so it is").wait_for()  # as Markdown draws it
    up = await tab.page.evaluate(WORST_JUMP, {"by": -350, "steps": 90})
    down = await tab.page.evaluate(WORST_JUMP, {"by": 170, "steps": 60})
    assert up["moved"] > 20_000  # it did not stop at the end of what was there at first
    assert down["moved"] > 9_000
    assert max(up["worst"], down["worst"]) < NEAR
    assert max(up["most"], down["most"]) <= MOST


@pytest.mark.parametrize("window", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("alone", [True, False], ids=["one author", "two authors"])
async def test_the_text_at_the_very_top_stays_when_older_messages_come_late_and_its_author_stands_above_them(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer, window: dict[str, Any], alone: bool
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await filled_room(live, ann, bob, mixed(150))
    for number in range(0 if alone else 150):
        author = UserId((ann, bob)[number % 2].id)
        await live.server.chat.messages.post(author, RoomId(room), Draft(f"in turn {number}"))
    await read_everything(ann, room)
    tab = await open_window(f"/rooms/{room}", **window)
    released = asyncio.Event()

    async def late(route: Route) -> None:
        answer = await route.fetch()
        await released.wait()
        await route.fulfill(response=answer)

    await tab.page.route("**/messages?*before=*", late, times=1)
    await tab.fill_in("ann")
    await tab.until("document.querySelector('.window .text:not(.plain)')")  # Markdown has come
    await tab.until(AT_TOP_OF_WHAT_IS_THERE)
    await tab.page.evaluate(WAIT_AT_TOP)
    released.set()
    seen = await tab.page.evaluate("window.watched")
    assert seen["heads"] == [True, not alone]
    assert seen["worst"] < NEAR


async def test_a_row_that_changes_its_height_does_not_undo_what_the_reader_has_just_scrolled(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await filled_room(live, ann, bob, [f"text {number}" for number in range(60)])
    await read_everything(ann, room)
    tab = await open_window(f"/rooms/{room}", username="ann")
    await tab.page.locator(".window .start").wait_for()  # it is known that there is nothing before them
    assert await tab.page.locator(".row").count() == 60
    assert await tab.page.evaluate(SCROLLED_MEANWHILE) == 100


async def test_a_room_opens_at_its_first_new_message(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await filled_room(live, ann, bob, mixed(80))
    await read_everything(ann, room)
    post = live.server.chat.messages.post
    for number in range(150):
        await post(UserId(bob.id), RoomId(room), Draft(f"new {number}"))
    tab = await open_window(f"/rooms/{room}", username="ann")
    await tab.until(LINE_IN_UPPER_HALF)  # once enough rows are drawn below it
    assert await tab.page.evaluate("document.querySelector('.new-line').nextElementSibling.innerText.includes('new 0')")
    await tab.page.get_by_role("button", name="new messages").click()
    await tab.page.get_by_text("new 149").first.wait_for()
    await tab.until("document.querySelector('.to-latest') === null")
    assert await gap_below(tab) < NEAR
    await tab.until("document.querySelector('.sidebar .badge') === null")


async def test_who_reads_the_end_stays_there_and_who_reads_above_is_told_how_many_came(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await filled_room(live, ann, bob, mixed(120))
    await read_everything(ann, room)
    tab = await open_window(f"/rooms/{room}", username="ann")
    await tab.page.locator(".window").get_by_text("119 so it is").wait_for()
    await bob.client.post(f"/rooms/{room}/messages", json={"text": "one more"})
    await tab.page.locator(".window").get_by_text("one more").wait_for()
    assert await gap_below(tab) < NEAR
    await tab.page.evaluate("document.querySelector('.window').scrollTop -= 2000")
    await tab.page.get_by_role("button", name="Jump to latest").wait_for()
    seq, where = await tab.page.evaluate(FIRST_SEEN)
    for text in ("two", "three"):
        await bob.client.post(f"/rooms/{room}/messages", json={"text": text})
    await tab.page.get_by_role("button", name="2 new messages").wait_for()
    assert abs(await tab.page.evaluate(TOP, seq) - where) < NEAR


async def test_a_long_text_is_unfolded_below_where_it_stands(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    long = " ".join(f"word{number}" for number in range(1_500))
    room = await filled_room(live, ann, bob, [*mixed(20), long, *mixed(20)])
    await read_everything(ann, room)
    tab = await open_window(f"/rooms/{room}", username="ann")
    more = tab.page.get_by_role("button", name="Show all")
    await more.wait_for()
    await tab.until("document.querySelector('.window .text:not(.plain)')")  # Markdown has come
    row = tab.page.locator(".row", has=more)
    await row.scroll_into_view_if_needed()
    assert "word1499" not in await row.inner_text()
    before = await row.bounding_box()
    await more.click()
    row = tab.page.locator(".row", has_text="word0")
    await row.get_by_text("word1499").wait_for()
    after = await row.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) < NEAR
    assert after["height"] > before["height"]


async def test_the_focus_stays_in_the_window_when_its_row_is_left_behind(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await filled_room(live, ann, bob, mixed(400))
    await read_everything(ann, room)
    tab = await open_window(f"/rooms/{room}", username="ann")
    await tab.page.locator(".window").get_by_text("399 so it is").wait_for()  # as Markdown draws it
    await tab.page.locator(".row").last.focus()
    left = await tab.page.evaluate("document.activeElement.dataset.seq")
    await tab.page.evaluate(WORST_JUMP, {"by": -500, "steps": 40})
    assert await tab.page.locator(f".row[data-seq='{left}']").count() == 0
    assert await tab.page.evaluate("document.activeElement.matches('.window .row')")


async def test_a_message_is_waiting_then_sent_and_what_the_server_refuses_can_be_taken_back(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await filled_room(live, ann, bob, ["hello"])
    tab = await open_window(f"/rooms/{room}", username="ann")
    await tab.page.get_by_text("hello").first.wait_for()
    await tab.say("fine")
    await tab.page.locator(".seen", has_text="Sent").wait_for()
    await tab.say("a bell: \u0007")
    failed = tab.page.locator(".row.failed")
    await failed.get_by_text("Not sent.").wait_for()
    await failed.get_by_role("button", name="Edit", exact=True).click()
    await tab.until("document.querySelector('.row.failed') === null")
    composer = tab.page.locator("#composer-text")
    assert await composer.input_value() == "a bell: \u0007"
    await composer.fill("a bell")
    await composer.press("Enter")
    await tab.sees("hello", "fine", "a bell")


async def test_one_sees_that_the_other_is_there_types_and_has_read(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = (await ann.client.post("/rooms/direct", json={"user_id": bob.id})).json()["id"]
    tab = await open_window(f"/rooms/{room}", username="ann")
    other = await open_window(f"/rooms/{room}", username="bob")
    await tab.page.locator(".room .status", has_text="Online").wait_for()
    for one in (tab, other):
        await engine(one).caught_up(room)  # before that nobody is told, or hears, that somebody types
    await other.page.locator("#composer-text").press_sequentially("Hel")
    await tab.page.get_by_text("bob is typing…").wait_for()
    await tab.say("I can see you")
    await other.sees("I can see you")
    await tab.page.locator(".seen", has_text="Read").wait_for()
    await other.page.locator("#composer-text").fill("")
    await tab.until("!document.querySelector('.typing').textContent.includes('typing')")


async def test_a_quote_of_what_one_may_not_read_says_so_and_leaves_the_reader_where_they_are(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    body = {"kind": "group", "name": "tea", "history": "since_joined"}
    room = (await bob.client.post("/rooms", json=body)).json()["id"]
    said = await bob.client.post(f"/rooms/{room}/messages", json={"text": "before ann"})
    await bob.client.put(f"/rooms/{room}/members/{ann.id}", json={})
    for number in range(200):
        await live.server.chat.messages.post(UserId(bob.id), RoomId(room), Draft(f"text {number}"))
    answer = {"text": "an answer", "reply_to": said.json()["seq"]}
    (await bob.client.post(f"/rooms/{room}/messages", json=answer)).raise_for_status()
    await read_everything(ann, room)
    tab = await open_window(f"/rooms/{room}", username="ann")
    await tab.page.get_by_role("button", name="An earlier message").press("Enter")  # a click may scroll
    await tab.page.get_by_text("It is not there any more.").wait_for()
    assert (await tab.shown())[-2:] == ["text 199", "an answer"]
    assert await gap_below(tab) < NEAR
