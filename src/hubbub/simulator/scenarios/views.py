"""What each person sees: for every room that they are told of, the fold of what reached them."""

from hubbub.domain.errors import ChatError
from hubbub.domain.events import MemberJoined
from hubbub.domain.ids import RoomId, UserId
from hubbub.domain.rooms import ChatRoom
from hubbub.services.logs import Logs
from hubbub.simulator.audience import Delivery


class Views:
    """Views of rooms as a client keeps them: first the log, from then on what is delivered."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._views: dict[tuple[UserId, RoomId], ChatRoom] = {}

    def get(self, user_id: UserId, room_id: RoomId) -> ChatRoom:
        """What somebody sees of a room; an empty one when they have never been told of it."""
        return self._views.get((user_id, room_id)) or ChatRoom(room_id)

    async def follow(self, delivery: Delivery) -> None:
        """Bring the views of those who were told up to date; who has come in, or would have a hole, reads the log."""
        event = delivery.event
        for user_id in delivery.user_ids:
            view = self.get(user_id, event.room_id)
            if event.seq <= view.head:
                continue
            came_in = isinstance(event, MemberJoined) and event.member_id == user_id
            if event.seq == view.head + 1 and not came_in:
                view.apply(event)
            else:
                view = await self._load_if_member(user_id, view)
            self._views[user_id, event.room_id] = view

    async def load(self, user_id: UserId, room_id: RoomId) -> ChatRoom:
        """A new view, from the log alone. Raise NotFound or Forbidden for who is no member."""
        view = ChatRoom(room_id)
        more = True
        while more:
            joined = await self._logs.join(user_id, room_id, after=view.head)
            for event in joined.events:
                view.apply(event)
            more = joined.more
        return view

    async def _load_if_member(self, user_id: UserId, view: ChatRoom) -> ChatRoom:
        try:
            return await self.load(user_id, view.id)
        except ChatError:
            return view  # removed again meanwhile
