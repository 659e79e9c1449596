"""Why a database can't be opened. For the operator who starts the server: no client ever sees these.

UnusableDatabase         a wrong URL, a file that is no database, a schema of a later release …
├── DatabaseBusy         another process owns the file
└── DatabaseUnreachable  no server answers there, or takes connections: that may be otherwise in a moment
"""


class UnusableDatabase(Exception):
    """The database can't be opened as it is; `str(error)` says why, and what to do."""


class DatabaseBusy(UnusableDatabase):
    """Another process owns the database file."""


class DatabaseUnreachable(UnusableDatabase):
    """The database can't be asked whether it is usable."""
