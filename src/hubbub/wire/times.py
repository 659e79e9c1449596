"""Times as they are written on the wire: RFC 3339, UTC, milliseconds and `Z`."""

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from hubbub.domain.errors import Invalid
from hubbub.domain.ids import Millis

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SECOND = timedelta(seconds=1)
_FORM = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{3})Z", re.ASCII)


def format_time(at: Millis) -> str:
    """Write a time, of the years 1 to 9999, like 2026-11-22T09:00:00.000Z."""
    seconds, millis = divmod(at, 1000)
    return f"{_format_second(seconds)}.{millis:03d}Z"


def parse_time(text: str, *, field: str = "at") -> Millis:
    """Read what `format_time` writes, and no other of the many forms that RFC 3339 allows. Raise Invalid."""
    found = _FORM.fullmatch(text)
    if found:
        try:
            return Millis(_parse_second(found[1]) * 1000 + int(found[2]))
        except ValueError:
            pass
    raise Invalid(f"{field} must be a time like 2026-11-22T09:00:00.000Z", field=field)


# What is sent now happened now, so nearly all calls ask for the same second; a page of history asks for a few more.
@lru_cache(maxsize=1024)
def _format_second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]


@lru_cache(maxsize=1024)
def _parse_second(text: str) -> int:
    year, month, day, hour, minute, second = map(int, re.split("[-T:]", text))
    return (datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc) - _EPOCH) // _SECOND
