"""Is there room for more connections? Each is an open file, and those beyond the limit are closed without a word."""

import asyncio
import errno
import logging
import os

LOOK = 5.0  # seconds between two looks
RESERVE = 8  # files that can still be opened while all is well
EXHAUSTED = "hardly any more files can be opened, and each connection is one: raise LimitNOFILE (ulimit -n)"
WELL = "files can be opened again"

log = logging.getLogger(__name__)


class OpenFiles:
    """Looks now and then whether this process can open more files; `trouble` says that it can't."""

    def __init__(self) -> None:
        self.trouble: str | None = None

    async def watch(self) -> None:
        """Look until this is cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK)

    def look(self) -> None:
        """Find out how it is, and log what has changed."""
        before, self.trouble = self.trouble, None if _can_open(RESERVE) else EXHAUSTED
        if self.trouble is not None and before is None:
            log.error(EXHAUSTED)
        elif self.trouble is None and before is not None:
            log.info(WELL)


def _can_open(count: int) -> bool:
    """Try it: the descriptors in use are no measure, since a limit may also be the system's."""
    opened: list[int] = []
    try:
        while len(opened) < count:
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno not in (errno.EMFILE, errno.ENFILE)
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return True
