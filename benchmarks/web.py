"""The web client in Chromium: what the first screen costs, a stream of messages, and a long way back.

Everything is on one machine: the browser, the server and whoever talks share its cores, and there is no network
between them. Long tasks are those of more than 50 ms that the browser reports: in them a page does not answer.
"""

import asyncio
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from playwright.async_api import Browser, BrowserContext, CDPSession, Page

from benchmarks.history import append_messages
from benchmarks.processes import Served, hubbub
from benchmarks.report import Row, show
from benchmarks.world import PASSWORD, Person, add_people, open_chat
from hubbub.client import connect
from hubbub.domain.events import RoomKind
from hubbub.domain.ids import RoomId, Seq
from hubbub.domain.messages import Message
from tools.browser import WIDE, chromium

BATCH = 5000  # messages in one transaction while the database is made
TURN = 0.025  # seconds between looks at how much is to be said
PATIENCE = 300.0  # seconds for anything to happen

# Before each page: when its first screen is there (messages, and a composer), and which tasks were long.
_WATCH = """
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longTasks.push(entry.duration);
}).observe({ type: "longtask", buffered: true });
const look = () => {
  const there = document.querySelector(".window .row") && document.querySelector("#composer-text");
  if (there) requestAnimationFrame(() => setTimeout(() => (window.usable = performance.now())));
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
_TRANSFERRED = """() => ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type))
  .reduce((sum, entry) => sum + entry.transferSize, 0)"""
# Scrolls up as fast as rows come, some hundred pixels a frame, as a finger does; resolves with what it was like.
_SCROLL = """async (last) => {
  const box = document.querySelector(".window");
  const first = () => Number(box.querySelector(".row")?.dataset.seq ?? Infinity);
  const from = first();
  let most = 0;
  for (let still = 0, before = from; first() > last; still = first() < before ? 0 : still + 1) {
    if (still > 1200) throw new Error(`no older message comes than ${first()}`);
    before = first();
    box.scrollTop -= 1200;
    await new Promise(requestAnimationFrame);
    most = Math.max(most, box.querySelectorAll("*").length);
  }
  return { rows: from - first(), most };
}"""


@dataclass(frozen=True, slots=True)
class Scene:
    """The room, the seq of its first message, and who talks there to user0, at whose screen we are."""

    room_id: RoomId
    first: Seq
    speaker: Person


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    messages: int  # in the room
    back: int  # of them that one scrolls through
    times: int  # that the first screen is opened
    rate: int  # messages a second that arrive
    seconds: float  # for which they do


def make(folder: Path, messages: int) -> Scene:
    """A channel with so many messages, all read."""

    async def fill() -> Scene:
        chat, store, hasher = open_chat(folder)
        people = await add_people(chat, 20)
        others = [person.user_id for person in people[1:]]
        room = await chat.rooms.create(people[0].user_id, RoomKind.CHANNEL, name="everybody", member_ids=others)
        head, last = room.head, room.head + messages
        while head < last:
            upto = Seq(min(head + BATCH, last))
            await store.write(append_messages(room.room_id, head, upto, people))
            head = upto
        await chat.reads.mark(people[0].user_id, room.room_id, head)
        await chat.close()
        await store.close()
        await hasher.close()
        return Scene(room.room_id, Seq(room.head + 1), people[1])

    return asyncio.run(fill())


async def until(page: Page, expression: str) -> Any:
    """The value of an expression in the page once it is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := await page.evaluate(expression):
            return found
        await asyncio.sleep(0.02)
    raise TimeoutError(expression)


async def new_window(browser: Browser, state: Any = None) -> BrowserContext:
    context = await browser.new_context(**WIDE, storage_state=state)
    await context.add_init_script(_WATCH)
    return context


async def sign_in(browser: Browser, url: str) -> Any:
    """What user0's browser keeps once they have signed in."""
    context = await new_window(browser)
    page = await context.new_page()
    await page.goto(url)
    await page.get_by_label("Username or e-mail").fill("user0")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await until(page, "window.usable")
    state = await context.storage_state(indexed_db=True)
    await context.close()
    return state


