"""Copies of a database file, made while a server uses it or not, that are safe to restore."""

import os
import secrets
from contextlib import closing
from pathlib import Path
from typing import Any

from hubbub.stores.sql import epochs
from hubbub.stores.sql.errors import UnusableDatabase
from hubbub.stores.sql.servers import is_server
from hubbub.stores.sql.sqlite import driver, path_of


def back_up(url: str, target: Path) -> int:
    """Copy what is committed now into a new file, which nobody else may read. Return its size in bytes.

    The copy is checked, and on the disk, before it gets its name; it has no epoch (`epochs`). Raise UnusableDatabase
    when it can't be made, and when there is a file of this name.
    """
    if is_server(url):
        raise UnusableDatabase(
            "PostgreSQL makes backups by its own programs, pg_dump or pg_basebackup: docs/operations.md shows how"
        )
    source = path_of(url)
    if target.exists():
        raise UnusableDatabase(f"{target} exists already, and is not overwritten")
    part = target.with_name(f"{target.name}.{secrets.token_hex(8)}")
    try:
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            _copy(source, part)
            _finish(part)
            _sync(part)
            target.hardlink_to(part)  # unlike a renaming it never replaces what is there
        finally:
            part.unlink()
        _sync(target.parent)
        return target.stat().st_size
    except FileExistsError as error:
        raise UnusableDatabase(f"{target} exists already, and is not overwritten") from error
    except driver.Error as error:
        raise UnusableDatabase(f"{source} can't be copied to {target}: {error}") from error
    except OSError as error:
        raise UnusableDatabase(f"{target} can't be written: {error.strerror}") from error


def _copy(source: Path, part: Path) -> None:
    # Opened for more than reading, the last connection to close would move the WAL into the file.
    with closing(driver.connect(f"{source.as_uri()}?mode=ro", uri=True, isolation_level=None)) as connection:
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()  # else it is none of hubbub's
        connection.execute("VACUUM INTO ?", (str(part),))


def _finish(part: Path) -> None:
    with closing(driver.connect(str(part), isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")  # when anything goes wrong, all of the copy is thrown away
        connection.execute(epochs.FORGET)
        _require_whole(connection)
        connection.execute("PRAGMA journal_mode = WAL")  # as the database, so that everything that reads one reads it


def _require_whole(connection: Any) -> None:
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise UnusableDatabase(f"the copy would be damaged, so none was made: {verdict}. hubbub audit says more")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
