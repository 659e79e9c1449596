"""Every kind of damage that the auditor is for, planted in a real database."""

from pathlib import Path

import pytest

from hubbub.audit.findings import Findings
from hubbub.audit.store import audit_store
from hubbub.stores.sql import UnusableDatabase
from tests.unit.audit.databases import CHANNEL, DELETED, DIRECT, EDITED, GROUP, HELLO, REPLY, Silent, fill, plant

CREATE_AGAIN = """UPDATE room_events SET kind = 'room.created',
    body = '{"kind": "group", "name": "x", "topic": "", "history": "all"}' WHERE room_id = 1 AND seq = 14"""


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """The file of a chat in which nothing is wrong."""
    await fill(f"sqlite:///{tmp_path / 'chat.db'}")
    return tmp_path / "chat.db"


def audit(path: Path) -> Findings:
    return audit_store(f"sqlite:///{path}", Silent()).findings


def places(findings: Findings, kind: str) -> list[tuple[int | None, int | None]]:
    return [(finding.room_id, finding.seq) for finding in findings.of(kind)]


def test_nothing_is_found_where_nothing_is_wrong(path: Path) -> None:
    progress = Silent()
    report = audit_store(f"sqlite:///{path}", progress)
    assert (report.findings.shown, len(report.findings)) == ([], 0)
    assert (report.rooms, report.events) == (4, 66)
    assert progress.done == progress.totals


@pytest.mark.parametrize(
    ("kind", "place", "damage"),
    [
        ("hole", (CHANNEL, 20), "DELETE FROM messages WHERE room_id = 2 AND seq = 20"),
        ("hole", (GROUP, 2), "DELETE FROM room_events WHERE room_id = 1 AND seq = 2"),
        ("wrong head", (CHANNEL, 42), "DELETE FROM messages WHERE room_id = 2 AND seq = 43"),
        ("wrong head", (GROUP, 16), "UPDATE rooms SET head = head + 1 WHERE id = 1"),
        ("wrong head", (GROUP, 16), "UPDATE rooms SET head = head - 1 WHERE id = 1"),
        (
            "doubled seq",
            (CHANNEL, 20),
            "INSERT INTO room_events VALUES (2, 20, 'member.left', 1, 50, NULL, 1, NULL)",
        ),
        ("wrong message", (GROUP, EDITED), "UPDATE messages SET text = 'bye' WHERE room_id = 1 AND seq = 5"),
        ("wrong message", (GROUP, EDITED), "UPDATE messages SET version = 8 WHERE room_id = 1 AND seq = 5"),
        ("wrong message", (GROUP, EDITED), "UPDATE messages SET edited_at = 1 WHERE room_id = 1 AND seq = 5"),
        ("wrong message", (GROUP, DELETED), "UPDATE messages SET text = 'x' WHERE room_id = 1 AND seq = 6"),
        ("wrong message", (GROUP, HELLO), "UPDATE messages SET deleted_at = 1 WHERE room_id = 1 AND seq = 4"),
        ("wrong message", (GROUP, EDITED), 'UPDATE room_events SET body = \'{"text": "x"}\' WHERE seq = 11'),
        ("wrong target", (GROUP, 10), "UPDATE room_events SET target = 2 WHERE room_id = 1 AND seq = 10"),
        ("wrong target", (GROUP, 11), "UPDATE room_events SET target = 6 WHERE room_id = 1 AND seq = 11"),
        ("wrong erasure", (GROUP, 9), 'UPDATE room_events SET body = \'{"text": "a secret"}\' WHERE seq = 9'),
        ("wrong erasure", (GROUP, 8), 'UPDATE room_events SET body = \'{"text": ""}\' WHERE seq = 8'),
        ("wrong reply", (GROUP, REPLY), "UPDATE messages SET reply_to = 12 WHERE room_id = 1 AND seq = 7"),
        ("outsider", (GROUP, 8), "UPDATE room_events SET user_id = 1 WHERE room_id = 1 AND seq = 8"),
        ("outsider", (CHANNEL, 9), "UPDATE messages SET user_id = 2 WHERE room_id = 2 AND seq = 9"),
        ("wrong member", (GROUP, 3), "DELETE FROM members WHERE room_id = 1 AND user_id = 2"),
        ("wrong member", (GROUP, 1), "INSERT INTO members VALUES (1, 3, 'member', 1)"),
        ("wrong member", (GROUP, 2), "UPDATE members SET role = 'member' WHERE room_id = 1 AND user_id = 1"),
        ("wrong room", (GROUP, None), "UPDATE rooms SET name = 'Not it' WHERE id = 1"),
        ("wrong room", (CHANNEL, None), "UPDATE rooms SET history = 'all' WHERE id = 2"),
        ("wrong room", (GROUP, None), "UPDATE rooms SET deleted_at = 5 WHERE id = 1"),
        ("wrong pair", (DIRECT, None), "UPDATE rooms SET pair_high = 3 WHERE id = 3"),
        ("wrong pair", (GROUP, None), "UPDATE rooms SET pair_low = 1, pair_high = 3 WHERE id = 1"),
        ("wrong mark", (GROUP, 99), "UPDATE reads SET seq = 99"),
        ("wrong beginning", (GROUP, 14), CREATE_AGAIN),
        ("unreadable event", (GROUP, 13), "UPDATE room_events SET kind = 'confetti' WHERE room_id = 1 AND seq = 13"),
        ("unreadable event", (GROUP, 12), "UPDATE room_events SET body = '{}' WHERE room_id = 1 AND seq = 12"),
        ("after the end", (4, 4), "INSERT INTO messages VALUES (4, 4, 1, 70, 'psst', NULL, NULL, 4, NULL, NULL)"),
        ("dangling row", (None, None), "DELETE FROM users WHERE id = 2"),
    ],
)
def test_damage_is_found_and_named(path: Path, kind: str, place: tuple[int | None, int | None], damage: str) -> None:
    plant(path, damage)
    assert place in places(audit(path), kind)


