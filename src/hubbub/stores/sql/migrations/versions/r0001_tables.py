"""The first tables and views.

The statements are plain SQL because SQLite keeps them as they are written: `.schema messages` shows the comments too.
For PostgreSQL they say the same. What is looked up or ordered there has the collation "C", which is the order of code
points as in SQLite, and no other after an upgrade of the operating system.

There is no way back from a revision but the backup that was made before.
"""

import secrets

from alembic import op
from sqlalchemy import Connection, text

revision = "0001"
down_revision = None

SQLITE = (
    """
CREATE TABLE meta (
    key TEXT PRIMARY KEY,  -- 'epoch': the name of this copy of the data, new whenever it is restored from a backup
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID""",
    """
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given to another user
    username TEXT NOT NULL,
    username_lower TEXT NOT NULL UNIQUE,  -- in lower case, also beyond ASCII
    email TEXT NOT NULL,
    email_lower TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    is_admin INTEGER NOT NULL CHECK (is_admin IN (0, 1)),
    created_at INTEGER NOT NULL  -- milliseconds since 1970-01-01T00:00Z, as all times here
) STRICT""",
    """
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    label TEXT NOT NULL,  -- what the device called itself
    generation INTEGER NOT NULL CHECK (generation >= 1),  -- one more with each refresh
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT""",
    "CREATE INDEX sessions_of_user ON sessions (user_id)",
    """
CREATE TABLE tickets (
    hash BLOB PRIMARY KEY,  -- SHA-256 of the ticket
    session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX tickets_of_session ON tickets (session_id)",
    """
CREATE TABLE rooms (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('direct', 'group', 'channel')),
    name TEXT NOT NULL,  -- empty in a direct room
    topic TEXT NOT NULL,
    history TEXT NOT NULL CHECK (history IN ('all', 'since_joined')),  -- from where on a member may read
    head INTEGER NOT NULL CHECK (head >= 0),  -- the seq of the newest event
    created_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,  -- when the newest event happened
    deleted_at INTEGER,
    pair_low INTEGER REFERENCES users (id),  -- the two people of a direct room, the lower id first
    pair_high INTEGER REFERENCES users (id),
    CHECK ((pair_low IS NULL AND pair_high IS NULL) OR pair_low < pair_high)
) STRICT""",
    "CREATE UNIQUE INDEX rooms_by_pair ON rooms (pair_low, pair_high) WHERE pair_low IS NOT NULL",
    "CREATE INDEX rooms_directory ON rooms (id) WHERE kind = 'channel' AND deleted_at IS NULL",
    """
