"""Members of a room over HTTP."""

from tests.integration.conftest import MakeUser


async def test_anyone_joins_a_channel_and_leaves_it_as_me(make_user: MakeUser) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    path = (await ann.client.post("/rooms", json={"kind": "channel", "name": "general"})).headers["location"]
    joined = await ben.client.put(f"{path}/members/me")
    assert joined.status_code == 201
    assert joined.headers["location"] == f"{path}/members/{ben.id}"
    assert (joined.json()["user"]["username"], joined.json()["role"], joined.json()["joined_seq"]) == (
        "ben",
        "member",
        3,
    )
    again = await ben.client.put(f"{path}/members/me")
    assert (again.status_code, again.json()) == (200, joined.json())
    assert (await ben.client.delete(f"{path}/members/me")).status_code == 204
    assert (await ben.client.get(path)).status_code == 403


async def test_members_are_listed_by_id_in_pages(make_user: MakeUser) -> None:
    people = [await make_user(name) for name in ("ann", "ben", "cleo")]
    body = {"kind": "group", "name": "a", "member_ids": [person.id for person in people[1:]]}
    path = (await people[0].client.post("/rooms", json=body)).headers["location"]
    first = (await people[1].client.get(f"{path}/members", params={"limit": 2})).json()
    params = {"limit": 2, "cursor": first["next_cursor"]}
    second = (await people[1].client.get(f"{path}/members", params=params)).json()
    listed = [(member["user"]["username"], member["role"]) for member in first["items"] + second["items"]]
    assert listed == [("ann", "owner"), ("ben", "member"), ("cleo", "member")]
    assert second["next_cursor"] is None


async def test_members_come_with_how_far_they_have_read(make_user: MakeUser) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    body = {"kind": "group", "name": "a", "member_ids": [ben.id]}
    path = (await ann.client.post("/rooms", json=body)).headers["location"]
    seq = (await ann.client.post(f"{path}/messages", json={"text": "hello"})).json()["seq"]
    assert (await ben.client.put(f"{path}/read", json={"seq": seq})).status_code == 200
    for one in (ann, ben):
        items = (await one.client.get(f"{path}/members")).json()["items"]
        assert [(member["user"]["username"], member["read_seq"]) for member in items] == [("ann", 2), ("ben", seq)]
    kept = (await ann.client.put(f"{path}/members/{ben.id}", json={"role": "admin"})).json()
    assert (kept["joined_seq"], kept["read_seq"]) == (3, seq)


async def test_a_member_is_added_given_a_role_and_removed(make_user: MakeUser) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    path = (await ann.client.post("/rooms", json={"kind": "group", "name": "a"})).headers["location"]
    added = await ann.client.put(f"{path}/members/{ben.id}", json={"role": "admin"})
    assert (added.status_code, added.json()["role"]) == (201, "admin")
    kept = await ann.client.put(f"{path}/members/{ben.id}", json={})
    assert (kept.status_code, kept.json()["role"]) == (200, "admin")
    lowered = await ann.client.put(f"{path}/members/{ben.id}", json={"role": "member"})
    assert (lowered.status_code, lowered.json()["role"]) == (200, "member")
    assert (await ann.client.delete(f"{path}/members/{ben.id}")).status_code == 204
    assert (await ben.client.get(path)).status_code == 404


async def test_the_owner_hands_the_room_over_before_leaving(make_user: MakeUser) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    body = {"kind": "group", "name": "a", "member_ids": [ben.id]}
    path = (await ann.client.post("/rooms", json=body)).headers["location"]
    stuck = await ann.client.delete(f"{path}/members/me")
    assert (stuck.status_code, stuck.json()["code"]) == (409, "conflict")
    assert (await ann.client.put(f"{path}/members/{ben.id}", json={"role": "owner"})).status_code == 200
    assert (await ann.client.delete(f"{path}/members/{ann.id}")).status_code == 204
    assert (await ben.client.get(path)).json()["role"] == "owner"


async def test_who_does_not_exist_or_is_no_member_is_not_found(make_user: MakeUser) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    path = (await ann.client.post("/rooms", json={"kind": "group", "name": "a"})).headers["location"]
    assert (await ann.client.put(f"{path}/members/99")).status_code == 404
    assert (await ann.client.delete(f"{path}/members/{ben.id}")).status_code == 404


async def test_a_role_that_does_not_exist_and_a_user_that_is_no_number_are_refused(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    path = (await ann.client.post("/rooms", json={"kind": "group", "name": "a"})).headers["location"]
    assert (await ann.client.put(f"{path}/members/me", json={"role": "king"})).status_code == 422
    assert (await ann.client.put(f"{path}/members/you")).status_code == 404
