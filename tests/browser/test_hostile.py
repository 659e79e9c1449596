"""Nothing that somebody writes is more than text: not in messages, names or topics, wherever they are shown.

Each window's tab also checks for itself (`Tab.faults`): no request leaves the server, and the policy is never needed.
"""

from typing import Any

import httpx2

from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.hostile import MESSAGES, NAMES, SLOW
from tests.browser.tabs import Tab, until
from tests.integration.servers import PASSWORD, LiveServer, Person

# What messages may consist of; svg, path and the like are our own icons.
ALLOWED = (
    *("A", "ARTICLE", "BDI", "BLOCKQUOTE", "BR", "BUTTON", "CODE", "DEL", "DIV", "EM", "FIGCAPTION", "FIGURE", "HR"),
    *("LI", "OL", "P", "PRE", "SPAN", "STRONG", "TABLE", "TBODY", "TD", "TH", "THEAD", "TIME", "TR", "UL"),
    *("circle", "path", "rect", "svg", "g", "line", "polyline"),
)
# For each message that is drawn now: its seq, and everything about it that must not be.
_INSPECT = """(allowed) => [...document.querySelectorAll(".window .row")].map((row) => {
  const wrong = [];
  for (const element of [row, ...row.querySelectorAll("*")]) {
    if (!allowed.includes(element.tagName)) wrong.push(element.tagName);
    for (const { name, value } of element.attributes) {
      if (name.startsWith("on") || name === "style" || name === "srcdoc") wrong.push(`${name}=${value}`);
    }
    if (element.matches("a") && !/^(https?:|mailto:)/.test(element.href)) wrong.push(element.href);
    if (element.matches("a") && element.origin === location.origin) wrong.push(element.href);
    if (element.matches("a") && !/noopener/.test(element.rel)) wrong.push("a link that knows its opener");
    if (element.matches("a, button") && !element.innerText.trim() && !element.ariaLabel) wrong.push("an unseen link");
  }
  const box = row.querySelector(".text")?.getBoundingClientRect();
  if (!box || box.height < 10) wrong.push("nothing to be seen");
  if (box && box.right > innerWidth) wrong.push("wider than the window");
  return [Number(row.dataset.seq), wrong];
})"""

# How many characters the global patterns pass over while a text becomes vnodes, and how many of these there are.
_COST = """async (texts) => {
  const { render } = await import(new URL("markdown.js", document.querySelector("script[type=module]").src));
  const { exec } = RegExp.prototype;
  let read = 0;
  RegExp.prototype.exec = function (text) {
    const from = this.lastIndex;
    const found = exec.call(this, text);
    if (this.global) read += (found ? this.lastIndex : text.length) - from;
    return found;
  };
  const size = (vnode) => (Array.isArray(vnode) ? vnode : [vnode?.props?.children ?? []]).flat()
    .reduce((total, child) => total + 1 + (child === null || typeof child !== "object" ? 0 : size(child)), 0);
  try {
    return texts.map((text) => {
      read = 0;
      const vnodes = render(text);
      return [read, size(vnodes)];
    });
  } finally {
    RegExp.prototype.exec = exec;
  }
}"""
READ = 50  # times that a text may be read, all in all
MADE = 2  # vnodes a character


