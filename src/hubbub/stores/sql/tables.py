"""The tables, as queries see them.

What they mean is in docs/schema.md; keys, checks and indexes are in the migrations, which made the tables that exist. A
test compares the two. The columns of `messages` stand in the order of the fields of `Message`.
"""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("username", Text, nullable=False),
    Column("username_lower", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("email_lower", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("is_admin", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("label", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("attempt", LargeBinary),
)

tickets = Table(
    "tickets",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("session_id", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

rooms = Table(
    "rooms",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("history", Text, nullable=False),
    Column("head", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    Column("pair_low", BigInteger),
    Column("pair_high", BigInteger),
)

members = Table(
    "members",
    metadata,
    Column("room_id", BigInteger, primary_key=True),
    Column("user_id", BigInteger, primary_key=True),
    Column("role", Text, nullable=False),
    Column("joined_seq", BigInteger, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("room_id", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("client_id", Text),
    Column("reply_to", BigInteger),
    Column("version", BigInteger, nullable=False),
    Column("edited_at", BigInteger),
    Column("deleted_at", BigInteger),
)

room_events = Table(
    "room_events",
    metadata,
    Column("room_id", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("target", BigInteger),
    Column("member_id", BigInteger),
    Column("body", Text),
)

reads = Table(
    "reads",
    metadata,
    Column("user_id", BigInteger, primary_key=True),
    Column("room_id", BigInteger, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("full_at", BigInteger, nullable=False),
)

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