CREATE TABLE members (
    room_id INTEGER NOT NULL REFERENCES rooms (id),
    user_id INTEGER NOT NULL REFERENCES users (id),
    role TEXT NOT NULL CHECK (role IN ('member', 'admin', 'owner')),
    joined_seq INTEGER NOT NULL CHECK (joined_seq >= 1),  -- the event that began this membership
    PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX members_of_user ON members (user_id)",
    """
CREATE TABLE messages (  -- as they are now
    room_id INTEGER NOT NULL REFERENCES rooms (id),
    seq INTEGER NOT NULL CHECK (seq >= 1),  -- shared with room_events: the two together have no hole
    user_id INTEGER NOT NULL REFERENCES users (id),  -- the author
    at INTEGER NOT NULL,
    text TEXT NOT NULL,  -- empty once it is deleted
    client_id TEXT,  -- the author's own name for it: posted twice, it is one message
    reply_to INTEGER,  -- the seq of another message in this room
    version INTEGER NOT NULL CHECK (version >= seq),  -- the seq of its last change, seq itself before any
    edited_at INTEGER,
    deleted_at INTEGER CHECK (deleted_at IS NULL OR text = ''),
    PRIMARY KEY (room_id, seq)
) STRICT, WITHOUT ROWID""",
    """CREATE UNIQUE INDEX messages_by_client_id ON messages (room_id, user_id, client_id)
    WHERE client_id IS NOT NULL""",
    """
CREATE TABLE room_events (  -- everything in a room's log that is not a message
    room_id INTEGER NOT NULL REFERENCES rooms (id),
    seq INTEGER NOT NULL CHECK (seq >= 1),
    kind TEXT NOT NULL,  -- 'member.joined', 'message.edited' …
    user_id INTEGER NOT NULL REFERENCES users (id),  -- who did it
    at INTEGER NOT NULL,
    target INTEGER,  -- the seq of the message that it changed
    member_id INTEGER REFERENCES users (id),  -- whose membership it changed
    body TEXT CHECK (body IS NULL OR json_valid(body)),  -- what else there is to know, by kind
    PRIMARY KEY (room_id, seq)
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX room_events_by_target ON room_events (room_id, target) WHERE target IS NOT NULL",
    """
CREATE TABLE reads (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    room_id INTEGER NOT NULL REFERENCES rooms (id),
    seq INTEGER NOT NULL,  -- how far they have read; it never goes back
    PRIMARY KEY (user_id, room_id)
) STRICT, WITHOUT ROWID""",
    # For people alone: hubbub itself reads no view.
    """
CREATE VIEW transcript AS  -- what was said
SELECT m.room_id, iif(r.kind = 'direct', '(direct)', r.name) AS room, m.seq,
    strftime('%Y-%m-%d %H:%M:%f', m.at / 1000.0, 'unixepoch') AS at_utc, u.username,
    iif(m.deleted_at IS NULL, m.text, '(deleted)') AS text
FROM messages AS m JOIN users AS u ON u.id = m.user_id JOIN rooms AS r ON r.id = m.room_id
ORDER BY m.room_id, m.seq""",
    """
CREATE VIEW event_list AS  -- everything that happened; body is the text of a message, and otherwise JSON
SELECT m.room_id, m.seq, strftime('%Y-%m-%d %H:%M:%f', m.at / 1000.0, 'unixepoch') AS at_utc,
    'message.posted' AS kind, u.username, NULL AS target, NULL AS member, m.text AS body
FROM messages AS m JOIN users AS u ON u.id = m.user_id
UNION ALL
SELECT e.room_id, e.seq, strftime('%Y-%m-%d %H:%M:%f', e.at / 1000.0, 'unixepoch'),
    e.kind, u.username, e.target, v.username, e.body
FROM room_events AS e JOIN users AS u ON u.id = e.user_id LEFT JOIN users AS v ON v.id = e.member_id
ORDER BY 1, 2""",
    """
CREATE VIEW room_list AS  -- the rooms that are not deleted, the latest first
SELECT r.id AS room_id, r.kind, coalesce(a.username || ' + ' || b.username, r.name) AS name, r.head,
    (SELECT count(*) FROM members AS m WHERE m.room_id = r.id) AS members,
    strftime('%Y-%m-%d %H:%M:%f', r.last_at / 1000.0, 'unixepoch') AS last_utc
FROM rooms AS r LEFT JOIN users AS a ON a.id = r.pair_low LEFT JOIN users AS b ON b.id = r.pair_high
WHERE r.deleted_at IS NULL
ORDER BY r.last_at DESC, r.id DESC""",
    """
CREATE VIEW member_list AS  -- who is where, and how far they have read
SELECT m.room_id, m.user_id, u.username, m.role, m.joined_seq, max(m.joined_seq, coalesce(d.seq, 0)) AS read_seq, r.head
FROM members AS m JOIN users AS u ON u.id = m.user_id JOIN rooms AS r ON r.id = m.room_id
    LEFT JOIN reads AS d ON d.user_id = m.user_id AND d.room_id = m.room_id
ORDER BY m.room_id, m.user_id""",
    """
CREATE VIEW session_list AS  -- who is signed in, the last used first
SELECT s.id AS session_id, u.username, s.label, s.generation,
    strftime('%Y-%m-%d %H:%M:%f', s.used_at / 1000.0, 'unixepoch') AS used_utc,
    strftime('%Y-%m-%d %H:%M:%f', s.expires_at / 1000.0, 'unixepoch') AS expires_utc
FROM sessions AS s JOIN users AS u ON u.id = s.user_id
ORDER BY s.used_at DESC, s.id DESC""",
)


# Rows of these are changed again and again: with room on their page the indexes need not be told.
_OFTEN = "WITH (fillfactor = 80)"

POSTGRESQL = (
    """
CREATE TABLE meta (
    key TEXT COLLATE "C" PRIMARY KEY,
    value TEXT NOT NULL
)""",
    f"""
CREATE TABLE users (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    username TEXT NOT NULL,
    username_lower TEXT COLLATE "C" NOT NULL UNIQUE,
    email TEXT NOT NULL,
    email_lower TEXT COLLATE "C" NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    is_admin INTEGER NOT NULL CHECK (is_admin IN (0, 1)),
    created_at BIGINT NOT NULL
) {_OFTEN}""",
    f"""
CREATE TABLE sessions (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    label TEXT NOT NULL,
    generation BIGINT NOT NULL CHECK (generation >= 1),
    created_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
) {_OFTEN}""",
    "CREATE INDEX sessions_of_user ON sessions (user_id)",
    """
CREATE TABLE tickets (
    hash BYTEA PRIMARY KEY,
    session_id BIGINT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
)""",
    "CREATE INDEX tickets_of_session ON tickets (session_id)",
    f"""
CREATE TABLE rooms (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('direct', 'group', 'channel')),
    name TEXT NOT NULL,
    topic TEXT NOT NULL,
    history TEXT NOT NULL CHECK (history IN ('all', 'since_joined')),
    head BIGINT NOT NULL CHECK (head >= 0),
    created_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    deleted_at BIGINT,
    pair_low BIGINT REFERENCES users (id),
    pair_high BIGINT REFERENCES users (id),
    CHECK ((pair_low IS NULL AND pair_high IS NULL) OR pair_low < pair_high)
) {_OFTEN}""",
    "CREATE UNIQUE INDEX rooms_by_pair ON rooms (pair_low, pair_high) WHERE pair_low IS NOT NULL",
    "CREATE INDEX rooms_directory ON rooms (id) WHERE kind = 'channel' AND deleted_at IS NULL",
    """
