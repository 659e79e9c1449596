"""How long a page may get: it waits in memory until its reader has taken it, who may be as slow as they like."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from hubbub.domain.events import Event, MessageEdited, MessagePosted
from hubbub.domain.messages import Message

PAGE_BYTES = 512 * 1024  # of UTF-8, in the texts of a page
PORTION = 50  # items read at a time: a lookup may hold the event loop, and what does not fit would be read for nothing

T = TypeVar("T", bound=Event | Message)


def within(items: Iterable[T], most: int = PAGE_BYTES) -> list[T]:
    """The first items whose texts have so many bytes together, at least one if there is any; never more than a page."""
    most = min(most, PAGE_BYTES)
    found: list[T] = []
    size = 0
    for item in items:
        size += _size(item)
        if size > most and found:
            break
        found.append(item)
    return found


def portions(read: Callable[[T | None, int], Sequence[T]], limit: int) -> Iterator[T]:
    """At most `limit` items. `read` gives so many after an item (None = the first ones), fewer at the end."""
    last: T | None = None
    while limit > 0:
        count = min(limit, PORTION)
        items = read(last, count)
        yield from items
        if len(items) < count:
            return
        last = items[-1]
        limit -= count


def _size(item: Event | Message) -> int:
    if isinstance(item, Message):
        return len(item.text.encode())
    if isinstance(item, MessagePosted):
        return len(item.message.text.encode())
    return len(item.text.encode()) if isinstance(item, MessageEdited) else 0
