"""Everything that REST offers, as typed methods. All of them raise ChatError and ClientError.

Lists come whole where they are short, and as asynchronous iterators, which fetch page after page, where they are not.
"""

from collections.abc import AsyncIterator, Callable, Sequence

from hubbub.client.bodies import (
    ChannelList,
    EventTimeline,
    MemberBody,
    MemberList,
    MessageTimeline,
    ProfileBody,
    ProfileList,
    ReadBody,
    RoomList,
    SessionList,
    TicketBody,
)
from hubbub.client.credentials import SessionCredentials
from hubbub.client.ports import PAGE
from hubbub.client.rest import Rest
from hubbub.client.results import (
    Channel,
    Device,
    LogPage,
    Membership,
    Page,
    Profile,
    RoomSummary,
    room_summary,
)
from hubbub.domain.events import History, RoomKind
from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message
from hubbub.wire.events import domain_event, domain_message
from hubbub.wire.frames import MessageBody, RoomBody
from hubbub.wire.position import format_place


async def register(rest: Rest, username: str, email: str, password: str, *, display_name: str | None = None) -> Profile:
    """Create an account. Raise Invalid, Conflict, Forbidden where registration is closed."""
    fields = {"username": username, "email": email, "password": password}
    body = fields if display_name is None else {**fields, "display_name": display_name}
    return (await rest.ask(ProfileBody, "POST", "/auth/register", body=body)).value()


