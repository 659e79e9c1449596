"""Connections to PostgreSQL, and what makes them safe.

Two kinds of transactions: those that read see one snapshot and can't write; those that write lock the rows that they
read and then change (`dialects.locks`), and otherwise see what is committed. Each begins by a statement of its own, and
ends by the driver's commit or rollback.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from hubbub.stores.sql import urls
from hubbub.stores.sql.dialects import LOCKS
from hubbub.stores.sql.errors import UnusableDatabase

if TYPE_CHECKING:
    import psycopg  # not everybody has it

T = TypeVar("T")

OLDEST = 140000  # PostgreSQL 14, the oldest that its makers look after

GRACE = 5.0  # seconds that an answer may take longer than a statement, whose limit is the server's own

_UNLIMITED = "unlimited"  # in the info of a connection

_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

# What the URL may say otherwise: https://www.postgresql.org/docs/current/libpq-connect.html
_DEFAULTS = {
    "application_name": "hubbub",
    "connect_timeout": "5",  # seconds
    # A network that has gone is noticed within about 15 s.
    "keepalives_idle": "5",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",  # milliseconds
}

_NEEDED = {
    "target_session_attrs": "read-write",  # of several servers that one, also for reading: a standby may lag behind
    "client_encoding": "utf8",
}

# Every statement looks up rows by their keys, so that a plan which reads a whole table, made while it was small or on
# old statistics, is never the right one; and no such statement is worth being compiled.
_PLANNER = ("enable_seqscan = off", "enable_hashjoin = off", "enable_mergejoin = off", "jit = off")


def url_of(url: str) -> URL:
    """`postgresql+psycopg://user:password@host:5432/database`; without a driver this one is meant."""
    parts = urls.parse(url)
    cut = "@" in (parts.host or "") or "@" in (parts.database or "")  # a password went on behind its first @ or /
    if parts.drivername not in {"postgresql", "postgresql+psycopg"} or not parts.database or cut:
        raise urls.refusal()
    return parts.set(drivername="postgresql+psycopg", query={**_DEFAULTS, **parts.query, **_NEEDED})


def shown(url: URL) -> str:
    """Where it is, without a secret."""
    host = url.host or url.query.get("host") or "localhost"
    return f"{host}:{url.port or 5432}/{url.database}"


def writer_engine(url: URL, connections: int, timeout: float) -> Engine:
    """Connections whose transactions change something; `timeout` is in seconds, for each statement."""
    return _engine(url, connections, timeout, _WRITE).execution_options(**{LOCKS: True})


def reader_engine(url: URL, connections: int, timeout: float) -> Engine:
    """Connections that can't write."""
    return _engine(url, connections, timeout, _READ)


def begun(engine: Engine) -> Connection:
    """A connection on which a transaction has begun.

    One that was kept, and has died since, is replaced: nothing was done on it yet.
    """
    try:
        return _begin(engine)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    return _begin(engine)


def _begin(engine: Engine) -> Connection:
    connection = engine.connect()
    try:
        connection.begin()
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def unlimited(connection: Connection) -> Iterator[None]:
    """Let the statements of this transaction take as long as they do, until the end of the block."""
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.info[_UNLIMITED] = True
    try:
        yield
    finally:
        del connection.info[_UNLIMITED]


def warnings(connection: Connection) -> tuple[str, ...]:
    """What an operator should know about how this server is set up."""
    risky = ("fsync", "full_page_writes")
    off = [name for name in risky if connection.exec_driver_sql(f"SHOW {name}").scalar_one() == "off"]
    return tuple(f"PostgreSQL runs with {name} = off: when its machine fails, the database may be lost" for name in off)


def require_usable(connection: Connection) -> None:
    """Raise UnusableDatabase for a server, or a database, that hubbub can't live in."""
    version = connection.exec_driver_sql("SELECT current_setting('server_version_num')::int").scalar_one()
    if version < OLDEST:
        raise UnusableDatabase(f"hubbub needs PostgreSQL {OLDEST // 10000} or later; this is {version // 10000}")
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise UnusableDatabase(
            f"the database has the encoding {encoding}, which can't hold every text: make it with ENCODING 'UTF8'"
        )


def _engine(url: URL, connections: int, timeout: float, begin: str) -> Engine:
    if find_spec("psycopg") is None:
        raise UnusableDatabase("PostgreSQL needs psycopg, which is not installed: install hubbub[cluster]")
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,  # an error is logged, and its parameters are what people wrote
        paramstyle="format",  # rows are sent as tuples
        use_native_hstore=False,
        connect_args={"autocommit": True},  # the driver begins no transaction by itself, the statement below does
    )
    milliseconds = round(timeout * 1000)
    settings = (
        *_PLANNER,
        f"statement_timeout = {milliseconds}",
        f"lock_timeout = {milliseconds}",
        # A process that is stopped in the middle of a transaction must not keep its locks for ever.
        f"idle_in_transaction_session_timeout = {milliseconds}",
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: "psycopg.Connection[Any]", record: ConnectionPoolEntry) -> None:
        if timeout:
            _give_up_after(timeout + GRACE, connection, record)
        connection.execute("; ".join(f"SET {setting}" for setting in settings))
        # Off, a commit is acknowledged before it is on disk; every other value is the operator's choice.
        connection.execute("""
            SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'""")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    @event.listens_for(engine, "handle_error")
    def leave_out_values(context: ExceptionContext) -> None:
        """Of a row that breaks a rule PostgreSQL tells what is in it, and an error is logged."""
        original, error = context.original_exception, context.sqlalchemy_exception
        words = getattr(getattr(original, "diag", None), "message_primary", None)
        if words is not None:
            original.args = (words,)
            if error is not None:
                error.args = (f"({type(original).__name__}) {words}",)

    return engine


def _give_up_after(seconds: float, connection: "psycopg.Connection[Any]", record: ConnectionPoolEntry) -> None:
    """End the connection when an answer of the server does not come in this time.

    What is sent to one that hangs is still acknowledged by its machine, and all seems well to keepalives.
    """
    wait = connection.wait

    def limited(answer: "Generator[int, int, T]", *options: Any, **named: Any) -> T:
        if _UNLIMITED not in record.info:
            answer = _until(monotonic() + seconds, answer, connection)
        return wait(answer, *options, **named)  # type: ignore[arg-type]

    connection.wait = limited  # type: ignore[assignment, method-assign]


def _until(
    deadline: float, answer: "Generator[int, int, T]", connection: "psycopg.Connection[Any]"
) -> "Generator[int, int, T]":
    """The same steps of the driver, which takes one now and then also while nothing comes, but not after `deadline`."""
    try:
        wanted = next(answer)
        while True:
            ready = yield wanted
            if not ready and monotonic() > deadline:
                connection.close()
                raise connection.OperationalError("the server has not answered for too long")
            wanted = answer.send(ready)
    except StopIteration as end:
        answered: T = end.value
        return answered
