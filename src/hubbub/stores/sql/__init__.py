"""The store in a SQL database: SQLite or PostgreSQL.

- `engine`: the store, and its threads. `databases`: what it needs of a database.
- `files`, `sqlite`, `owner`: a database in a file, its connections, and the one process that has it.
- `servers`, `postgres`: a database on a server, and the connections to it.
- `urls`: where it is, as far as that can be read.
- `troubles`: why a database takes no writes, for its operator.
- `backups`, `epochs`: copies, and how clients notice that one was restored.
- `inspections`: reading a database as it is, for the auditor.
- `schema`, `migrations`: how the tables come to be. `tables`: what queries see of them.
- `users`, `sessions`, `rooms`, `members`, `log`, `messages`, `reads`: one repository for each noun.
- `statements`, `dialects`, `savepoints`, `events`: what they share.

SQLAlchemy Core, no ORM: a row becomes a domain object in one expression. docs/schema.md describes the tables to people.
"""

from hubbub.stores.sql.backups import back_up
from hubbub.stores.sql.engine import SqlStore, current, renew_epoch, shown, upgrade
from hubbub.stores.sql.errors import DatabaseBusy, DatabaseUnreachable, UnusableDatabase

__all__ = [
    "DatabaseBusy",
    "DatabaseUnreachable",
    "SqlStore",
    "UnusableDatabase",
    "back_up",
    "current",
    "renew_epoch",
    "shown",
    "upgrade",
]
