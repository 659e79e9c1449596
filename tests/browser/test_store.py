"""The store of the page against a real server: what it shows is what the server has, whatever happens in between."""

import asyncio
import json
from random import Random
from typing import Any

from playwright.async_api import Route

from hubbub.domain.ids import RoomId, UserId
from hubbub.services.changes import Draft
from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.engine import Engine, engine
from tests.browser.proxies import DeafSockets, Wire
from tests.browser.tabs import Tab, until
from tests.integration.servers import LiveServer, Person


async def found_room(*people: Person) -> int:
    others = [person.id for person in people[1:]]
    answer = await people[0].client.post("/rooms", json={"kind": "group", "name": "tea", "member_ids": others})
    room_id: int = answer.raise_for_status().json()["id"]
    return room_id


async def say(person: Person, room_id: int, *texts: str) -> list[int]:
    """The seqs of what this person says by REST."""
    seqs = []
    for text in texts:
        answer = await person.client.post(f"/rooms/{room_id}/messages", json={"text": text})
        seqs.append(answer.raise_for_status().json()["seq"])
    return seqs


async def flood(live: LiveServer, person: Person, room_id: int, *texts: str) -> list[int]:
    """The same without HTTP, which is quicker."""
    post = live.server.chat.messages.post
    return [(await post(UserId(person.id), RoomId(room_id), Draft(text))).message.seq for text in texts]


async def in_room(open_window: OpenWindow, person: Person, room_id: int) -> tuple[Tab, Engine]:
    """A page in which this person has the room open."""
    tab = await open_window(f"/rooms/{room_id}")
    page = engine(tab)
    await page.sign_in(person.username)
    await opened(page, room_id)
    return tab, page


async def in_room_through(
    sockets: DeafSockets, open_window: OpenWindow, person: Person, room_id: int
) -> tuple[Tab, Engine]:
    """The same with these sockets between the page and its server."""
    tab = await open_window("/")
    await tab.page.route_web_socket("**/ws", sockets.connect)
    await tab.page.goto(f"{tab.origin}/rooms/{room_id}")
    page = engine(tab)
    await page.sign_in(person.username)
    await page.caught_up(room_id)
    return tab, page


async def opened(page: Engine, room_id: int) -> None:
    await page.until("rooms", "m.current.value === a", room_id)
    await page.until("timelines", "m.timeline(a).status.value === 'ready'", room_id)


async def beside(tab: Tab, path: str) -> Engine:
    """Another tab in the same window."""
    page = await tab.page.context.new_page()
    await page.goto(tab.origin + path)
    return Engine(page)


async def history(person: Person, room_id: int) -> list[dict[str, Any]]:
    """All messages of a room, the oldest first."""
    found: list[dict[str, Any]] = []
    before: dict[str, int] = {}
    while page := (await person.client.get(f"/rooms/{room_id}/messages", params={"limit": 200, **before})).json()[
        "items"
    ]:
        found.extend(page)
        before = {"before": page[-1]["seq"]}
    return list(reversed(found))


