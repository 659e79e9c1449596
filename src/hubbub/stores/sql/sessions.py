"""Sessions and tickets in SQL."""

from collections.abc import Collection

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, insert, select, update

from hubbub.domain.errors import NotFound
from hubbub.domain.ids import Millis, SessionId, UserId
from hubbub.domain.users import Session
from hubbub.stores.sql.dialects import Keys, encode_keys, one_of
from hubbub.stores.sql.savepoints import savepoint
from hubbub.stores.sql.statements import Statement
from hubbub.stores.sql.tables import sessions, tickets

_SESSION: BindParameter[int] = bindparam("session_id")
_ADD = Statement(
    insert(sessions)
    .values(
        user_id=bindparam("user_id"),
        label=bindparam("label"),
        generation=1,
        created_at=bindparam("at"),
        used_at=bindparam("at"),
        expires_at=bindparam("expires_at"),
    )
    .returning(sessions.c.id)
)
_GET = Statement(select(sessions).where(sessions.c.id == _SESSION))
_OF_USER = Statement(
    select(sessions)
    .where(sessions.c.user_id == bindparam("user_id"))
    .order_by(sessions.c.used_at.desc(), sessions.c.id.desc())
)
_LAST_USED = Statement(
    select(sessions.c.user_id, func.max(sessions.c.used_at).label("used_at"))
    .select_from(Keys(1).join(sessions, sessions.c.user_id))
    .group_by(sessions.c.user_id)
)
_EXISTING = Statement(select(sessions.c.id).select_from(Keys(1).join(sessions, sessions.c.id)))
_ROTATE = Statement(
    update(sessions)
    .values(
        generation=sessions.c.generation + 1,
        attempt=bindparam("new_attempt"),
        used_at=bindparam("at"),
        expires_at=bindparam("until"),
    )
    .where(sessions.c.id == _SESSION, sessions.c.generation == bindparam("from_generation"))
)
_END = Statement(delete(sessions).where(sessions.c.id == _SESSION))
# What somebody is about to change is left to the next time: whoever waits for it here could wait for ever.
_EXPIRED = select(sessions.c.id).where(sessions.c.expires_at < bindparam("before"))
_PURGE = Statement(
    delete(sessions).where(one_of(sessions.c.id, _EXPIRED.with_for_update(skip_locked=True))).returning(sessions.c.id)
)
_EXPIRED_TICKETS = select(tickets.c.hash).where(tickets.c.expires_at < bindparam("before"))
_PURGE_TICKETS = Statement(
    delete(tickets).where(one_of(tickets.c.hash, _EXPIRED_TICKETS.with_for_update(skip_locked=True)))
)
_ADD_TICKET = Statement(
    insert(tickets).values(hash=bindparam("hash"), session_id=_SESSION, expires_at=bindparam("expires_at"))
)
_OF_TICKET = Statement(select(tickets.c.session_id).where(tickets.c.hash == bindparam("ticket_hash")))
_TAKE_TICKET = Statement(
    delete(tickets)
    .where(tickets.c.hash == bindparam("ticket_hash"))
    .returning(tickets.c.session_id, tickets.c.expires_at)
)


class SqlSessions:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, *, user_id: UserId, label: str, at: Millis, expires_at: Millis) -> Session:
        with savepoint(self._connection, NotFound(f"there is no user {user_id}")):
            added = _ADD.first(self._connection, user_id=user_id, label=label, at=at, expires_at=expires_at)
        return Session(
            id=SessionId(added.id),
            user_id=user_id,
            label=label,
            generation=1,
            created_at=at,
            used_at=at,
            expires_at=expires_at,
        )

    def get(self, session_id: SessionId) -> Session | None:
        row = _GET.first(self._connection, session_id=session_id)
        return None if row is None else Session(**row._asdict())

    def of_user(self, user_id: UserId) -> list[Session]:
        return [Session(**row._asdict()) for row in _OF_USER.rows(self._connection, user_id=user_id)]

    def last_used(self, user_ids: Collection[UserId]) -> dict[UserId, Millis]:
        found = _LAST_USED.rows(self._connection, keys=encode_keys(user_ids))
        return {UserId(row.user_id): Millis(row.used_at) for row in found}

    def existing(self, session_ids: Collection[SessionId]) -> set[SessionId]:
        return {SessionId(row.id) for row in _EXISTING.rows(self._connection, keys=encode_keys(session_ids))}

    def rotate(
        self, session_id: SessionId, *, generation: int, attempt: bytes | None, at: Millis, expires_at: Millis
    ) -> bool:
        rotated = _ROTATE.run(
            self._connection,
            session_id=session_id,
            from_generation=generation,
            new_attempt=attempt,
            at=at,
            until=expires_at,
        )
        return rotated == 1

    def end(self, session_ids: Collection[SessionId]) -> None:
        if session_ids:
            _END.many(self._connection, [(session_id,) for session_id in sorted(session_ids)])

    def purge(self, before: Millis) -> list[SessionId]:
        purged = sorted(SessionId(row.id) for row in _PURGE.rows(self._connection, before=before))
        _PURGE_TICKETS.run(self._connection, before=before)
        return purged

    def add_ticket(self, ticket_hash: bytes, session_id: SessionId, expires_at: Millis) -> None:
        with savepoint(self._connection, NotFound(f"there is no session {session_id}")):
            _ADD_TICKET.run(self._connection, hash=ticket_hash, session_id=session_id, expires_at=expires_at)

    def of_ticket(self, ticket_hash: bytes) -> SessionId | None:
        row = _OF_TICKET.first(self._connection, ticket_hash=ticket_hash)
        return None if row is None else SessionId(row.session_id)

    def take_ticket(self, ticket_hash: bytes, at: Millis) -> SessionId | None:
        row = _TAKE_TICKET.first(self._connection, ticket_hash=ticket_hash)
        return SessionId(row.session_id) if row is not None and at < row.expires_at else None
