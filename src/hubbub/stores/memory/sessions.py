"""Sessions and tickets in memory."""

from collections.abc import Collection
from dataclasses import replace

from hubbub.domain.errors import NotFound
from hubbub.domain.ids import Millis, SessionId, UserId
from hubbub.domain.users import Session
from hubbub.stores.memory.tables import Tables


class MemorySessions:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def add(self, *, user_id: UserId, label: str, at: Millis, expires_at: Millis) -> Session:
        if user_id not in self._tables.users:
            raise NotFound(f"there is no user {user_id}")
        session = Session(
            id=SessionId(self._tables.next_id("sessions")),
            user_id=user_id,
            label=label,
            generation=1,
            created_at=at,
            used_at=at,
            expires_at=expires_at,
        )
        self._tables.sessions[session.id] = session
        return session

    def get(self, session_id: SessionId) -> Session | None:
        return self._tables.sessions.get(session_id)

    def of_user(self, user_id: UserId) -> list[Session]:
        theirs = [session for session in self._tables.sessions.values() if session.user_id == user_id]
        return sorted(theirs, key=lambda session: (session.used_at, session.id), reverse=True)

    def last_used(self, user_ids: Collection[UserId]) -> dict[UserId, Millis]:
        theirs = {user_id: self.of_user(user_id) for user_id in user_ids}
        return {user_id: sessions[0].used_at for user_id, sessions in theirs.items() if sessions}

    def existing(self, session_ids: Collection[SessionId]) -> set[SessionId]:
        return {session_id for session_id in session_ids if session_id in self._tables.sessions}

    def rotate(
        self, session_id: SessionId, *, generation: int, attempt: bytes | None, at: Millis, expires_at: Millis
    ) -> bool:
        session = self._tables.sessions.get(session_id)
        if session is None or session.generation != generation:
            return False
        self._tables.sessions[session_id] = replace(
            session, generation=generation + 1, attempt=attempt, used_at=at, expires_at=expires_at
        )
        return True

    def end(self, session_ids: Collection[SessionId]) -> None:
        for session_id in session_ids:
            self._tables.end_session(session_id)

    def purge(self, before: Millis) -> list[SessionId]:
        expired = [session.id for session in self._tables.sessions.values() if session.expires_at < before]
        self.end(expired)
        for ticket_hash in [key for key, (_, expires_at) in self._tables.tickets.items() if expires_at < before]:
            del self._tables.tickets[ticket_hash]
        return sorted(expired)

    def add_ticket(self, ticket_hash: bytes, session_id: SessionId, expires_at: Millis) -> None:
        if session_id not in self._tables.sessions:
            raise NotFound(f"there is no session {session_id}")
        self._tables.tickets[ticket_hash] = (session_id, expires_at)

    def of_ticket(self, ticket_hash: bytes) -> SessionId | None:
        ticket = self._tables.tickets.get(ticket_hash)
        return None if ticket is None else ticket[0]

    def take_ticket(self, ticket_hash: bytes, at: Millis) -> SessionId | None:
        ticket = self._tables.tickets.pop(ticket_hash)
        if ticket is None:
            return None
        session_id, expires_at = ticket
        return session_id if at < expires_at else None
