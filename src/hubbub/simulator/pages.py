"""Lists that come by pages, as a whole."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def all_pages(fetch: Callable[[str | None], Awaitable[tuple[list[T], str | None]]]) -> list[T]:
    """What all pages hold; `fetch` is given the cursor of each, and None for the first."""
    items, cursor = await fetch(None)
    while cursor is not None:
        page, cursor = await fetch(cursor)
        items += page
    return items
