"""Where the next page of a list begins, as an opaque word for URLs.

A cursor grants nothing: whoever makes one up reads what they may read anyway, from another place on.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import TypeVar, overload

from hubbub.domain.errors import Invalid
from hubbub.domain.ids import MAX_ID

A = TypeVar("A", int, str)
B = TypeVar("B", int, str)
T = TypeVar("T")

MAX_CURSOR = 512  # characters

_CURSOR = re.compile(r"[A-Za-z0-9_-]+")
_INTEGER = re.compile(r"[0-9]{1,16}")


def encode_cursor(*parts: int | str) -> str:
    """The key of a page's last item. Integers are 0..MAX_ID; a text can only be the last part."""
    return urlsafe_b64encode(",".join(map(str, parts)).encode()).decode().rstrip("=")


@overload
def decode_cursor(cursor: str, first: type[A], /) -> tuple[A]: ...
@overload
def decode_cursor(cursor: str, first: type[A], second: type[B], /) -> tuple[A, B]: ...
def decode_cursor(cursor: str, /, *kinds: type) -> tuple[int | str, ...]:
    """What `encode_cursor` was given; raise Invalid when it cannot have made this."""
    if len(cursor) > MAX_CURSOR or not _CURSOR.fullmatch(cursor):
        raise _invalid()
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        raise _invalid() from None
    parts = text.split(",", len(kinds) - 1)
    if len(parts) != len(kinds):
        raise _invalid()
    return tuple(_integer(part) if kind is int else _text(part) for part, kind in zip(parts, kinds, strict=True))


def page_of(found: list[T], limit: int, cursor: Callable[[T], str]) -> tuple[list[T], str | None]:
    """The page out of what `limit + 1` has found, and the cursor of the next one (None = that was all)."""
    page = found[:limit]
    return page, cursor(page[-1]) if len(found) > limit else None


def _integer(part: str) -> int:
    if not _INTEGER.fullmatch(part) or int(part) > MAX_ID:
        raise _invalid()
    return int(part)


def _text(part: str) -> str:
    if not part.isprintable():  # PostgreSQL refuses U+0000 with an error of its own
        raise _invalid()
    return part


def _invalid() -> Invalid:
    return Invalid("cursor: not one that this server gave out", field="cursor")
