"""The epoch: the name of one history of a database. A client that knows another one starts anew instead of resuming.

A copy of a database that goes on by itself is another history, with the same numbers for other events. So a backup
holds no epoch, and the store that opens it gives it one: a backup that is restored twice becomes two histories.
"""

import secrets

from sqlalchemy import Connection, literal_column, update

from hubbub.stores.sql.tables import meta

FORGET = "UPDATE meta SET value = '' WHERE key = 'epoch'"
_OF_EPOCH = meta.c.key == literal_column("'epoch'")


def begin(connection: Connection) -> None:
    """Give a database that has no epoch, since it is a backup, one of its own."""
    connection.execute(update(meta).where(_OF_EPOCH, meta.c.value == "").values(value=_new()))


def renew(connection: Connection) -> str:
    """Give the database another epoch, and return it."""
    epoch = _new()
    connection.execute(update(meta).where(_OF_EPOCH).values(value=epoch))
    return epoch


def _new() -> str:
    return secrets.token_hex(8)