async def test_hostile_messages_are_text(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = (await ann.client.post("/rooms", json={"kind": "group", "name": "x", "member_ids": [bob.id]})).json()["id"]
    sent = [await post(bob, room, text) for text in MESSAGES]
    await ann.client.put(f"/rooms/{room}/read", json={"seq": sent[-1]})
    tab = await open_window(f"/rooms/{room}", username="ann")
    found = await read_through(tab, sent)
    assert {seq: wrong for seq, wrong in found.items() if wrong} == {}
    assert set(sent) <= set(found)
    await tab.agrees(ann, room)
    assert await tab.page.evaluate("window.hurt") is None


async def test_no_message_keeps_the_page_busy(open_window: OpenWindow) -> None:
    tab = await open_window("/")
    costs = await tab.page.evaluate(_COST, list(SLOW))
    assert {
        (text[:20], len(text)): (read, made)
        for text, (read, made) in zip(SLOW, costs, strict=True)
        if read > READ * len(text) or made > MADE * len(text)
    } == {}


async def post(person: Person, room: int, text: str) -> int:
    answer = await person.client.post(f"/rooms/{room}/messages", json={"text": text})
    seq: int = answer.raise_for_status().json()["seq"]
    return seq


async def read_through(tab: Tab, seqs: list[int]) -> dict[int, list[str]]:
    """Scroll from one end of the room to the other; what is wrong with each message on the way."""
    await tab.until("document.querySelectorAll('.window .text:not(.plain)').length > 0")  # Markdown has come
    found: dict[int, list[str]] = {}

    async def look() -> Any:
        rows = await tab.page.evaluate(_INSPECT, list(ALLOWED))
        found.update(dict(rows))
        await tab.page.evaluate("document.querySelector('.window').scrollTop -= 600")
        return set(seqs) <= set(found)

    await tab.page.evaluate("document.querySelector('.window').scrollTop = 1e9")
    await until(look, "every message has been drawn")
    return found


async def test_hostile_names_and_topics_are_text(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    ann = await make_user("ann")
    people = [await hostile_person(live, f"evil{number}", name) for number, name in enumerate(NAMES)]
    rooms = []
    for number, name in enumerate(NAMES):
        body = {"kind": "group" if number % 2 else "channel", "name": name, "topic": f"{name} {name}"}
        answer = await ann.client.post("/rooms", json={**body, "member_ids": people})
        rooms.append(answer.raise_for_status().json()["id"])
    tab = await open_window(f"/rooms/{rooms[0]}", username="ann")
    sidebar = tab.page.get_by_role("navigation")
    for name in NAMES:
        await sidebar.get_by_text(name, exact=True).first.wait_for()
    for room in rooms[:6]:
        await tab.page.goto(f"{tab.origin}/rooms/{room}")
        await tab.page.get_by_role("heading", level=1).wait_for()
    assert await tab.page.evaluate("window.hurt") is None


async def test_who_is_called_as_another_is_named_is_told_apart_where_they_speak(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    refused = await bob.client.patch("/users/me", json={"display_name": "Ann"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "display_name")
    (await bob.client.patch("/users/me", json={"display_name": "Carol"})).raise_for_status()
    carol = await make_user("carol")
    body = {"kind": "group", "name": "a", "member_ids": [bob.id, carol.id]}
    room = (await ann.client.post("/rooms", json=body)).raise_for_status().json()["id"]
    for person in (bob, carol, bob, bob):
        (await person.client.post(f"/rooms/{room}/messages", json={"text": "hello"})).raise_for_status()
    tab = await open_window(f"/rooms/{room}", username="ann")
    rows = tab.page.locator(".window .row")
    await tab.until("document.querySelectorAll('.window button.author').length === 3")  # names come after the rows
    heads = tab.page.locator(".window .by")
    named = [await heads.nth(number).locator(":scope > :not(time)").all_inner_texts() for number in range(3)]
    assert named == [["Carol", "@bob"], ["carol"], ["Carol", "@bob"]]
    labels = [str(await row.get_attribute("aria-label")).partition(",")[0] for row in await rows.all()]
    assert labels == ["Carol @bob", "carol", "Carol @bob", "Carol @bob"]


async def hostile_person(live: LiveServer, username: str, name: str) -> int:
    """Somebody who shows this name; their id."""
    body = {"username": username, "email": f"{username}@example.org", "password": PASSWORD, "display_name": name}
    async with httpx2.AsyncClient(base_url=live.url, trust_env=False) as client:
        person: int = (await client.post("/auth/register", json=body)).raise_for_status().json()["id"]
    return person
