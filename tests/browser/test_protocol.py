"""What the page says on its socket: nothing is waited for in vain, and no read mark is lost with a connection."""

from tests.browser.conftest import MakeUser, OpenWindow
from tests.browser.proxies import Wire
from tests.browser.tabs import until
from tests.browser.test_store import found_room, in_room, say

# A join that is answered after nobody wants the room any more, by one frame and by two.
UNWANTED = """(() => {
  const nothing = () => undefined;
  const listener = { applied: nothing, joined: nothing, caughtUp: nothing, reset: nothing, ended: nothing };
  const joined = { type: "joined", room_id: 9, epoch: "e", head: 1, base: 0, read_seq: 0, role: "member" };
  const events = { type: "events", room_id: 9, more: false, events: [] };
  const answers = [
    (p, ref) => (p.unfollow(9), p.received({ ...joined, ref, replay: null }, 2)),
    (p, ref) => (p.unfollow(9), p.received({ ...joined, ref, replay: [1, 1] }, 2), p.received({ ...events, ref }, 3)),
    (p, ref) => (p.received({ type: "behind", room_id: 9 }, 2), p.received({ ...events, ref }, 3)),
    (p, ref) => (p.follow(9, 0, "e"), p.received({ ...joined, ref, replay: null }, 2)),
  ];
  return answers.map((answer) => {
    const p = new m.Protocol(listener);
    p.welcome({ epoch: "e", limits: { frame: 65536, inflight: 64, frame_rate: 50, frame_burst: 200 } });
    p.follow(9, 0, "e");
    const { ref } = JSON.parse(p.next(1));
    const before = p.lateAt;
    answer(p, ref);
    return [before < Infinity, p.lateAt < Infinity];
  });
})()"""


async def test_an_answer_that_nobody_wants_any_more_is_not_waited_for(
    open_window: OpenWindow, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    _, page = await in_room(open_window, ann, await found_room(ann, bob))
    assert await page.call("../io/protocol", UNWANTED) == [[True, False]] * 4


async def test_a_mark_that_was_made_without_a_connection_is_told_on_the_next(
    open_window: OpenWindow, make_user: MakeUser, wire: Wire
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room, quiet = await found_room(ann, bob), await found_room(ann, bob)
    _, page = await in_room(open_window, ann, room)
    [seq] = await say(bob, quiet, "psst")
    await page.until("rooms", "m.roomView(a).value.unread === 1", quiet)
    wire.cut()
    await page.until("live", "m.connection.value.status !== 'live'")
    assert await page.call("sync", "m.heldRoom(a[0]).read(a[1])", [quiet, seq])  # as another tab tells of it
    wire.restore()

    async def told() -> bool:
        return bool((await ann.client.get(f"/rooms/{quiet}")).json()["read_seq"] == seq)

    await until(told, "the mark")
