"""REST requests: one place for retries, tokens, and answers that say no.

A request is repeated only where that is safe: when it never left, when it is a GET, or when who asks says so.
Everything else that gets no answer raises Unreachable: it may have happened, or not.

The only header that holds a secret is the token's, and what a library says of a header shows it: no such text goes on.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

import httpx2
import msgspec

from hubbub.client.backoff import Backoff
from hubbub.client.errors import CLOSED, Closed, NotUnderstood, Unreachable
from hubbub.client.ports import Credentials
from hubbub.domain.errors import ChatError, RateLimited, Unauthenticated, Unavailable, error_classes

T = TypeVar("T")

_NEVER_LEFT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_GATEWAY = frozenset({502, 503, 504})  # a proxy whose server is away answers with these, and no problem of ours


class FieldProblem(msgspec.Struct, frozen=True):
    field: str


class Problem(msgspec.Struct, frozen=True):
    """As much of problem details (RFC 9457) as matters here."""

    code: str
    detail: str = ""
    errors: list[FieldProblem] = []


class Rest:
    """Requests to one server, in somebody's name or in nobody's."""

    def __init__(self, http: httpx2.AsyncClient, *, random: Callable[[], float], patience: float) -> None:
        """`http` has the server's URL as its base; `patience`: seconds for which a safe request is repeated."""
        self._http = http
        self._random = random
        self._patience = patience

    async def ask(
        self,
        answer: type[T],
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, str | int | None] | None = None,
        repeatable: bool = False,
        credentials: Credentials | None = None,
    ) -> T:
        """The answer to a request, of this type. Raise ChatError, ClientError: Closed when `http` is.

        `repeatable`: sent twice it is done once, although it is no GET. Fields of `query` that are None are left out.
        """
        response = await self._send(method, path, body, query, credentials, repeatable=repeatable)
        try:
            return msgspec.json.decode(response.content, type=answer)
        except msgspec.DecodeError as error:
            raise NotUnderstood(f"the answer to {method} {path} can't be read: {error}") from error

    async def tell(
        self, method: str, path: str, *, body: object = None, credentials: Credentials | None = None
    ) -> None:
        """A request whose answer is only that it was done. Raise ChatError, ClientError."""
        await self._send(method, path, body, None, credentials)

    async def _send(
        self,
        method: str,
        path: str,
        body: object,
        query: Mapping[str, str | int | None] | None,
        credentials: Credentials | None,
        *,
        repeatable: bool = False,
    ) -> httpx2.Response:
        headers = {} if body is None else {"Content-Type": "application/json"}
        content = None if body is None else msgspec.json.encode(body)
        parameters = {name: value for name, value in (query or {}).items() if value is not None}
        request = self._http.build_request(method, path, params=parameters, content=content, headers=headers)
        repeatable = repeatable or method == "GET"
        if credentials is None:
            return await self._patiently(request, repeatable)
        return await self._signed(request, repeatable, credentials)

    async def _signed(self, request: httpx2.Request, repeatable: bool, credentials: Credentials) -> httpx2.Response:
        """Send it with a token, and once more with another one when that is refused."""
        token = await credentials.token()
        request.headers["Authorization"] = f"Bearer {token.value}"
        try:
            return await self._patiently(request, repeatable)
        except Unauthenticated:
            token = await credentials.renew(token.value)
        request.headers["Authorization"] = f"Bearer {token.value}"
        return await self._patiently(request, repeatable)

    async def _patiently(self, request: httpx2.Request, repeatable: bool) -> httpx2.Response:
        now = asyncio.get_running_loop().time
        give_up_at = now() + self._patience
        backoff = Backoff(self._random, base=0.2, cap=5.0)
        while True:
            try:
                return await self._once(request)
            except (Unreachable, RateLimited, Unavailable) as error:
                safe = repeatable or isinstance(error, RateLimited) or isinstance(error.__cause__, _NEVER_LEFT)
                delay = backoff.next()
                if isinstance(error, ChatError):
                    delay = max(delay, error.retry_after or 0.0)
                if not safe or now() + delay > give_up_at:
                    raise
            await asyncio.sleep(delay)

    async def _once(self, request: httpx2.Request) -> httpx2.Response:
        if self._http.is_closed:
            raise Closed(CLOSED)
        server = request.url.netloc.decode("ascii")
        try:
            response = await self._http.send(request)
        except httpx2.LocalProtocolError:
            raise Unreachable(f"no answer from {server}: the request could not be sent") from None
        except httpx2.TransportError as error:
            if self._http.is_closed:
                raise Closed(CLOSED) from error
            raise Unreachable(f"no answer from {server}: {str(error) or type(error).__name__}") from error
        except httpx2.DecodingError as error:
            raise NotUnderstood(f"the answer from {server} can't be read: {error}") from error
        if response.is_success:
            return response
        raise _refusal(response)


def _refusal(response: httpx2.Response) -> Exception:
    """The exception that a response which is no success stands for."""
    try:
        problem = msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        if response.status_code in _GATEWAY:
            return Unreachable(f"the server is away ({response.status_code})")
        return NotUnderstood(f"the answer is no problem of hubbub's ({response.status_code}): is this its URL?")
    field = problem.errors[0].field if problem.errors else None
    refusal = error_classes().get(problem.code, ChatError)
    return refusal(problem.detail, field=field, retry_after=_seconds(response.headers.get("Retry-After")))


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdecimal() else None
