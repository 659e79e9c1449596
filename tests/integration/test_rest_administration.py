"""Accounts that administrators disable, over HTTP and on live sockets."""

import pytest

from hubbub.domain.ids import UserId
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from tests.integration.conftest import MakeUser
from tests.integration.servers import PASSWORD, LiveServer, Person, register
from tests.integration.sockets import Sockets

ON, OFF = {"disabled": True}, {"disabled": False}


async def appoint(live: LiveServer, person: Person) -> Person:
    """What `hubbub users grant-admin` does."""
    await live.server.chat.administration.grant_admin(UserId(person.id))
    return person


@pytest.fixture
async def root(live: LiveServer, make_user: MakeUser) -> Person:
    return await appoint(live, await make_user("root"))


async def test_disabling_ends_what_is_open_and_enabling_lets_its_owner_come_back(
    live: LiveServer, make_user: MakeUser, sockets: Sockets, root: Person
) -> None:
    ann = await make_user("ann")
    room = (await ann.client.post("/rooms", json={"kind": "group", "name": "den", "member_ids": [root.id]})).json()
    said = (await ann.client.post(f"/rooms/{room['id']}/messages", json={"text": "I was here"})).json()
    ticket = (await ann.client.post("/auth/ticket")).json()["ticket"]
    of_ann, of_root = [await sockets.open(ann), await sockets.open(ann, room["id"])], await sockets.open(root)

    disabled = await root.client.patch(f"/users/{ann.id}", json=ON)
    assert (disabled.status_code, disabled.json()["disabled"]) == (200, True)
    assert [await socket.end() for socket in of_ann] == [CloseCode.UNAUTHENTICATED] * 2
    late = await sockets.dial(f"/ws?ticket={ticket}")
    assert await late.end() == CloseCode.UNAUTHENTICATED
    assert (await ann.client.get("/rooms")).status_code == 401
    assert (await ann.client.post("/auth/refresh", json={"refresh_token": ann.refresh_token})).status_code == 401

    members = (await root.client.get(f"/rooms/{room['id']}/members")).json()["items"]
    assert [(member["user"]["username"], member["user"].get("disabled")) for member in members] == [
        ("root", None),
        ("ann", True),
    ]
    assert (await root.client.get(f"/rooms/{room['id']}/messages/{said['seq']}")).json() == said
    answered = await of_root.ask(type="send", room_id=room["id"], text="and where are you now?", client_id="1", ref=1)
    assert isinstance(answered, wire.Ack)

    enabled = await root.client.patch(f"/users/{ann.id}", json=OFF)
    assert (enabled.status_code, "disabled" in enabled.json()) == (200, False)
    assert (await ann.client.get("/rooms")).status_code == 401
    async with live.client() as client:
        assert (await client.post("/auth/login", json={"username": "ann", "password": PASSWORD})).status_code == 200


async def test_only_the_right_password_learns_that_an_account_is_disabled(
    live: LiveServer, make_user: MakeUser, root: Person
) -> None:
    ann = await make_user("ann")
    await root.client.patch(f"/users/{ann.id}", json=ON)
    async with live.client() as client:
        wrong, right = [
            await client.post("/auth/login", json={"username": "ann", "password": password})
            for password in ("wrong horse battery", PASSWORD)
        ]
    assert (wrong.status_code, wrong.json()["detail"]) == (401, "wrong username, e-mail address or password")
    assert (right.status_code, right.json()["code"]) == (403, "forbidden")
    assert right.json()["detail"] == "this account is disabled: ask whoever runs this server"


async def test_a_disabled_account_is_shown_as_one_and_offered_to_administrators_alone(
    make_user: MakeUser, root: Person
) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    room = (await ben.client.post("/rooms/direct", json={"user_id": ann.id})).json()
    await ann.client.post(f"/rooms/{room['id']}/messages", json={"text": "I go"})
    await root.client.patch(f"/users/{ann.id}", json=ON)
    room = (await ben.client.get(f"/rooms/{room['id']}")).json()
    for seen in (
        room["peer"],
        room["last_author"],
        (await ben.client.get(f"/users/{ann.id}")).json(),
        (await ben.client.get("/users", params={"id": ann.id})).json()["items"][0],
        (await root.client.get("/users", params={"q": "ann"})).json()["items"][0],
    ):
        assert (seen["username"], seen["disabled"]) == ("ann", True)
    assert (await ben.client.get("/users", params={"q": "ann"})).json()["items"] == []


async def test_who_may_not_is_told_why(live: LiveServer, make_user: MakeUser, root: Person) -> None:
    ann = await make_user("ann")
    for person, user_id, body, status, code in (
        (ann, root.id, ON, 403, "forbidden"),
        (ann, ann.id, OFF, 403, "forbidden"),
        (ann, 99, ON, 403, "forbidden"),
        (root, root.id, ON, 403, "forbidden"),
        (root, 99, ON, 404, "not_found"),
        (root, ann.id, {}, 422, "invalid"),
        (root, ann.id, {"disabled": "yes"}, 422, "invalid"),
        (root, ann.id, {"disabled": None}, 422, "invalid"),
    ):
        refused = await person.client.patch(f"/users/{user_id}", json=body)
        assert (refused.status_code, refused.json()["code"]) == (status, code)
        assert refused.headers["content-type"] == "application/problem+json"
    async with live.client() as nobody:
        assert (await nobody.patch(f"/users/{ann.id}", json=ON)).status_code == 401
    assert "disabled" not in (await ann.client.get("/users/me")).json()


async def test_an_administrator_who_is_disabled_administers_nothing(live: LiveServer, root: Person) -> None:
    other = await appoint(live, await register(live, "other"))
    assert (await root.client.patch(f"/users/{other.id}", json=ON)).status_code == 200
    assert (await other.client.patch(f"/users/{root.id}", json=ON)).status_code == 401
    await other.client.aclose()
