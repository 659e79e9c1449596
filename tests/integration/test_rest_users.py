"""Profiles over HTTP."""

from tests.integration.conftest import MakeUser
from tests.integration.servers import PASSWORD


async def test_an_email_address_is_shown_to_its_owner_alone(make_user: MakeUser) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    own = (await ann.client.get("/users/me")).json()
    assert own["email"] == "ann@example.org"
    assert (await ann.client.get(f"/users/{ann.id}")).json() == own
    seen = (await ben.client.get(f"/users/{ann.id}")).json()
    assert seen == {key: value for key, value in own.items() if key != "email"}


async def test_an_unknown_user_is_not_found(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    assert (await ann.client.get("/users/99")).status_code == 404


async def test_a_profile_changes_where_it_is_told_to(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    changed = await ann.client.patch("/users/me", json={"display_name": "Ann Lee"})
    assert changed.status_code == 200
    assert (changed.json()["display_name"], changed.json()["email"]) == ("Ann Lee", "ann@example.org")
    assert (await ann.client.get("/users/me")).json() == changed.json()


async def test_another_email_address_needs_the_password(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    change = {"email": "lee@example.org"}
    without = await ann.client.patch("/users/me", json=change)
    assert (without.status_code, without.json()["errors"][0]["field"]) == (403, "password")
    with_password = await ann.client.patch("/users/me", json={**change, "password": PASSWORD})
    assert with_password.json()["email"] == "lee@example.org"


async def test_another_email_address_must_be_free(make_user: MakeUser) -> None:
    ann, _ = await make_user("ann"), await make_user("ben")
    taken = await ann.client.patch("/users/me", json={"email": "ben@example.org", "password": PASSWORD})
    assert (taken.status_code, taken.json()["code"]) == (409, "conflict")


async def test_people_are_found_by_their_ids_and_who_does_not_exist_is_left_out(make_user: MakeUser) -> None:
    ann, ben, eve = [await make_user(name) for name in ("ann", "ben", "eve")]
    params: dict[str, str | int | list[int]] = {"id": [eve.id, 99, ann.id, eve.id], "q": "ben", "limit": 1}
    page = (await ben.client.get("/users", params=params)).json()
    assert [user["username"] for user in page["items"]] == ["ann", "eve"]
    assert page["next_cursor"] is None
    assert [user.get("email") for user in page["items"]] == [None, None]


async def test_at_most_200_people_are_asked_for_at_once(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    assert (await ann.client.get("/users", params={"id": list(range(1, 201))})).status_code == 200
    for ids in (list(range(1, 202)), ["x"], [0], ["1,2"]):
        refused = await ann.client.get("/users", params={"id": ids})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid")


async def test_users_are_found_by_part_of_a_name_in_pages(make_user: MakeUser) -> None:
    anna = await make_user("anna")
    for name in ("ben", "dan", "hannah"):
        await make_user(name)
    names = []
    cursor: str | None = None
    while True:
        params = {"q": "AN", "limit": "2"} | ({} if cursor is None else {"cursor": cursor})
        page = (await anna.client.get("/users", params=params)).json()
        names.append([user["username"] for user in page["items"]])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert names == [["anna", "dan"], ["hannah"]]