class Api:
    """REST in the name of one user. It implements `ports.Reader` too."""

    def __init__(self, rest: Rest, credentials: SessionCredentials, new_id: Callable[[], str]) -> None:
        self._rest = rest
        self._credentials = credentials
        self._new_id = new_id

    # The user, and others

    async def me(self) -> Profile:
        return (await self._rest.ask(ProfileBody, "GET", "/users/me", credentials=self._credentials)).value()

    async def user(self, user_id: UserId) -> Profile:
        return (await self._rest.ask(ProfileBody, "GET", f"/users/{user_id}", credentials=self._credentials)).value()

    async def users(self, query: str = "") -> AsyncIterator[Profile]:
        """Users whose username or display name contains `query`, by username."""
        cursor: str | None = None
        while True:
            parameters = {"q": query, "cursor": cursor, "limit": PAGE}
            page = await self._rest.ask(ProfileList, "GET", "/users", query=parameters, credentials=self._credentials)
            for body in page.items:
                yield body.value()
            cursor = page.next_cursor
            if cursor is None:
                return

    async def change_profile(
        self, *, display_name: str | None = None, email: str | None = None, password: str | None = None
    ) -> Profile:
        """What is None stays as it is. Another e-mail address needs the password."""
        body = _given(display_name=display_name, email=email, password=password)
        answer = await self._rest.ask(ProfileBody, "PATCH", "/users/me", body=body, credentials=self._credentials)
        return answer.value()

    async def disable_user(self, user_id: UserId) -> Profile:
        """As an administrator, sign somebody out everywhere, and let nobody sign in to their account."""
        return await self._change_user(user_id, disabled=True)

    async def enable_user(self, user_id: UserId) -> Profile:
        """As an administrator, let somebody sign in again."""
        return await self._change_user(user_id, disabled=False)

    async def change_password(self, old: str, new: str) -> None:
        """All other devices are signed out."""
        body = {"old_password": old, "new_password": new}
        await self._rest.tell("POST", "/auth/password", body=body, credentials=self._credentials)

    async def devices(self) -> list[Device]:
        """Sessions of the user, the last used first."""
        page = await self._rest.ask(SessionList, "GET", "/auth/sessions", credentials=self._credentials)
        return [body.value() for body in page.items]

    async def end_session(self, session_id: SessionId) -> None:
        """Sign out another device."""
        await self._rest.tell("DELETE", f"/auth/sessions/{session_id}", credentials=self._credentials)

    async def logout(self) -> None:
        """End this session for good: its sockets are closed, its tokens worth nothing, its password is forgotten."""
        self._credentials.forget_password()
        await self._rest.tell("POST", "/auth/logout", credentials=self._credentials)

    async def ticket(self) -> str:
        """A word that opens one socket within seconds, for a program that can't send headers: `?ticket=`."""
        return (await self._rest.ask(TicketBody, "POST", "/auth/ticket", credentials=self._credentials)).ticket

    # Rooms

    async def rooms(self) -> AsyncIterator[RoomSummary]:
        """The user's rooms, the one with the latest event first."""
        cursor: str | None = None
        while True:
            parameters = {"cursor": cursor, "limit": PAGE}
            page = await self._rest.ask(RoomList, "GET", "/rooms", query=parameters, credentials=self._credentials)
            for body in page.items:
                yield room_summary(body)
            cursor = page.next_cursor
            if cursor is None:
                return

    async def room(self, room_id: RoomId) -> RoomSummary:
        return room_summary(await self._rest.ask(RoomBody, "GET", f"/rooms/{room_id}", credentials=self._credentials))

    async def create_room(
        self,
        name: str,
        *,
        kind: RoomKind = RoomKind.GROUP,
        topic: str = "",
        history: History = History.ALL,
        member_ids: Sequence[UserId] = (),
    ) -> RoomSummary:
        """Found a group or a channel, whose owner the user is."""
        fields = {"kind": kind, "name": name, "topic": topic, "history": history, "member_ids": list(member_ids)}
        return room_summary(
            await self._rest.ask(RoomBody, "POST", "/rooms", body=fields, credentials=self._credentials)
        )

    async def open_direct(self, user_id: UserId) -> RoomSummary:
        """The one direct room with somebody, made if need be."""
        body = {"user_id": user_id}
        return room_summary(
            await self._rest.ask(RoomBody, "POST", "/rooms/direct", body=body, credentials=self._credentials)
        )

    async def change_room(self, room_id: RoomId, *, name: str | None = None, topic: str | None = None) -> RoomSummary:
        """What is None stays as it is."""
        body = _given(name=name, topic=topic)
        return room_summary(
            await self._rest.ask(RoomBody, "PATCH", f"/rooms/{room_id}", body=body, credentials=self._credentials)
        )

    async def delete_room(self, room_id: RoomId) -> None:
        """Delete it for everybody in it."""
        await self._rest.tell("DELETE", f"/rooms/{room_id}", credentials=self._credentials)

    async def mark_read(self, room_id: RoomId, seq: Seq) -> Seq:
        """Everything up to `seq` is read; return the mark as it is then."""
        path = f"/rooms/{room_id}/read"
        answer = await self._rest.ask(ReadBody, "PUT", path, body={"seq": seq}, credentials=self._credentials)
        return answer.read_seq

    async def channels(self, query: str = "") -> AsyncIterator[Channel]:
        """The directory: channels whose name or topic contains `query`, the oldest first."""
        cursor: str | None = None
        while True:
            parameters = {"q": query, "cursor": cursor, "limit": PAGE}
            page = await self._rest.ask(
                ChannelList, "GET", "/channels", query=parameters, credentials=self._credentials
            )
            for body in page.items:
                yield body.value()
            cursor = page.next_cursor
            if cursor is None:
                return

    # Members

    async def members(self, room_id: RoomId) -> list[Membership]:
        """All of them, by user id."""
        found: list[Membership] = []
        cursor: str | None = None
        while True:
            parameters = {"cursor": cursor, "limit": PAGE}
            path = f"/rooms/{room_id}/members"
            page = await self._rest.ask(MemberList, "GET", path, query=parameters, credentials=self._credentials)
            found += [body.value() for body in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return found

    async def join(self, room_id: RoomId) -> Membership:
        """Become a member of a channel."""
        return await self._put_member(room_id, "me", None)

    async def put_member(self, room_id: RoomId, user_id: UserId, role: Role | None = None) -> Membership:
        """Add somebody, or change their role. Without one a newcomer becomes a plain member."""
        return await self._put_member(room_id, str(user_id), role)

    async def leave(self, room_id: RoomId) -> None:
        """Stop being a member."""
        await self._rest.tell("DELETE", f"/rooms/{room_id}/members/me", credentials=self._credentials)

    async def remove_member(self, room_id: RoomId, user_id: UserId) -> None:
        await self._rest.tell("DELETE", f"/rooms/{room_id}/members/{user_id}", credentials=self._credentials)

    # Messages

    async def post(
        self, room_id: RoomId, text: str, *, reply_to: Seq | None = None, client_id: str | None = None
    ) -> Message:
        """Say something. It carries a client_id, made up here if none is given, so that it is repeated safely."""
        client_id = self._new_id() if client_id is None else client_id
        body = _given(text=text, reply_to=reply_to, client_id=client_id)
        answer = await self._rest.ask(
            MessageBody,
            "POST",
            f"/rooms/{room_id}/messages",
            body=body,
            repeatable=True,
            credentials=self._credentials,
        )
        return domain_message(answer)

    async def messages(
        self,
        room_id: RoomId,
        *,
        before: Seq | None = None,
        after: Seq | None = None,
        around: Seq | None = None,
        limit: int = 50,
    ) -> Page:
        """A page of history, newest first: the newest, or those just before, just after, or around a seq."""
        query = {"before": before, "after": after, "around": around, "limit": limit}
        path = f"/rooms/{room_id}/messages"
        page = await self._rest.ask(MessageTimeline, "GET", path, query=query, credentials=self._credentials)
        return Page([domain_message(body) for body in page.items], page.head)

    async def message(self, room_id: RoomId, seq: Seq) -> Message:
        """One message as it is now."""
        path = f"/rooms/{room_id}/messages/{seq}"
        return domain_message(await self._rest.ask(MessageBody, "GET", path, credentials=self._credentials))

    async def edit(self, room_id: RoomId, seq: Seq, text: str) -> Message:
        """Change what one's own message says; return it as it is then."""
        path = f"/rooms/{room_id}/messages/{seq}"
        answer = await self._rest.ask(MessageBody, "PATCH", path, body={"text": text}, credentials=self._credentials)
        return domain_message(answer)

    async def delete(self, room_id: RoomId, seq: Seq) -> None:
        """Take a message back."""
        await self._rest.tell("DELETE", f"/rooms/{room_id}/messages/{seq}", credentials=self._credentials)

    async def events(
        self, room_id: RoomId, *, after: Seq = Seq(0), limit: int = PAGE, epoch: str | None = None
    ) -> LogPage:
        """The log itself: events with a seq above `after`, oldest first.

        With the `epoch` of the page before, raise Conflict when this is not the same log any more: the server was
        restored from a backup, and the same numbers may be other events.
        """
        query = {"after": after if epoch is None else format_place(epoch, after), "limit": limit}
        path = f"/rooms/{room_id}/events"
        page = await self._rest.ask(EventTimeline, "GET", path, query=query, credentials=self._credentials)
        events = [domain_event(room_id, body) for body in page.items]
        if page.items:
            after, upto = Seq(page.items[0].seq - 1), page.items[-1].seq
        else:
            upto = after
        return LogPage([event for event in events if event is not None], upto, page.head, page.epoch, after)

    async def _change_user(self, user_id: UserId, *, disabled: bool) -> Profile:
        path, body = f"/users/{user_id}", {"disabled": disabled}
        return (await self._rest.ask(ProfileBody, "PATCH", path, body=body, credentials=self._credentials)).value()

    async def _put_member(self, room_id: RoomId, user: str, role: Role | None) -> Membership:
        path, body = f"/rooms/{room_id}/members/{user}", _given(role=role)
        answer = await self._rest.ask(MemberBody, "PUT", path, body=body, credentials=self._credentials)
        return answer.value()


def _given(**fields: object) -> dict[str, object]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}