CREATE TABLE members (
    room_id BIGINT NOT NULL REFERENCES rooms (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    role TEXT NOT NULL CHECK (role IN ('member', 'admin', 'owner')),
    joined_seq BIGINT NOT NULL CHECK (joined_seq >= 1),
    PRIMARY KEY (room_id, user_id)
)""",
    "CREATE INDEX members_of_user ON members (user_id)",
    """
CREATE TABLE messages (
    room_id BIGINT NOT NULL REFERENCES rooms (id),
    seq BIGINT NOT NULL CHECK (seq >= 1),
    user_id BIGINT NOT NULL REFERENCES users (id),
    at BIGINT NOT NULL,
    text TEXT NOT NULL,
    client_id TEXT COLLATE "C",
    reply_to BIGINT,
    version BIGINT NOT NULL CHECK (version >= seq),
    edited_at BIGINT,
    deleted_at BIGINT CHECK (deleted_at IS NULL OR text = ''),
    PRIMARY KEY (room_id, seq)
)""",
    """CREATE UNIQUE INDEX messages_by_client_id ON messages (room_id, user_id, client_id)
    WHERE client_id IS NOT NULL""",
    """
CREATE TABLE room_events (
    room_id BIGINT NOT NULL REFERENCES rooms (id),
    seq BIGINT NOT NULL CHECK (seq >= 1),
    kind TEXT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id),
    at BIGINT NOT NULL,
    target BIGINT,
    member_id BIGINT REFERENCES users (id),
    body TEXT CHECK (body IS NULL OR body::json IS NOT NULL),
    PRIMARY KEY (room_id, seq)
)""",
    "CREATE INDEX room_events_by_target ON room_events (room_id, target) WHERE target IS NOT NULL",
    f"""