async def test_the_log_of_the_page_is_the_log_of_the_server(open_window: OpenWindow, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    _, page = await in_room(open_window, ann, room)
    await say(bob, room, "one", "two")
    await page.say(room, "three", "four")
    await page.shows(room, "one", "two", "three", "four")
    [seq, *_] = await say(bob, room, "five")
    await bob.client.patch(f"/rooms/{room}/messages/{seq}", json={"text": "FIVE"})
    await bob.client.delete(f"/rooms/{room}/messages/{seq}")
    await page.shows(room, "one", "two", "three", "four", "")
    log = await page.page.evaluate("(room) => hubbub.log(room)", room)
    events = (await ann.client.get(f"/rooms/{room}/events", params={"after": log["base"]})).json()

    def facts(event: dict[str, Any]) -> Any:
        """A live message has the text of its time, a message of the log that of now."""
        return {key: value for key, value in event.items() if key not in ("type", "room_id", "message", "text")}

    assert list(map(facts, log["events"])) == list(map(facts, events["items"]))
    assert log["head"] == events["head"] == log["shown"]


async def test_a_window_that_moves_at_random_is_always_a_part_of_the_history(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    random = Random(4)
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    await flood(live, bob, room, *(f"message {number}" for number in range(900)))
    _, page = await in_room(open_window, ann, room)
    moves = ["loadOlder()", "loadNewer()", "jumpToLatest()", "jumpTo({})", "reload()", "view({}, {} + 30, false)"]
    for _ in range(25):
        seqs = [message["seq"] for message in await history(bob, room)]
        move = random.choice(moves).format(seq := random.choice(seqs), seq)
        await page.call("timelines", f"m.timeline(a).{move}", room)
        await flood(live, bob, room, f"new {seq}")
        await bob.client.patch(f"/rooms/{room}/messages/{random.choice(seqs)}", json={"text": f"edited {seq}"})
        await bob.client.delete(f"/rooms/{room}/messages/{random.choice(seqs)}")
        await agrees(page, bob, room)
    sizes = await page.call("timelines", "m.timeline(a).rows.value.length", room)
    assert 60 <= sizes <= 1200


async def agrees(page: Engine, person: Person, room_id: int) -> None:
    """Wait until the window is a part of the history, without a hole, and reaches its end where it says so."""
    wanted = await history(person, room_id)
    head = (await person.client.get(f"/rooms/{room_id}")).json()["head"]

    async def look() -> bool:
        state = await page.call(
            "timelines",
            """(({ state, atEnd, atStart, loadingOlder, loadingNewer, rows }) => ({
                 head: state.head, atEnd: atEnd.value, atStart: atStart.value,
                 busy: loadingOlder.value || loadingNewer.value, rows: rows.value.map(({ message }) => message),
               }))(m.timeline(a))""",
            room_id,
        )
        rows = [{"version": row["seq"], **row} for row in state["rows"]]
        if state["head"] != head or state["busy"] or not rows:
            return False
        part = [row for row in wanted if rows[0]["seq"] <= row["seq"] <= rows[-1]["seq"]]
        ends = (not state["atEnd"] or part[-1] == wanted[-1]) and (not state["atStart"] or part[0] == wanted[0])
        return rows == part and ends

    await until(look, "the window is a part of the history")


async def test_a_flood_is_shown_from_its_end_and_nothing_is_missing(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    _, page = await in_room(open_window, ann, room)
    await flood(live, bob, room, *(f"message {number}" for number in range(1500)))
    await agrees(page, bob, room)
    assert (await page.texts(room))[-1] == "message 1499"


async def test_a_room_that_moved_far_on_is_shown_from_its_end_after_a_cut(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer, wire: Wire
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    [first] = await say(bob, room, "before")
    _, page = await in_room(open_window, ann, room)
    wire.cut()
    await flood(live, bob, room, *(f"message {number}" for number in range(400)))
    await bob.client.patch(f"/rooms/{room}/messages/{first}", json={"text": "edited"})
    wire.restore()
    await page.live()
    await agrees(page, bob, room)
    assert (await page.texts(room))[-1] == "message 399"
    await page.call("timelines", "m.timeline(a[0]).jumpTo(a[1])", [room, first])
    assert (await page.texts(room))[0] == "edited"


async def test_what_was_acknowledged_just_before_a_room_moved_far_on_is_not_said_to_be_on_its_way(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await found_room(ann, bob)
    sockets = DeafSockets()
    _, page = await in_room_through(sockets, open_window, ann, room)
    sockets.deaf = True
    await page.say(room, "acknowledged")
    await sockets.acknowledged.wait()
    await flood(live, bob, room, *(f"message {number}" for number in range(220)))
    sockets.deaf = False
    await sockets.close()
    await page.until("live", "m.outbox.of(a).length === 0", room)
    await agrees(page, bob, room)


async def test_unread_messages_are_counted_as_the_server_counts_them(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    quiet, other = await found_room(ann, bob), await found_room(ann, bob)
    _, page = await in_room(open_window, ann, other)
    seqs = await say(bob, quiet, *"abcdef")
    await say(ann, quiet, "mine")

    async def counts() -> bool:
        server = (await ann.client.get(f"/rooms/{quiet}")).json()
        view = await page.call("rooms", "m.roomView(a).value", quiet)
        return all(view[key] == server[key] for key in ("unread", "read_seq", "head", "last_at"))

    await until(counts, "as the server counts")
    await bob.client.delete(f"/rooms/{quiet}/messages/{seqs[1]}")
    await until(counts, "less what was deleted")
    await ann.client.put(f"/rooms/{quiet}/read", json={"seq": seqs[3]})
    await until(counts, "less what was read on another device")
    await bob.client.delete(f"/rooms/{quiet}/messages/{seqs[0]}")
    await bob.client.delete(f"/rooms/{quiet}/messages/{seqs[5]}")
    await until(counts, "what was read and is deleted does not count twice")
    await page.call("rooms", "m.markRead(...a)", [quiet, seqs[4]])
    await until(counts, "the mark of this page")
    await page.call("rooms", "m.markRead(...a)", [quiet, seqs[2]])
    await ann.client.put(f"/rooms/{quiet}/read", json={"seq": seqs[2]})
    await until(counts, "a mark never goes back")
    assert (await page.call("rooms", "m.roomView(a).value.unread", quiet)) == 0


async def test_the_number_of_new_messages_falls_as_they_are_seen(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room, other = await found_room(ann, bob), await found_room(ann, bob)
    seqs = await flood(live, bob, room, *map(str, range(300)))
    _, page = await in_room(open_window, ann, other)
    await page.until("rooms", "m.roomView(a).value.unread === 300", room)
    await page.call("rooms", "m.openRoom(a)", room)
    await opened(page, room)
    await page.call("timelines", "m.timeline(a[0]).view(...a[1])", [room, [seqs[0], seqs[9], False]])
    assert await page.call("timelines", "m.timeline(a).newCount.value", room) == 290
    await page.call("rooms", "m.openRoom(a)", other)
    await ann.client.put(f"/rooms/{room}/read", json={"seq": seqs[199]})
    await page.until("timelines", "m.timeline(a).newCount.value === 100", room)
    assert (await ann.client.get(f"/rooms/{room}")).json()["unread"] == 100


async def test_the_server_is_told_each_mark_once(open_window: OpenWindow, make_user: MakeUser) -> None:
    """The timer of the second room ends after that of the first one, so what that one sends is there by then."""
    ann, bob = await make_user("ann"), await make_user("bob")
    one, two = await found_room(ann, bob), await found_room(ann, bob)
    [seq], [first, second] = await say(bob, one, "a"), await say(bob, two, "a", "b")
    marks: list[tuple[int, int]] = []

    def note(text: str | bytes) -> None:
        frame = json.loads(text)
        if frame["type"] == "read":
            marks.append((frame["room_id"], frame["seq"]))

    tab = await open_window("/")
    tab.page.on("websocket", lambda socket: socket.on("framesent", note))
    page = engine(tab)
    await page.sign_in("ann")
    await page.until("rooms", "m.unreadTotal.value === 3")
    for room in (one, two):
        await page.caught_up(room)  # a mark that was made before it joins a room is told once more
    await page.call("rooms", "a.forEach((mark) => m.markRead(...mark))", [[one, seq], [two, first], [two, second]])
    await page.until("rooms", "m.unreadTotal.value === 0")

    async def last() -> bool:
        return (two, second) in marks

    await until(last, "the last mark on the wire")
    assert marks == [(one, seq), (two, first), (two, second)]


async def test_members_that_were_asked_for_earlier_do_not_take_the_place_of_later_ones(
    open_window: OpenWindow, make_user: MakeUser, live: LiveServer, wire: Wire
) -> None:
    ann, bob, cat = [await make_user(name) for name in ("ann", "bob", "cat")]
    room = await found_room(ann, bob, cat)
    tab, page = await in_room(open_window, ann, room)
    await page.until("members", "m.members(a).list.value.length === 3", room)
    asked, answered = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        answer = await route.fetch()
        asked.set()
        await answered.wait()
        await route.fulfill(response=answer)

    await tab.page.route("**/members?*", late, times=1)
    await page.call("members", "void m.members(a).load()", room)
    await asked.wait()
    wire.cut()
    await ann.client.delete(f"/rooms/{room}/members/{bob.id}")
    await flood(live, cat, room, *(f"message {number}" for number in range(230)))  # more than are asked for
    wire.restore()
    await page.live()
    await page.caught_up(room)
    async with tab.page.expect_response("**/members?*"):
        answered.set()
    await page.until("members", "m.members(a).list.value.map(({ user }) => user.username).join() === 'ann,cat'", room)


async def test_a_room_of_which_one_is_removed_or_which_is_deleted_says_so(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    rooms = [await found_room(ann, bob) for _ in range(3)]
    tab, page = await in_room(open_window, bob, rooms[0])
    for room in rooms:
        await page.caught_up(room)
    await page.call("announce", "void m.toasts.subscribe((all) => (window.told ??= []).push(all.at(-1)?.key))")
    await ann.client.delete(f"/rooms/{rooms[0]}/members/{bob.id}")
    await page.until("timelines", "m.timeline(a).gone.value === 'removed'", rooms[0])
    await page.call("rooms", "m.openRoom(a)", rooms[1])
    await ann.client.delete(f"/rooms/{rooms[1]}")
    await page.until("timelines", "m.timeline(a).gone.value === 'deleted'", rooms[1])
    other = await beside(tab, f"/rooms/{rooms[2]}")
    await opened(other, rooms[2])
    await other.caught_up(rooms[2])
    await bob.client.delete(f"/rooms/{rooms[2]}/members/me")
    await other.until("timelines", "m.timeline(a).gone.value === 'left'", rooms[2])
    await page.until("rooms", "m.rooms.value.length === 0")  # another page, which is told by itself
    assert {"toast.removed", "toast.deleted"} <= set(await page.page.evaluate("told"))
    await ann.client.put(f"/rooms/{rooms[0]}/members/{bob.id}", json={})
    await page.until("rooms", "m.rooms.value.length === 1")
    await tab.was_shut_out(3)


async def test_who_was_removed_while_away_learns_it_when_they_come_back(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    gone, stays = await found_room(ann, bob), await found_room(ann, bob)
    _, page = await in_room(open_window, bob, gone)
    wire.cut()
    await ann.client.delete(f"/rooms/{gone}/members/{bob.id}")
    wire.restore()
    await page.until("timelines", "m.timeline(a).gone.value === 'removed'", gone)
    assert await page.call("rooms", "m.rooms.value.map(({ id }) => id)") == [stays]
