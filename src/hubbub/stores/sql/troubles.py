"""Why a database takes no writes: in words for its operator, who can mend it, and in others for clients, who can't."""

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from hubbub.domain.errors import ChatError, Internal, Unavailable

QUIET = 5.0  # seconds between two lines about the same trouble
PAUSE = 1.0  # seconds between two attempts to write that nobody asked for

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trouble:
    sentence: str  # what is wrong, and what to do
    level: int = logging.ERROR


FULL = Trouble("the disk is full: make room; writes are refused until then")
LOCKED = Trouble("another process has locked the database: end it; writes are refused until then")
READ_ONLY = Trouble("the database has become read-only: look at its file system; writes are refused until then")
BROKEN = Trouble("the disk can't be read or written: look at the system's log; writes are refused until it works")
DAMAGED = Trouble("the database is damaged: stop the server, and restore it from a backup", logging.CRITICAL)
REPLACED = Trouble(
    "the database file was replaced or removed: stop the server, and put the right file back; writes are refused",
    logging.CRITICAL,
)
OTHER = Trouble("the database can't be used")

# By SQLite's own words: the standard library tells its codes only since Python 3.11.
_WORDS = (
    ("malformed", DAMAGED),
    ("not a database", DAMAGED),
    ("is full", FULL),
    ("locked", LOCKED),
    ("readonly", READ_ONLY),
    ("I/O error", BROKEN),
)


class Troubles:
    """What is wrong with the file at `path`, as far as it has shown. Any thread may call this."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._identity()
        self._present: Trouble | None = None
        self._lock = threading.Lock()
        self._quiet_until: dict[Trouble, float] = {}
        self._next_attempt = 0.0

    @property
    def present(self) -> str | None:
        """Why the last write failed; None once another has succeeded. What is damaged stays so."""
        present = self._present
        return None if present is None else present.sentence

    def require_file(self) -> None:
        """Raise Unavailable when the file has lost its name: what is written to it is gone once it is closed."""
        if self._identity() != self._file:
            self._present = REPLACED
            self._say(REPLACED, None)
            raise _unavailable()

    def failed(self, words: str, *, writing: bool) -> ChatError:
        """Note what SQLite said; what to tell a client instead."""
        trouble = next((trouble for word, trouble in _WORDS if word in words), OTHER)
        if writing or trouble is DAMAGED:
            self._present = trouble
        self._say(trouble, words)
        return Internal("the database is damaged") if trouble is DAMAGED else _unavailable()

    def wrote(self) -> None:
        """Something was written, and is on disk."""
        if self._present is not DAMAGED:
            self._present = None

    def attempt(self) -> bool:
        """Is it time to find out whether a write would succeed again? After a yes, not for a while."""
        if self._present in (None, DAMAGED):
            return False
        with self._lock:
            now = time.monotonic()
            due = now >= self._next_attempt
            if due:
                self._next_attempt = now + PAUSE
        return due

    def _say(self, trouble: Trouble, words: str | None) -> None:
        with self._lock:
            now = time.monotonic()
            if now < self._quiet_until.get(trouble, now):
                return
            self._quiet_until[trouble] = now + QUIET
        log.log(trouble.level, trouble.sentence, extra={"database": str(self._path), "sqlite": words})

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def _unavailable() -> Unavailable:
    return Unavailable("the server can't use its database now: try again later")
