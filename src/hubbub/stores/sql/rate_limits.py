"""Attempts in SQL."""

from sqlalchemy import BigInteger, Connection, LargeBinary, bindparam, case, delete, or_, select
from sqlalchemy.dialects.postgresql import insert  # SQLite took over its words

from hubbub.domain.ids import Millis
from hubbub.stores.sql.dialects import one_of
from hubbub.stores.sql.statements import Statement
from hubbub.stores.sql.tables import rate_limits

_KEY = bindparam("the_key", type_=LargeBinary)
full_at = rate_limits.c.full_at
_TAKE = Statement(
    insert(rate_limits)
    .values(key=_KEY, full_at=bindparam("first", type_=BigInteger))
    .on_conflict_do_update(
        index_elements=[rate_limits.c.key],
        set_={
            "full_at": case(
                (full_at.between(bindparam("at"), bindparam("latest")), full_at + bindparam("interval")),
                else_=bindparam("first"),
            )
        },
        where=or_(full_at <= bindparam("in_time"), full_at > bindparam("latest")),
    )
)
_GET = Statement(select(full_at).where(rate_limits.c.key == _KEY))
# Rows that somebody is about to change are left to the next time: whoever waits for them here could wait for ever.
_PURGE = Statement(
    delete(rate_limits).where(
        one_of(
            rate_limits.c.key,
            select(rate_limits.c.key).where(full_at < bindparam("before")).with_for_update(skip_locked=True),
        )
    )
)


class SqlRateLimits:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, key: bytes, at: Millis, *, interval: int, burst: int) -> int:
        in_time = at + interval * (burst - 1)
        times = {"at": at, "first": at + interval, "in_time": in_time, "latest": in_time + interval}
        if _TAKE.run(self._connection, the_key=key, interval=interval, **times):
            return 0
        return int(_GET.first(self._connection, the_key=key).full_at) - in_time

    def purge(self, before: Millis) -> None:
        _PURGE.run(self._connection, before=before)