CREATE TABLE reads (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    room_id BIGINT NOT NULL REFERENCES rooms (id),
    seq BIGINT NOT NULL,
    PRIMARY KEY (user_id, room_id)
) {_OFTEN}""",
    """
CREATE VIEW transcript AS
SELECT m.room_id, CASE r.kind WHEN 'direct' THEN '(direct)' ELSE r.name END AS room, m.seq,
    to_char(to_timestamp(m.at / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') AS at_utc, u.username,
    CASE WHEN m.deleted_at IS NULL THEN m.text ELSE '(deleted)' END AS text
FROM messages AS m JOIN users AS u ON u.id = m.user_id JOIN rooms AS r ON r.id = m.room_id
ORDER BY m.room_id, m.seq""",
    """
CREATE VIEW event_list AS
SELECT m.room_id, m.seq,
    to_char(to_timestamp(m.at / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') AS at_utc,
    'message.posted' AS kind, u.username, NULL::bigint AS target, NULL AS member, m.text AS body
FROM messages AS m JOIN users AS u ON u.id = m.user_id
UNION ALL
SELECT e.room_id, e.seq, to_char(to_timestamp(e.at / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS'),
    e.kind, u.username, e.target, v.username, e.body
FROM room_events AS e JOIN users AS u ON u.id = e.user_id LEFT JOIN users AS v ON v.id = e.member_id
ORDER BY 1, 2""",
    """
CREATE VIEW room_list AS
SELECT r.id AS room_id, r.kind, coalesce(a.username || ' + ' || b.username, r.name) AS name, r.head,
    (SELECT count(*) FROM members AS m WHERE m.room_id = r.id) AS members,
    to_char(to_timestamp(r.last_at / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') AS last_utc
FROM rooms AS r LEFT JOIN users AS a ON a.id = r.pair_low LEFT JOIN users AS b ON b.id = r.pair_high
WHERE r.deleted_at IS NULL
ORDER BY r.last_at DESC, r.id DESC""",
    """
CREATE VIEW member_list AS
SELECT m.room_id, m.user_id, u.username, m.role, m.joined_seq,
    greatest(m.joined_seq, coalesce(d.seq, 0)) AS read_seq, r.head
FROM members AS m JOIN users AS u ON u.id = m.user_id JOIN rooms AS r ON r.id = m.room_id
    LEFT JOIN reads AS d ON d.user_id = m.user_id AND d.room_id = m.room_id
ORDER BY m.room_id, m.user_id""",
    """
CREATE VIEW session_list AS
SELECT s.id AS session_id, u.username, s.label, s.generation,
    to_char(to_timestamp(s.used_at / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') AS used_utc,
    to_char(to_timestamp(s.expires_at / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') AS expires_utc
FROM sessions AS s JOIN users AS u ON u.id = s.user_id
ORDER BY s.used_at DESC, s.id DESC""",
)

# Lower case in every script, whatever the locale of the database: one of these is in every installation but those of
# PostgreSQL 17 and before that were made without ICU.
_COLLATIONS = ("pg_unicode_fast", "und-x-icu")


def upgrade() -> None:
    """Make them, and name this copy of the data."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        statements: tuple[str, ...] = SQLITE
    else:
        statements = (*POSTGRESQL, _lower_unicode(connection))
    for statement in statements:
        connection.exec_driver_sql(statement)
    epoch = text("INSERT INTO meta (key, value) VALUES ('epoch', :epoch)")
    connection.execute(epoch, {"epoch": secrets.token_hex(8)})


def _lower_unicode(connection: Connection) -> str:
    found = connection.execute(
        text("SELECT collname FROM pg_collation WHERE collname = ANY(:names) ORDER BY collname LIMIT 1"),
        {"names": list(_COLLATIONS)},
    ).scalar()
    collation = "" if found is None else f' COLLATE pg_catalog."{found}"'
    return f"""
CREATE FUNCTION lower_unicode(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN lower($1{collation})"""
