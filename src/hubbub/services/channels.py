"""The directory of channels, which everybody may join."""

from hubbub.domain.ids import RoomId, UserId
from hubbub.domain.texts import check_query
from hubbub.services.cursors import decode_cursor, encode_cursor, page_of
from hubbub.services.ports import ChannelSummary
from hubbub.services.searches import Searches


class ChannelDirectory:
    """Use cases about channels that one is not in yet."""

    def __init__(self, searches: Searches) -> None:
        self._searches = searches

    async def search(
        self, user_id: UserId, query: str = "", *, cursor: str | None = None, limit: int = 50
    ) -> tuple[list[ChannelSummary], str | None]:
        """Channels whose name or topic contains `query`, the oldest first, and the cursor of the next page.

        `limit` is 1..200; an empty query finds all. Raise Invalid, RateLimited, Unavailable.
        """
        check_query(query)
        after = RoomId(0 if cursor is None else decode_cursor(cursor, int)[0])
        found = await self._searches.read(user_id, lambda tx: tx.rooms.channels(query, after=after, limit=limit + 1))
        return page_of(found, limit, lambda channel: encode_cursor(channel.room_id))
