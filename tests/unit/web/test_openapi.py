"""The OpenAPI document: complete, true to what is sent, and stable for those who generate clients from it."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import jsonschema_rs
import pytest

from hubbub.settings import Settings
from hubbub.web.app import create_app
from hubbub.web.dependencies import Server
from hubbub.web.openapi import ANSWERS

Json = dict[str, Any]

OPERATIONS = {
    "register": "POST /auth/register",
    "login": "POST /auth/login",
    "refresh": "POST /auth/refresh",
    "logout": "POST /auth/logout",
    "issue_ticket": "POST /auth/ticket",
    "change_password": "POST /auth/password",
    "list_sessions": "GET /auth/sessions",
    "end_session": "DELETE /auth/sessions/{session_id}",
    "search_users": "GET /users",
    "get_own_profile": "GET /users/me",
    "change_profile": "PATCH /users/me",
    "get_user": "GET /users/{user_id}",
    "change_user": "PATCH /users/{user_id}",
    "create_room": "POST /rooms",
    "open_direct_room": "POST /rooms/direct",
    "list_rooms": "GET /rooms",
    "get_room": "GET /rooms/{room_id}",
    "change_room": "PATCH /rooms/{room_id}",
    "delete_room": "DELETE /rooms/{room_id}",
    "mark_read": "PUT /rooms/{room_id}/read",
    "list_channels": "GET /channels",
    "list_members": "GET /rooms/{room_id}/members",
    "put_member": "PUT /rooms/{room_id}/members/{user_id}",
    "remove_member": "DELETE /rooms/{room_id}/members/{user_id}",
    "post_message": "POST /rooms/{room_id}/messages",
    "list_messages": "GET /rooms/{room_id}/messages",
    "get_message": "GET /rooms/{room_id}/messages/{seq}",
    "edit_message": "PATCH /rooms/{room_id}/messages/{seq}",
    "delete_message": "DELETE /rooms/{room_id}/messages/{seq}",
    "list_events": "GET /rooms/{room_id}/events",
    "live": "GET /health/live",
    "ready": "GET /health/ready",
}
PUBLIC = {"register", "login", "refresh", "live", "ready"}


def never_opened(_: Settings) -> AbstractAsyncContextManager[Server]:
    raise AssertionError("the document needs no server")


@pytest.fixture(scope="module")
def document() -> Json:
    return create_app(Settings(), never_opened).openapi()


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def contents(operation: Json) -> Iterator[tuple[str, str, Json]]:
    """The status, media type and content of every answer that has a body."""
    for status, response in operation["responses"].items():
        for media_type, content in response.get("content", {}).items():
            yield status, media_type, content


def test_operations_keep_their_ids(document: Json) -> None:
    assert {operation["operationId"]: name for name, operation in operations(document)} == OPERATIONS


def test_every_operation_has_a_summary_and_one_known_tag(document: Json) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    for name, operation in operations(document):
        assert operation["summary"], name
        assert len(operation["tags"]) == 1, name
        assert set(operation["tags"]) <= tags, name


def test_what_needs_no_token_is_known(document: Json) -> None:
    assert {operation["operationId"] for _, operation in operations(document) if "security" not in operation} == PUBLIC


def test_every_refusal_is_a_problem(document: Json) -> None:
    for name, operation in operations(document):
        for status, media_type, content in contents(operation):
            if status >= "400" and operation["operationId"] != "ready":
                assert media_type == "application/problem+json", (name, status)
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, (name, status)


def test_every_operation_declares_what_comes_before_its_service(document: Json) -> None:
    for name, operation in operations(document):
        declared = operation["responses"].keys()
        if operation["operationId"] == "live":
            continue
        assert {"500", "503"} <= declared, name
        assert "401" in declared or "security" not in operation, name
        assert {"400", "413", "415", "422"} <= declared or "requestBody" not in operation, name
        assert "422" in declared or "parameters" not in operation, name


def test_headers_that_come_with_a_status_are_declared(document: Json) -> None:
    for name, operation in operations(document):
        for status, header in (("201", "Location"), ("401", "WWW-Authenticate"), ("429", "Retry-After")):
            response = operation["responses"].get(status)
            assert response is None or header in response["headers"], (name, status)


def test_every_body_has_an_example_that_fits_its_schema(document: Json) -> None:
    components = {"components": document["components"]}
    for name, operation in operations(document):
        for status, _, content in contents(operation):
            assert jsonschema_rs.is_valid({**content["schema"], **components}, content["example"]), (name, status)
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            if media_type == "application/json":
                schema = resolve(document, content["schema"])
                assert jsonschema_rs.is_valid({**schema, **components}, schema["examples"][0]), name


def resolve(document: Json, schema: Json) -> Json:
    """The schema behind a reference, or behind the one choice that is not null."""
    if "anyOf" in schema:
        (schema,) = (choice for choice in schema["anyOf"] if choice != {"type": "null"})
    if "$ref" not in schema:
        return schema
    found: Json = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def test_every_reference_leads_somewhere_and_nothing_is_left_over(document: Json) -> None:
    schemas = document["components"]["schemas"]
    used = set(references(document))
    assert used == {f"#/components/schemas/{name}" for name in schemas}
    assert {answer.__name__ for answer in ANSWERS} <= schemas.keys()


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_what_is_left_out_when_it_is_null_is_not_said_to_be_null(document: Json) -> None:
    message = document["components"]["schemas"]["MessageBody"]["properties"]
    assert message["edited_at"] == {"type": "string"}
    page = document["components"]["schemas"]["RoomList"]
    assert page["properties"]["next_cursor"]["anyOf"][-1] == {"type": "null"}
    assert set(page["required"]) == {"items", "next_cursor"}


def test_the_bounds_of_texts_are_told(document: Json) -> None:
    fields = document["components"]["schemas"]["Registration"]["properties"]
    assert (fields["username"]["minLength"], fields["username"]["maxLength"]) == (2, 32)
    assert (fields["password"]["minLength"], fields["password"]["format"]) == (8, "password")


def test_authorize_knows_where_to_sign_in(document: Json) -> None:
    (scheme,) = document["components"]["securitySchemes"].values()
    assert scheme["flows"]["password"]["tokenUrl"] == "auth/login"
    login = document["paths"]["/auth/login"]["post"]["requestBody"]["content"]
    assert set(login) == {"application/json", "application/x-www-form-urlencoded"}