async def watched(page: Page) -> CDPSession:
    """A view into the page's process, whose times are those of its main thread's CPU."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    return devtools


async def metric(devtools: CDPSession, name: str) -> float:
    """Of the page so far: TaskDuration in seconds of CPU, JSHeapUsedSize in bytes."""
    metrics = (await devtools.send("Performance.getMetrics"))["metrics"]
    found: float = next(one["value"] for one in metrics if one["name"] == name)
    return found


async def first_screens(browser: Browser, url: str, state: Any, times: int) -> dict[str, float]:
    """Open the room in a browser that has never been here, again and again."""
    usable, transferred, busy = [], [], []
    for _ in range(times):
        context = await new_window(browser, state)
        page = await context.new_page()
        devtools = await watched(page)
        await page.goto(url)
        usable.append(await until(page, "window.usable"))
        await until(page, "document.querySelector('.window .text:not(.plain)')")  # Markdown, and with it the last file
        busy.append(await metric(devtools, "TaskDuration"))
        transferred.append(await page.evaluate(_TRANSFERRED))
        await context.close()
    return {
        "usable p50 ms": statistics.median(usable),
        "usable max ms": max(usable),
        "main thread CPU ms": statistics.median(busy) * 1000,
        "transferred kB": max(transferred) / 1000,
    }


async def stream(page: Page, server: Served, scene: Scene, plan: Plan) -> Row:
    """Somebody talks in the room that is open, at the rate of the plan."""
    devtools = await watched(page)
    await page.evaluate("window.longTasks.length = 0")
    cpu, busy = server.cpu(), await metric(devtools, "TaskDuration")
    sends: list[asyncio.Task[Message]] = []
    async with connect(f"http://127.0.0.1:{server.port}", token=scene.speaker.token) as chat:
        room = chat.room(scene.room_id)
        await room.ready()
        began = time.monotonic()
        while (passed := time.monotonic() - began) < plan.seconds:
            while len(sends) < passed * plan.rate:
                sends.append(asyncio.create_task(room.send(f"message {len(sends)} of a stream that goes on and on")))
            await asyncio.sleep(TURN)
        await asyncio.gather(*sends)
        await until(page, f"document.querySelector('.window').textContent.includes('message {len(sends) - 1} of')")
        took = time.monotonic() - began
    long_tasks = await page.evaluate("window.longTasks")
    return Row(
        f"{plan.rate} messages/s arrive",
        {
            "messages/s": len(sends) / took,
            "long tasks": len(long_tasks),
            "longest ms": max(long_tasks, default=0.0),
            "main thread CPU µs/message": (await metric(devtools, "TaskDuration") - busy) / len(sends) * 1e6,
            "server CPU µs/message": (server.cpu() - cpu) / len(sends) * 1e6,
        },
    )


async def scroll(page: Page, last: Seq, messages: int) -> list[Row]:
    """From the latest message back, through so many of them in ten parts, to `last`."""
    devtools = await watched(page)
    rows = []
    for tenth in range(9, -1, -1):
        await page.evaluate("window.longTasks.length = 0")
        began, before = time.monotonic(), await metric(devtools, "TaskDuration")
        moved = await page.evaluate(_SCROLL, last + messages * tenth // 10)
        took = time.monotonic() - began
        long_tasks = await page.evaluate("window.longTasks")
        busy = await metric(devtools, "TaskDuration") - before
        await devtools.send("HeapProfiler.collectGarbage")
        figures = {
            "messages/s": moved["rows"] / took,
            "main thread CPU µs/message": busy / moved["rows"] * 1e6,
            "heap MB": await metric(devtools, "JSHeapUsedSize") / 1e6,
            "elements": moved["most"],
            "long tasks": len(long_tasks),
            "longest ms": max(long_tasks, default=0.0),
        }
        rows.append(Row(f"{moved['rows']:,} messages back", figures))
    return rows


async def measure(server: Served, scene: Scene, plan: Plan) -> None:
    url = f"http://127.0.0.1:{server.port}/rooms/{scene.room_id}"
    async with chromium() as browser:
        state = await sign_in(browser, url)
        first = await first_screens(browser, url, state, plan.times)
        show("web", "The first screen, in a browser that was never here", [Row("open a room", first)])
        context = await new_window(browser, state)
        page = await context.new_page()
        await page.goto(url)
        await until(page, "window.usable")
        streamed = await stream(page, server, scene, plan)
        show("web-stream", "Messages that arrive in the open room", [streamed])
        back = min(plan.back, plan.messages)
        scrolled = await scroll(page, Seq(scene.first + plan.messages - back), back)
        show("web-scroll", f"Scrolling back in a room of {plan.messages:,} messages", scrolled)
        await context.close()


def main(
    messages: Annotated[int, typer.Option(min=1000, help="Messages in the room.")] = 100_000,
    back: Annotated[int, typer.Option(min=100, help="Messages to scroll through.")] = 10_000,
    times: Annotated[int, typer.Option(min=2, max=100, help="How often the first screen is opened.")] = 9,
    rate: Annotated[int, typer.Option(min=1, max=1000, help="Messages a second that arrive.")] = 200,
    seconds: Annotated[float, typer.Option(min=0.5, max=600, help="How long they arrive.")] = 10.0,
) -> None:
    """Measure the web client in Chromium."""
    plan = Plan(messages, back, times, rate, seconds)
    with TemporaryDirectory(prefix="hubbub-bench-", dir=".") as name:
        folder = Path(name).resolve()
        scene = make(folder, messages)
        with hubbub(folder, frame_rate=0) as server:
            asyncio.run(measure(server, scene, plan))


if __name__ == "__main__":
    typer.run(main)