def test_swapped_events_are_found(path: Path) -> None:
    swap = "UPDATE messages SET seq = {} WHERE room_id = 2 AND seq = {}"
    plant(path, swap.format(900, 10), swap.format(10, 11), swap.format(11, 900))
    findings = audit(path)
    assert places(findings, "wrong message") == [(CHANNEL, 10), (CHANNEL, 11)]
    assert findings.remarks == {"time goes back": 1}


def test_a_repeated_client_id_is_found_even_where_the_index_is_gone(path: Path) -> None:
    plant(
        path,
        "DROP INDEX messages_by_client_id",
        "UPDATE messages SET client_id = 'n1' WHERE room_id = 2 AND seq = 20",
    )
    assert places(audit(path), "doubled client_id") == [(CHANNEL, 20)]


def test_a_second_direct_room_of_a_pair_is_found_even_where_nothing_forbids_it(path: Path) -> None:
    plant(
        path,
        """CREATE TABLE other (id INTEGER PRIMARY KEY, kind, name, topic, history, head, created_at, last_at,
            deleted_at, pair_low, pair_high)""",
        "INSERT INTO other SELECT * FROM rooms",
        "DROP VIEW transcript",
        "DROP VIEW room_list",
        "DROP VIEW member_list",
        "DROP TABLE rooms",
        "ALTER TABLE other RENAME TO rooms",
        "INSERT INTO rooms SELECT 9, kind, name, topic, history, 0, 0, 0, NULL, 1, 2 FROM rooms WHERE id = 3",
    )
    assert places(audit(path), "doubled pair") == [(9, None)]


def test_a_clock_that_was_set_back_is_only_remarked(path: Path) -> None:
    plant(path, "UPDATE messages SET at = 5 WHERE room_id = 2 AND seq = 20")
    findings = audit(path)
    assert (len(findings), findings.remarks) == (0, {"time goes back": 1})


def test_a_damaged_page_is_reported_and_not_the_end(path: Path) -> None:
    plant(path, "PRAGMA journal_mode = DELETE")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 4096)
    assert audit(path).counts["damaged file"] >= 1


def test_only_so_many_findings_of_a_kind_are_kept_and_all_are_counted(path: Path) -> None:
    plant(path, "UPDATE messages SET version = 44 WHERE room_id = 2")
    findings = audit(path)
    assert (findings.counts, len(findings.shown)) == ({"wrong message": 40}, 20)


def test_a_database_that_is_in_use_is_only_read(path: Path) -> None:
    before = path.read_bytes()
    audit(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [None, b"", b"no database at all"])
def test_what_is_no_database_of_hubbub_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "other.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnusableDatabase, match=r"other\.db"):
        audit(path)
    assert path.exists() is (content is not None)


def test_a_database_of_another_release_is_refused(path: Path) -> None:
    plant(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UnusableDatabase, match="9999"):
        audit(path)
