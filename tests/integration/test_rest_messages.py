"""Messages, history and the log over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from tests.integration.conftest import MakeUser
from tests.integration.servers import Person

MakeRoom: TypeAlias = Callable[..., Awaitable[tuple[str, Person, Person]]]


@pytest.fixture
def make_room(make_user: MakeUser) -> MakeRoom:
    """`path, ann, ben`: a group of two, in whose log 1..3 are its founding and their joining."""

    async def make(**more: object) -> tuple[str, Person, Person]:
        ann, ben = await make_user("ann"), await make_user("ben")
        body = {"kind": "group", "name": "a", "member_ids": [ben.id], **more}
        return (await ann.client.post("/rooms", json=body)).headers["location"], ann, ben

    return make


async def test_a_posted_message_has_a_location_and_is_there_for_the_others(make_room: MakeRoom) -> None:
    path, ann, ben = await make_room()
    posted = await ann.client.post(f"{path}/messages", json={"text": "hi", "client_id": "a1"})
    assert posted.status_code == 201
    message = posted.json()
    assert posted.headers["location"] == f"{path}/messages/4"
    assert (message["seq"], message["version"], message["user_id"], message["text"]) == (4, 4, ann.id, "hi")
    assert (await ben.client.get(posted.headers["location"])).json() == message


async def test_a_repeat_of_a_client_id_answers_with_the_first_message(make_room: MakeRoom) -> None:
    path, ann, ben = await make_room()
    body = {"text": "hi", "client_id": "a1"}
    first, *others = await asyncio.gather(*(ann.client.post(f"{path}/messages", json=body) for _ in range(4)))
    assert sorted([first.status_code, *(other.status_code for other in others)]) == [200, 200, 200, 201]
    assert all(other.json() == first.json() for other in others)
    assert (await ben.client.post(f"{path}/messages", json=body)).status_code == 201  # somebody else's a1


async def test_a_client_id_that_is_reused_for_another_text_is_a_conflict(make_room: MakeRoom) -> None:
    path, ann, _ = await make_room()
    await ann.client.post(f"{path}/messages", json={"text": "hi", "client_id": "a1"})
    reused = await ann.client.post(f"{path}/messages", json={"text": "ho", "client_id": "a1"})
    assert (reused.status_code, reused.json()["code"]) == (409, "client_id_reused")


async def test_an_idempotency_key_is_a_client_id(make_room: MakeRoom) -> None:
    path, ann, _ = await make_room()
    key = {"Idempotency-Key": "k1"}
    first = await ann.client.post(f"{path}/messages", json={"text": "hi"}, headers=key)
    assert (first.status_code, first.json()["client_id"]) == (201, "k1")
    same = await ann.client.post(f"{path}/messages", json={"text": "hi", "client_id": "k1"}, headers=key)
    assert (same.status_code, same.json()) == (200, first.json())
    other = await ann.client.post(f"{path}/messages", json={"text": "hi", "client_id": "k2"}, headers=key)
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "client_id")


async def test_an_idempotency_key_keeps_the_rules_of_a_client_id(make_room: MakeRoom) -> None:
    path, ann, _ = await make_room()
    for key in ("", "k" * 65, "a\tb"):
        answer = await ann.client.post(f"{path}/messages", json={"text": "hi"}, headers={"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_a_message_that_breaks_a_rule_is_refused(make_room: MakeRoom) -> None:
    path, ann, _ = await make_room()
    bodies: list[tuple[dict[str, object], int]] = [
        ({}, 422),
        ({"text": ""}, 422),
        ({"text": " \n"}, 422),
        ({"text": "a\u0000b"}, 422),
        ({"text": "a" * 16_385}, 413),
        ({"text": "hi", "reply_to": 99}, 422),
        ({"text": "hi", "reply_to": True}, 422),
        ({"text": "hi", "client_id": ""}, 422),
        ({"text": ["hi"]}, 422),
    ]
    for body, status in bodies:
        assert (body, (await ann.client.post(f"{path}/messages", json=body)).status_code) == (body, status)
    assert (await ann.client.get(f"{path}/messages")).json() == {"items": [], "head": 3}


async def test_unknown_fields_are_ignored(make_room: MakeRoom) -> None:
    path, ann, _ = await make_room()
    answer = await ann.client.post(f"{path}/messages", json={"text": "hi", "from_the_future": {"a": [1]}})
    assert answer.status_code == 201


async def test_a_text_comes_back_as_it_was_sent(make_room: MakeRoom) -> None:
    path, ann, _ = await make_room()
    texts = ["e\u0301 and \u00e9", "\U0001f469\u200d\U0001f680", "\u202b\u05d0", "a\tb\nc", "a" * 16_384]
    for text in texts:
        await ann.client.post(f"{path}/messages", json={"text": text})
    page = (await ann.client.get(f"{path}/messages")).json()
    assert [message["text"] for message in page["items"]] == texts[::-1]


async def test_an_edit_gives_a_message_a_new_version(make_room: MakeRoom) -> None:
    path, ann, ben = await make_room()
    await ann.client.post(f"{path}/messages", json={"text": "hi"})
    edited = await ann.client.patch(f"{path}/messages/4", json={"text": "hi!"})
    assert edited.status_code == 200
    message = edited.json()
    assert (message["seq"], message["version"], message["text"], "edited_at" in message) == (4, 5, "hi!", True)
    assert (await ben.client.get(f"{path}/messages/4")).json() == message
    assert (await ben.client.patch(f"{path}/messages/4", json={"text": "ho"})).status_code == 403


async def test_a_deleted_message_keeps_its_place_without_its_text(make_room: MakeRoom) -> None:
    path, ann, ben = await make_room()
    await ann.client.post(f"{path}/messages", json={"text": "hi"})
    assert (await ben.client.delete(f"{path}/messages/4")).status_code == 403
    assert (await ann.client.delete(f"{path}/messages/4")).status_code == 204
    (message,) = (await ben.client.get(f"{path}/messages")).json()["items"]
    assert (message["seq"], message["version"], message["text"], "deleted_at" in message) == (4, 5, "", True)
    late = await ann.client.patch(f"{path}/messages/4", json={"text": "ho"})
    assert (late.status_code, late.json()["code"]) == (409, "conflict")


async def test_a_page_is_newest_first_and_its_bounds_are_exclusive(make_room: MakeRoom) -> None:
    path, ann, ben = await make_room()
    for number in range(4, 10):
        await ann.client.post(f"{path}/messages", json={"text": f"message {number}"})

    async def seqs(**params: int) -> list[int]:
        page = (await ben.client.get(f"{path}/messages", params=params)).json()
        assert page["head"] == 9
        return [message["seq"] for message in page["items"]]

    assert await seqs() == [9, 8, 7, 6, 5, 4]
    assert await seqs(limit=2) == [9, 8]
    assert await seqs(before=8, limit=2) == [7, 6]
    assert await seqs(after=4, limit=2) == [6, 5]
    assert await seqs(around=6, limit=3) == [7, 6, 5]
    assert await seqs(before=4) == []


async def test_the_bounds_of_a_page_exclude_each_other(make_room: MakeRoom) -> None:
    path, ann, _ = await make_room()
    answer = await ann.client.get(f"{path}/messages", params={"before": 4, "after": 2})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_the_log_is_complete_from_any_point_on(make_room: MakeRoom) -> None:
    path, ann, ben = await make_room()
    await ann.client.post(f"{path}/messages", json={"text": "hi", "client_id": "a1"})
    await ann.client.patch(f"{path}/messages/4", json={"text": "hi!"})
    log = (await ben.client.get(f"{path}/events")).json()
    kinds = ["room.created", "member.joined", "member.joined", "message.posted", "message.edited"]
    assert [(event["seq"], event["kind"]) for event in log["items"]] == list(enumerate(kinds, start=1))
    assert log["head"] == 5
    posted = log["items"][3]
    assert (posted["client_id"], posted["message"]["version"]) == ("a1", 5)
    tail = (await ben.client.get(f"{path}/events", params={"after": 2, "limit": 2})).json()
    assert (tail["items"], tail["head"]) == (log["items"][2:4], 5)


async def test_who_joins_later_reads_from_there_on_where_the_room_says_so(
    make_room: MakeRoom, make_user: MakeUser
) -> None:
    path, ann, _ = await make_room(history="since_joined")
    await ann.client.post(f"{path}/messages", json={"text": "before"})
    cleo = await make_user("cleo")
    await ann.client.put(f"{path}/members/{cleo.id}")
    await ann.client.post(f"{path}/messages", json={"text": "after"})
    page = (await cleo.client.get(f"{path}/messages")).json()
    assert [message["text"] for message in page["items"]] == ["after"]
    events = (await cleo.client.get(f"{path}/events")).json()["items"]
    assert [event["seq"] for event in events] == [5, 6]
    assert (await cleo.client.get(f"{path}/messages/4")).status_code == 404
    assert (await cleo.client.get(path)).json()["base"] == 4


@pytest.mark.parametrize(
    "query", ["limit=50", "before=6", "before=6&limit=1", "limit=2&after=4", "around=5&limit=3", "before=5&after=5"]
)
async def test_a_plain_request_for_a_page_is_answered_as_the_documented_route_does(
    make_room: MakeRoom, make_user: MakeUser, query: str
) -> None:
    path, ann, ben = await make_room()
    for text in ("one", "two", "three"):
        await ann.client.post(f"{path}/messages", json={"text": text})
    await ann.client.patch(f"{path}/messages/5", json={"text": "zwei"})
    for person in (ben, await make_user("eve")):
        plain = await person.client.get(f"{path}/messages?{query}")
        documented = await person.client.get(f"{path}/messages?{query}&plain=no")
        assert (plain.status_code, plain.json()) == (documented.status_code, documented.json() | _id_of(plain))
        assert plain.headers.keys() == documented.headers.keys()


def _id_of(problem: Any) -> dict[str, object]:
    return {"request_id": problem.json()["request_id"]} if problem.status_code >= 400 else {}
