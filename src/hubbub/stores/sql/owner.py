"""One process owns a SQLite file.

SQLite itself lets several processes write, but the checkpoint of one and the commit of another meet in code that has
lost data before, and two servers on one file would each believe that its rooms are current.
"""

import fcntl
import os
from pathlib import Path

from hubbub.stores.sql.errors import DatabaseBusy, UnusableDatabase


class Owner:
    """The right to write a database file, held by an operating system's lock on `<file>.lock` until `release`.

    The lock goes with the process, however it ends: the file beside it may stay and means nothing by itself.
    """

    def __init__(self, database: Path) -> None:
        """Raise DatabaseBusy when another process, or another store of this one, has it."""
        if not database.parent.is_dir():
            raise UnusableDatabase(f"there is no folder {database.parent.absolute()} for {database.name}")
        path = database.with_name(database.name + ".lock")
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UnusableDatabase(f"{path} can't be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise DatabaseBusy(
                f"{database} is in use by process {holder}, which holds {path.name}. Only one process may write a "
                "SQLite file: stop that one, or go through its API"
            ) from error
        try:
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode())
        except OSError as error:
            os.close(self._descriptor)
            raise UnusableDatabase(f"{path} can't be written: {error.strerror}") from error

    def release(self) -> None:
        """Let others have it."""
        os.close(self._descriptor)
