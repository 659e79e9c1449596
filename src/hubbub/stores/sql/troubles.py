"""Why a database can't be used: in words for its operator, who can mend it, and in others for clients, who can't."""

import logging
import threading
import time
from dataclasses import dataclass

from hubbub.domain.errors import ChatError, Internal, Unavailable

QUIET = 60.0  # seconds between two lines about the same trouble
AGAIN = 5.0  # the same, when it has ended in between
PAUSE = 1.0  # seconds between two attempts to write that nobody asked for

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trouble:
    sentence: str  # what is wrong, and what to do
    level: int = logging.ERROR


DAMAGED = Trouble("the database is damaged: stop the server, and restore it from a backup", logging.CRITICAL)
FULL = Trouble("the disk is full: make room; writes are refused until then")
WELL = "the database takes writes again"


class Troubles:
    """What is wrong with the database that is `shown` to its operator, as far as it has shown. For any thread."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._present: Trouble | None = None
        self._lock = threading.Lock()
        self._quiet_until: dict[Trouble, float] = {}
        self._unended = False  # was a present trouble said, and not its end?
        self._next_attempt = 0.0

    @property
    def present(self) -> str | None:
        """Why the last write failed; None once another has succeeded. What is damaged stays so."""
        present = self._present
        return None if present is None else present.sentence

    def failed(self, trouble: Trouble, words: str | None, *, lasting: bool) -> ChatError:
        """Note what the database said; what to tell a client instead.

        A trouble is `lasting` when it has to be expected that the next write meets it too.
        """
        with self._lock:
            lasting = lasting or trouble is DAMAGED
            if lasting and self._present is not DAMAGED:
                self._present = trouble
            due = self._is_due(trouble)
            self._unended = self._unended or (lasting and due)
        if due:
            log.log(trouble.level, trouble.sentence, extra={"database": self._shown, "said": words})
        if trouble is DAMAGED:
            return Internal("the database is damaged")
        return Unavailable("the server can't use its database now: try again later")

    def wrote(self) -> None:
        """Something was written, and is on disk."""
        if self._present is None:
            return  # nearly always
        with self._lock:
            if self._present is DAMAGED:
                return
            self._present = None
            said, self._unended = self._unended, False
            if said:
                self._quiet_until = {trouble: until - QUIET + AGAIN for trouble, until in self._quiet_until.items()}
        if said:
            log.info(WELL, extra={"database": self._shown})

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

    def _is_due(self, trouble: Trouble) -> bool:
        """Is a line about it not too much? After a yes, for a while."""
        now = time.monotonic()
        due = now >= self._quiet_until.get(trouble, now)
        if due:
            self._quiet_until[trouble] = now + QUIET
        return due
