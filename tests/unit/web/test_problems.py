"""The table of statuses, and problems as they are told."""

import json
from http import HTTPStatus

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from hubbub.domain.errors import ChatError, Internal, Invalid, RateLimited, TokenExpired, Unavailable, error_classes
from hubbub.web.problems import STATUSES, defect, refuse


def request() -> Request:
    return Request({"type": "http", "method": "GET", "path": "/", "headers": [], "request_id": "r1"})


def test_every_code_has_a_status_and_every_status_a_code() -> None:
    assert STATUSES.keys() == error_classes().keys()


@pytest.mark.parametrize("error_class", error_classes().values(), ids=lambda error_class: error_class.code)
def test_blame_goes_where_the_error_says(error_class: type[ChatError]) -> None:
    status = STATUSES[error_class.code]
    assert (status >= 500) == (error_class in {Internal, Unavailable})
    assert (status in {429, 503}) == error_class.retryable


async def test_a_chat_error_is_told_in_its_own_words_with_its_field() -> None:
    response = await refuse(request(), Invalid("name must have 1 to 80 characters", field="name"))
    assert response.media_type == "application/problem+json"
    assert json.loads(bytes(response.body)) == {
        "type": "about:blank",
        "title": HTTPStatus(422).phrase,
        "status": 422,
        "detail": "name must have 1 to 80 characters",
        "code": "invalid",
        "request_id": "r1",
        "errors": [{"field": "name", "message": "name must have 1 to 80 characters"}],
    }


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(RateLimited("x", retry_after=0.2), "1"), (RateLimited("x", retry_after=2.1), "3"), (Unavailable("x"), "1")],
)
async def test_what_may_be_repeated_says_when_in_whole_seconds(error: ChatError, seconds: str) -> None:
    assert (await refuse(request(), error)).headers["retry-after"] == seconds


async def test_a_refused_credential_says_how_to_authenticate() -> None:
    response = await refuse(request(), TokenExpired("this token has expired"))
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert json.loads(bytes(response.body))["code"] == "token_expired"


async def test_an_internal_error_is_told_like_any_defect() -> None:
    response = await refuse(request(), Internal("row 7 of table users is broken"))
    assert response.body == defect(request()).body
    assert b"users" not in response.body


@pytest.mark.parametrize(
    ("status", "code"), [(400, "invalid"), (404, "not_found"), (413, "too_large"), (415, "invalid")]
)
async def test_what_the_framework_refuses_has_a_code_too(status: int, code: str) -> None:
    response = await refuse(request(), HTTPException(status))
    assert (response.status_code, json.loads(bytes(response.body))["code"]) == (status, code)


async def test_nothing_else_is_taken_for_a_refusal() -> None:
    with pytest.raises(ZeroDivisionError):
        await refuse(request(), ZeroDivisionError())
