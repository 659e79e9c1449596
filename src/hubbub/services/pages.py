"""How long a page may get: it waits in memory until its reader has taken it, who may be as slow as they like."""

from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

from hubbub.domain.events import Event, MessageEdited, MessagePosted
from hubbub.domain.messages import Message

PAGE_BYTES = 512 * 1024  # of UTF-8, in the texts of a page

T = TypeVar("T", bound=Event | Message)


def within(items: Sequence[T], most: int = PAGE_BYTES) -> list[T]:
    """The first items whose texts have so many bytes together, at least one if there is any."""
    sizes = accumulate(map(_size, items))
    return [item for index, (item, size) in enumerate(zip(items, sizes, strict=True)) if size <= most or index == 0]


def _size(item: Event | Message) -> int:
    if isinstance(item, MessagePosted):
        return len(item.message.text.encode())
    if isinstance(item, Message | MessageEdited):
        return len(item.text.encode())
    return 0
