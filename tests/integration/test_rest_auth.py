"""Register, sign in, stay signed in, sign out, over HTTP."""

from pathlib import Path

import httpx2

from tests.integration.conftest import MakeUser
from tests.integration.servers import PASSWORD, LiveServer, serving, settings_in

ANN = {"username": "ann", "email": "ann@example.org", "password": PASSWORD}


async def test_register_answers_with_the_user_and_their_location(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/auth/register", json={**ANN, "display_name": "Ann Lee"})
    assert answer.status_code == 201
    user = answer.json()
    assert answer.headers["location"] == f"/users/{user['id']}"
    assert (user["username"], user["display_name"], user["email"]) == ("ann", "Ann Lee", "ann@example.org")
    assert "password" not in answer.text


async def test_register_refuses_a_name_that_is_taken_whatever_its_case(client: httpx2.AsyncClient) -> None:
    await client.post("/auth/register", json=ANN)
    answer = await client.post("/auth/register", json={**ANN, "username": "ANN", "email": "other@example.org"})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_register_names_the_field_that_breaks_a_rule(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/auth/register", json={**ANN, "username": "no spaces"})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["username"]


async def test_a_closed_server_takes_no_registrations(tmp_path: Path) -> None:
    async with serving(settings_in(tmp_path, registration="closed")) as live, live.client() as client:
        answer = await client.post("/auth/register", json=ANN)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_login_takes_the_form_of_a_password_grant(client: httpx2.AsyncClient) -> None:
    await client.post("/auth/register", json=ANN)
    for login in ("ann", "ANN", "ann@example.org"):
        form = {"grant_type": "password", "username": login, "password": PASSWORD, "scope": ""}
        answer = await client.post("/auth/login", data=form)
        assert answer.status_code == 200
        grant = answer.json()
        assert set(grant) == {"access_token", "token_type", "expires_in", "refresh_token"}
        assert (grant["token_type"], 0 < grant["expires_in"] <= 900) == ("bearer", True)
        assert answer.headers["cache-control"] == "no-store"


async def test_login_takes_json(client: httpx2.AsyncClient) -> None:
    await client.post("/auth/register", json=ANN)
    answer = await client.post("/auth/login", json={"username": "ann", "password": PASSWORD})
    assert answer.status_code == 200


async def test_login_refuses_a_wrong_password_and_an_unknown_name_in_the_same_words(
    client: httpx2.AsyncClient,
) -> None:
    await client.post("/auth/register", json=ANN)
    wrong = await client.post("/auth/login", json={"username": "ann", "password": "wrong horse battery"})
    unknown = await client.post("/auth/login", json={"username": "bob", "password": PASSWORD})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.headers["www-authenticate"] == unknown.headers["www-authenticate"] == "Bearer"
    assert wrong.json()["detail"] == unknown.json()["detail"]


async def test_login_takes_no_other_grant_and_no_other_content_type(client: httpx2.AsyncClient) -> None:
    other_grant = await client.post("/auth/login", data={**ANN, "grant_type": "client_credentials"})
    assert other_grant.status_code == 400
    other_type = await client.post("/auth/login", content=b"<login/>", headers={"Content-Type": "text/xml"})
    assert other_type.status_code == 415


async def test_too_many_logins_say_when_to_come_back(tmp_path: Path) -> None:
    async with serving(settings_in(tmp_path, login_rate=2)) as live, live.client() as client:
        body = {"username": "ann", "password": PASSWORD}
        answers = [await client.post("/auth/login", json=body) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


async def test_a_forwarded_address_is_believed_from_a_trusted_proxy_alone(tmp_path: Path) -> None:
    body = {"username": "ann", "password": PASSWORD}
    statuses = {}
    for trusted in ("", "127.0.0.1"):
        settings = settings_in(tmp_path, login_rate=2, forwarded_allow_ips=trusted)
        async with serving(settings) as live, live.client() as client:
            for number in range(3):
                other = {**body, "username": f"ann{number}"}
                answer = await client.post("/auth/login", json=other, headers={"X-Forwarded-For": f"192.0.2.{number}"})
                statuses[trusted] = answer.status_code
    assert statuses == {"": 429, "127.0.0.1": 401}


async def test_refresh_turns_the_tokens_and_a_second_use_ends_the_session(
    make_user: MakeUser, client: httpx2.AsyncClient
) -> None:
    ann = await make_user("ann")
    first = await client.post("/auth/refresh", json={"refresh_token": ann.refresh_token})
    assert first.status_code == 200
    assert first.json()["refresh_token"] != ann.refresh_token
    second = await client.post("/auth/refresh", json={"refresh_token": ann.refresh_token})
    assert (second.status_code, second.json()["code"]) == (401, "unauthenticated")
    assert (await ann.client.get("/users/me")).status_code == 401


async def test_an_access_token_is_no_refresh_token_and_the_other_way_round(
    make_user: MakeUser, live: LiveServer
) -> None:
    ann = await make_user("ann")
    answer = await ann.client.post("/auth/refresh", json={"refresh_token": ann.access_token})
    assert answer.status_code == 401
    async with live.client(ann.refresh_token) as client:
        assert (await client.get("/users/me")).status_code == 401


async def test_logout_ends_the_session_at_once(make_user: MakeUser) -> None:
    ann = await make_user("ann")
    assert (await ann.client.post("/auth/logout")).status_code == 204
    assert (await ann.client.get("/users/me")).status_code == 401


async def test_a_ticket_is_for_who_is_signed_in(make_user: MakeUser, client: httpx2.AsyncClient) -> None:
    ann = await make_user("ann")
    answer = await ann.client.post("/auth/ticket")
    assert answer.status_code == 200
    assert len(answer.json()["ticket"]) > 20
    assert (await client.post("/auth/ticket")).status_code == 401


async def test_sessions_lists_the_devices_and_marks_the_one_that_asks(
    make_user: MakeUser, client: httpx2.AsyncClient
) -> None:
    ann = await make_user("ann")
    body = {"username": "ann", "password": PASSWORD, "label": "Ann's telephone"}
    other = (await client.post("/auth/login", json=body)).json()
    listed = (await ann.client.get("/auth/sessions")).json()
    assert listed["next_cursor"] is None
    assert {(session["label"], session["current"]) for session in listed["items"]} == {
        ("test", True),
        ("Ann's telephone", False),
    }
    (session_id,) = (session["id"] for session in listed["items"] if not session["current"])
    assert (await ann.client.delete(f"/auth/sessions/{session_id}")).status_code == 204
    bearer = {"Authorization": f"Bearer {other['access_token']}"}
    assert (await client.get("/users/me", headers=bearer)).status_code == 401


async def test_a_session_of_somebody_else_is_not_found(make_user: MakeUser) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    (session,) = (await ben.client.get("/auth/sessions")).json()["items"]
    assert (await ann.client.delete(f"/auth/sessions/{session['id']}")).status_code == 404
    assert (await ben.client.get("/users/me")).status_code == 200


async def test_a_device_without_a_label_is_called_by_its_user_agent(
    make_user: MakeUser, client: httpx2.AsyncClient
) -> None:
    ann = await make_user("ann")
    body = {"username": "ann", "password": PASSWORD}
    await client.post("/auth/login", json=body, headers={"User-Agent": "chat/1.0"})
    listed = (await ann.client.get("/auth/sessions")).json()["items"]
    assert "chat/1.0" in {session["label"] for session in listed}


async def test_a_new_password_needs_the_old_one_and_signs_out_the_others(
    make_user: MakeUser, client: httpx2.AsyncClient
) -> None:
    ann = await make_user("ann")
    other = (await client.post("/auth/login", json={"username": "ann", "password": PASSWORD})).json()
    change = {"old_password": "wrong horse battery", "new_password": "a staple of batteries"}
    wrong = await ann.client.post("/auth/password", json=change)
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (403, "old_password")
    right = await ann.client.post("/auth/password", json={**change, "old_password": PASSWORD})
    assert right.status_code == 204
    assert (await ann.client.get("/users/me")).status_code == 200
    bearer = {"Authorization": f"Bearer {other['access_token']}"}
    assert (await client.get("/users/me", headers=bearer)).status_code == 401


async def test_a_credential_that_is_none_is_refused(client: httpx2.AsyncClient) -> None:
    for header in (b"Bearer", b"Bearer nonsense", b"Basic YW5uOmFubg==", b"Bearer " + b"a" * 6000, b"Bearer \xff"):
        answer = await client.get("/users/me", headers={b"Authorization": header})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
