"""Which requests for a page of history are plain; all others are for the documented route."""

from urllib.parse import quote

import pytest
from starlette.routing import Match

from hubbub.domain.ids import MAX_ID
from hubbub.services.ports import MAX_PAGE
from hubbub.web.plain_pages import PlainPages


def matched(path: str, *, method: str = "GET", authorization: str | None = "Bearer a.b-c_1", **more: object) -> object:
    """What the route took from the request; None = nothing."""
    head, _, query = path.partition("?")
    headers = [] if authorization is None else [(b"authorization", authorization.encode("latin-1"))]
    scope = {"type": "http", "method": method, "path": head, "query_string": query.encode(), "headers": headers, **more}
    match, found = PlainPages().matches(scope)
    return found["plain_page"] if match is Match.FULL else None


@pytest.mark.parametrize(
    ("query", "bounds"),
    [
        ("", {}),
        ("?before=7", {"before": 7}),
        ("?limit=20&after=0", {"limit": 20, "after": 0}),
        (f"?around={MAX_ID}&limit={MAX_PAGE}", {"around": MAX_ID, "limit": MAX_PAGE}),
        ("?before=1&after=1", {"before": 1, "after": 1}),  # the service refuses it
    ],
)
def test_a_plain_request_is_taken(query: str, bounds: dict[str, int]) -> None:
    assert matched(f"/rooms/12/messages{query}") == ("a.b-c_1", 12, bounds)


@pytest.mark.parametrize(
    "query",
    [
        *("before=", "before=-1", "before=%31", "before=x", "before=" + quote("٣"), "before=" + "0" * 17),
        *(f"before={MAX_ID + 1}", f"limit={MAX_PAGE + 1}", "limit=0", "before=1&before=2", "before=1&", "x=1"),
    ],
)
def test_a_query_that_is_wrong_or_unusual_is_not(query: str) -> None:
    assert matched(f"/rooms/12/messages?{query}") is None


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearer a\xe9", "Bearer a,b"]
)
def test_a_request_without_a_plain_token_is_not(authorization: str | None) -> None:
    assert matched("/rooms/12/messages", authorization=authorization) is None


@pytest.mark.parametrize(
    "path",
    ["/rooms/0/messages", f"/rooms/{MAX_ID + 1}/messages", "/rooms/x/messages", "/rooms/1/messages/", "/rooms/1"],
)
def test_another_path_is_not(path: str) -> None:
    assert matched(path) is None


def test_another_method_a_socket_and_an_application_below_a_prefix_are_not() -> None:
    assert matched("/rooms/1/messages", method="POST") is None
    assert matched("/rooms/1/messages", type="websocket") is None
    assert matched("/rooms/1/messages", root_path="/chat") is None
