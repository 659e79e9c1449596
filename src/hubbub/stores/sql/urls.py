"""Reading the URL of a database. No refusal shows any of it: what stands in a wrong place may be a password."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from hubbub.stores.sql.errors import UnusableDatabase

_FORMS = "sqlite:///hubbub.db nor postgresql+psycopg://user:password@host:5432/database"


def parse(url: str) -> URL:
    """The parts of a URL. Raise UnusableDatabase when it has none."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError):  # ValueError: the port is no number
        raise refusal() from None


def refusal() -> UnusableDatabase:
    """What is said of a URL that has another form."""
    return UnusableDatabase(
        f"HUBBUB_DATABASE_URL is neither of the form {_FORMS}. Write @ : / in a password as %40 %3A %2F"
    )
