"""The store in a SQL database.

- `engine`: opening, closing, threads, transactions. `sqlite`: connections. `owner`: one process per file.
- `troubles`: why a database takes no writes, for its operator.
- `backups`, `epochs`: copies, and how clients notice that one was restored.
- `schema`, `migrations`: how the tables come to be. `tables`: what queries see of them.
- `users`, `sessions`, `rooms`, `members`, `log`, `messages`, `reads`: one repository for each noun.
- `statements`, `dialects`, `savepoints`, `events`: what they share.

SQLAlchemy Core, no ORM: a row becomes a domain object in one expression. docs/schema.md describes the tables to people.
"""

from hubbub.stores.sql.backups import back_up
from hubbub.stores.sql.engine import SqlStore, current, renew_epoch, upgrade
from hubbub.stores.sql.errors import DatabaseBusy, UnusableDatabase

__all__ = ["DatabaseBusy", "SqlStore", "UnusableDatabase", "back_up", "current", "renew_epoch", "upgrade"]
