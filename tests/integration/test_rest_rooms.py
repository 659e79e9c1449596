"""Rooms and the directory of channels over HTTP."""

import asyncio

from tests.integration.conftest import MakeUser


async def test_a_new_room_has_a_location_and_its_creator_as_owner(make_user: MakeUser) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    body = {"kind": "group", "name": "Garden", "topic": "Tomatoes", "member_ids": [ben.id]}
    created = await ann.client.post("/rooms", json=body)
    assert created.status_code == 201
    room = created.json()
    assert created.headers["location"] == f"/rooms/{room['id']}"
    assert {key: room[key] for key in ("kind", "name", "topic", "role", "head", "base", "read_seq", "unread")} == {
        "kind": "group",
        "name": "Garden",
        "topic": "Tomatoes",
        "role": "owner",
        "head": 3,
        "base": 0,
        "read_seq": 2,
        "unread": 0,
    }
    assert (await ann.client.get(created.headers["location"])).json() == room
    assert (await ben.client.get(created.headers["location"])).json()["role"] == "member"


async def test_a_room_that_breaks_a_rule_is_refused(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    bodies: list[dict[str, object]] = [
        {"kind": "direct", "name": "x"},
        {"kind": "group"},
        {"kind": "group", "name": ""},
        {"kind": "group", "name": "x", "history": "some"},
        {"kind": "group", "name": "x", "member_ids": [True]},
        {"kind": "group", "name": "x", "member_ids": ["2"]},
        {"kind": "group", "name": "x", "member_ids": [0]},
        {"kind": "group", "name": "x", "member_ids": [2**53]},
        {"kind": "group", "name": "x", "member_ids": list(range(1, 202))},
    ]
    for body in bodies:
        answer = await ann.client.post("/rooms", json=body)
        assert (body, answer.status_code, answer.json()["code"]) == (body, 422, "invalid")
    assert (await ann.client.get("/rooms")).json()["items"] == []


async def test_a_room_with_an_unknown_member_is_refused(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    answer = await ann.client.post("/rooms", json={"kind": "group", "name": "x", "member_ids": [99]})
    assert answer.status_code == 404


async def test_a_direct_room_is_made_once_however_often_it_is_asked_for(make_user: MakeUser) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    answers = await asyncio.gather(
        *(ann.client.post("/rooms/direct", json={"user_id": ben.id}) for _ in range(3)),
        *(ben.client.post("/rooms/direct", json={"user_id": ann.id}) for _ in range(3)),
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert {answer.headers["location"] for answer in answers} == {f"/rooms/{answers[0].json()['id']}"}
    assert answers[0].json()["peer"]["username"] == "ben"
    assert answers[-1].json()["peer"]["username"] == "ann"


async def test_a_direct_room_is_between_two_people_who_exist(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    assert (await ann.client.post("/rooms/direct", json={"user_id": ann.id})).status_code == 422
    assert (await ann.client.post("/rooms/direct", json={"user_id": 99})).status_code == 404


async def test_rooms_are_listed_with_the_latest_event_first_in_pages(make_user: MakeUser) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    ids = []
    for number in range(3):
        body = {"kind": "group", "name": f"room {number}", "member_ids": [ben.id]}
        ids.append((await ann.client.post("/rooms", json=body)).json()["id"])
    await ben.client.post(f"/rooms/{ids[0]}/messages", json={"text": "hi"})
    first = (await ann.client.get("/rooms", params={"limit": 2})).json()
    second = (await ann.client.get("/rooms", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [room["id"] for room in first["items"] + second["items"]] == [ids[0], ids[2], ids[1]]
    assert second["next_cursor"] is None
    latest = first["items"][0]
    assert (latest["unread"], latest["last_message"]["text"], latest["last_author"]["username"]) == (1, "hi", "ben")
    assert latest["last_message"]["version"] == latest["last_message"]["seq"]


async def test_a_change_leaves_what_it_does_not_name(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    room = (await ann.client.post("/rooms", json={"kind": "group", "name": "a", "topic": "b"})).json()
    changed = await ann.client.patch(f"/rooms/{room['id']}", json={"topic": "c"})
    assert (changed.status_code, changed.json()["name"], changed.json()["topic"]) == (200, "a", "c")


async def test_a_deleted_room_is_gone_for_everybody(make_user: MakeUser) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    body = {"kind": "group", "name": "a", "member_ids": [ben.id]}
    path = (await ann.client.post("/rooms", json=body)).headers["location"]
    assert (await ann.client.delete(path)).status_code == 204
    assert (await ann.client.get(path)).status_code == 404
    assert (await ben.client.get(path)).status_code == 404
    assert (await ben.client.get("/rooms")).json()["items"] == []


async def test_a_read_mark_moves_on_and_never_back(make_user: MakeUser) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    body = {"kind": "group", "name": "a", "member_ids": [ben.id]}
    room = (await ann.client.post("/rooms", json=body)).json()
    path = f"/rooms/{room['id']}"
    for text in ("one", "two"):
        await ann.client.post(f"{path}/messages", json={"text": text})
    assert (await ben.client.get(path)).json()["unread"] == 2
    marks = [(await ben.client.put(f"{path}/read", json={"seq": seq})).json() for seq in (4, 2, 9_000)]
    assert marks == [{"room_id": room["id"], "read_seq": seq} for seq in (4, 4, 5)]
    assert (await ben.client.get(path)).json()["unread"] == 0


async def test_the_directory_lists_channels_to_everybody(make_user: MakeUser) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    for kind, name in (("channel", "general"), ("group", "secret"), ("channel", "garden"), ("channel", "other")):
        await ann.client.post("/rooms", json={"kind": kind, "name": name})
    first = (await ben.client.get("/channels", params={"limit": 2})).json()
    second = (await ben.client.get("/channels", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [channel["name"] for channel in first["items"] + second["items"]] == ["general", "garden", "other"]
    assert first["items"][0]["members"] == 1
    found = (await ben.client.get("/channels", params={"q": "GARD"})).json()
    assert [channel["name"] for channel in found["items"]] == ["garden"]
