"""Who may do what, over HTTP: every kind of caller on every route of a room."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from tests.integration.conftest import MakeUser
from tests.integration.servers import LiveServer, Person

CALLERS = ("anonymous", "outsider", "removed", "member", "admin", "owner")
IN_ROOM = ("admin", "member", "removed", "other")


class Call(NamedTuple):
    """In the path `{other}` is a plain member, who has written `{message}`; `{newcomer}` is not in the room."""

    method: str
    path: str
    body: dict[str, object] | None = None


Table: TypeAlias = Sequence[tuple[Call, tuple[int, ...]]]

GROUP: Table = [
    (Call("GET", ""), (401, 404, 404, 200, 200, 200)),
    (Call("PATCH", "", {"topic": "x"}), (401, 404, 404, 403, 200, 200)),
    (Call("DELETE", ""), (401, 404, 404, 403, 403, 204)),
    (Call("PUT", "/read", {"seq": 1}), (401, 404, 404, 200, 200, 200)),
    (Call("GET", "/members"), (401, 404, 404, 200, 200, 200)),
    (Call("PUT", "/members/{newcomer}"), (401, 404, 404, 403, 201, 201)),
    (Call("PUT", "/members/{newcomer}", {"role": "admin"}), (401, 404, 404, 403, 403, 201)),
    (Call("PUT", "/members/{other}", {"role": "admin"}), (401, 404, 404, 403, 403, 200)),
    (Call("PUT", "/members/me"), (401, 404, 404, 200, 200, 200)),
    (Call("PUT", "/members/me", {"role": "owner"}), (401, 404, 404, 403, 403, 200)),
    (Call("DELETE", "/members/{other}"), (401, 404, 404, 403, 204, 204)),
    (Call("DELETE", "/members/me"), (401, 404, 404, 204, 204, 409)),
    (Call("GET", "/messages"), (401, 404, 404, 200, 200, 200)),
    (Call("POST", "/messages", {"text": "hi"}), (401, 404, 404, 201, 201, 201)),
    (Call("GET", "/messages/{message}"), (401, 404, 404, 200, 200, 200)),
    (Call("PATCH", "/messages/{message}", {"text": "ho"}), (401, 404, 404, 403, 403, 403)),
    (Call("DELETE", "/messages/{message}"), (401, 404, 404, 403, 204, 204)),
    (Call("GET", "/events"), (401, 404, 404, 200, 200, 200)),
]
JOIN = Call("PUT", "/members/me")


# That a channel exists is no secret: strangers are told to join. Joining is the next test.
CHANNEL: Table = [
    (call, tuple(403 if status == 404 else status for status in expected))
    for call, expected in GROUP
    if (call.method, call.path) != (JOIN.method, JOIN.path)
]


async def test_a_group_does_not_exist_for_strangers(live: LiveServer, make_user: MakeUser) -> None:
    assert await statuses(live, make_user, "group", GROUP) == by_caller(GROUP)


async def test_a_channel_tells_strangers_to_join(live: LiveServer, make_user: MakeUser) -> None:
    assert await statuses(live, make_user, "channel", CHANNEL) == by_caller(CHANNEL)


async def test_anyone_who_is_signed_in_joins_a_channel(live: LiveServer, make_user: MakeUser) -> None:
    table = [(JOIN, (401, 201, 201, 200, 200, 200))]
    assert await statuses(live, make_user, "channel", table) == by_caller(table)


async def test_a_direct_room_is_its_two_people_for_ever(make_user: MakeUser) -> None:
    ann, ben, cleo = [await make_user(name) for name in ("ann", "ben", "cleo")]
    path = (await ann.client.post("/rooms/direct", json={"user_id": ben.id})).headers["location"]
    assert (await cleo.client.get(path)).status_code == 404
    for call in (
        Call("PATCH", path, {"name": "x"}),
        Call("DELETE", path),
        Call("PUT", f"{path}/members/{cleo.id}"),
        Call("DELETE", f"{path}/members/{ben.id}"),
        Call("DELETE", f"{path}/members/me"),
    ):
        answer = await ann.client.request(call.method, call.path, json=call.body)
        assert (call, answer.status_code) == (call, 403)


def by_caller(table: Table) -> dict[str, dict[str, int]]:
    return {str(call): dict(zip(CALLERS, expected, strict=True)) for call, expected in table}


async def statuses(live: LiveServer, make_user: MakeUser, kind: str, table: Table) -> dict[str, dict[str, int]]:
    """What each caller of each call is answered, every time in a new room of this kind."""
    people = {name: await make_user(name) for name in (*CALLERS[1:], "other", "newcomer")}
    found: dict[str, dict[str, int]] = {}
    async with live.client() as stranger:
        for call, _ in table:
            found[str(call)] = {}
            for caller in CALLERS:
                path, names = await new_room(people, kind)
                client = people[caller].client if caller in people else stranger
                answer = await client.request(call.method, path + call.path.format_map(names), json=call.body)
                found[str(call)][caller] = answer.status_code
    return found


async def new_room(people: dict[str, Person], kind: str) -> tuple[str, dict[str, int]]:
    """The path of a room with all of them in their places, and what the names in a call's path stand for."""
    ids = {name: person.id for name, person in people.items()}
    owner = people["owner"].client
    body = {"kind": kind, "name": "x", "member_ids": [ids[name] for name in IN_ROOM]}
    path = (await owner.post("/rooms", json=body)).headers["location"]
    assert (await owner.put(f"{path}/members/{ids['admin']}", json={"role": "admin"})).status_code == 200
    assert (await owner.delete(f"{path}/members/{ids['removed']}")).status_code == 204
    posted = await people["other"].client.post(f"{path}/messages", json={"text": "hi"})
    return path, {**ids, "message": posted.json()["seq"]}
