"""The auditor finds on PostgreSQL what it finds in a file: each of its statements, and what only a server can say."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import make_url

from hubbub.audit.findings import Findings
from hubbub.audit.store import audit_store
from hubbub.stores.sql import UnusableDatabase
from tests.postgres import EmptyDatabases, connect
from tests.unit.audit.databases import CHANNEL, EDITED, GROUP, REPLY, Silent, fill


@pytest.fixture
async def url(empty_databases: EmptyDatabases) -> AsyncIterator[str]:
    """A chat in which nothing is wrong."""
    with empty_databases.one() as url:
        await fill(url)
        yield url


def plant(url: str, *statements: str) -> None:
    """Change the database against its own rules for foreign keys."""
    with connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement.encode())


def audit(url: str) -> Findings:
    return audit_store(url, Silent()).findings


def test_nothing_is_found_where_nothing_is_wrong(url: str) -> None:
    progress = Silent()
    report = audit_store(url, progress)
    assert (report.findings.shown, len(report.findings)) == ([], 0)
    assert (report.rooms, report.events) == (4, 66)
    assert progress.done == progress.totals


@pytest.mark.parametrize(
    ("kind", "place", "damage"),
    [
        ("hole", (CHANNEL, 20), "DELETE FROM messages WHERE room_id = 2 AND seq = 20"),
        ("doubled seq", (CHANNEL, 20), "INSERT INTO room_events VALUES (2, 20, 'member.left', 1, 50, NULL, 1, NULL)"),
        ("wrong head", (GROUP, 16), "UPDATE rooms SET head = head + 1 WHERE id = 1"),
        ("wrong message", (GROUP, EDITED), "UPDATE messages SET text = 'bye' WHERE room_id = 1 AND seq = 5"),
        ("wrong message", (CHANNEL, 9), "UPDATE messages SET edited_at = 1 WHERE room_id = 2 AND seq = 9"),
        ("wrong erasure", (GROUP, 9), 'UPDATE room_events SET body = \'{"text": "a secret"}\' WHERE seq = 9'),
        ("wrong target", (GROUP, 11), "UPDATE room_events SET target = 6 WHERE room_id = 1 AND seq = 11"),
        ("wrong reply", (GROUP, REPLY), "UPDATE messages SET reply_to = 12 WHERE room_id = 1 AND seq = 7"),
        ("wrong member", (GROUP, 3), "DELETE FROM members WHERE room_id = 1 AND user_id = 2"),
        ("wrong mark", (GROUP, 99), "UPDATE reads SET seq = 99"),
        ("dangling row", (None, None), "DELETE FROM users WHERE id = 3"),
    ],
)
def test_damage_is_found(url: str, kind: str, place: tuple[int | None, int | None], damage: str) -> None:
    plant(url, damage)
    assert place in [(finding.room_id, finding.seq) for finding in audit(url).of(kind)]


def test_a_client_id_and_a_pair_that_occur_twice_are_found(url: str, empty_databases: EmptyDatabases) -> None:
    plant(url, "DROP INDEX messages_by_client_id", "UPDATE messages SET client_id = 'n1' WHERE room_id = 2 AND seq = 9")
    plant(url, "DROP INDEX rooms_by_pair", "UPDATE rooms SET pair_low = 1, pair_high = 2 WHERE id = 1")
    empty_databases.discard(url)
    found = audit(url).counts
    assert (found["doubled client_id"], found["doubled pair"]) == (1, 1)


def test_a_database_that_is_none_of_this_release_is_refused(url: str, empty_databases: EmptyDatabases) -> None:
    empty_databases.discard(url)
    with connect(url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(UnusableDatabase, match="9999"):
            audit(url)
        connection.execute("DROP TABLE alembic_version")
        with pytest.raises(UnusableDatabase, match="no tables of hubbub"):
            audit(url)


def test_a_server_that_cannot_be_reached_is_said_to_be_so_without_the_password(url: str) -> None:
    nowhere = make_url(url).set(port=1, password="secret")
    with pytest.raises(UnusableDatabase, match=r"127\.0\.0\.1:1/") as refusal:
        audit(nowhere.render_as_string(hide_password=False))
    assert "secret" not in str(refusal.value)
