"""Register, sign in, stay signed in, sign out, over HTTP."""

import httpx2
import pytest

from tests.integration.conftest import MakeUser
from tests.integration.servers import PASSWORD, LiveServer

ANN = {"username": "ann", "email": "ann@example.org", "password": PASSWORD}


async def test_register_answers_with_the_user_and_their_location(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/auth/register", json={**ANN, "display_name": "Ann Lee"})
    assert answer.status_code == 201
    user = answer.json()
    assert answer.headers["location"] == f"/users/{user['id']}"
    assert (user["username"], user["display_name"], user["email"]) == ("ann", "Ann Lee", "ann@example.org")
    assert "password" not in answer.text
