"""Signing keys: made once, read strictly, rotated."""

import os
import re
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hubbub.security.keys import MAX_FILE, SigningKey, UnusableKeys, load_keys, parse_keys, rotate_keys
from tests.disks import full_disk

A, B = "a" * 32, "b" * 40

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no permission bits")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hubbub.keys"


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


def test_the_first_start_makes_a_key_that_the_next_ones_find(path: Path) -> None:
    made = load_keys(path)
    assert len(made) == 1
    assert len(made[0].secret) == 64
    assert load_keys(path) == made
    assert list(path.parent.iterdir()) == [path]


@posix
def test_the_file_is_for_its_owner_alone(path: Path) -> None:
    load_keys(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_files_have_two_keys(tmp_path: Path) -> None:
    assert load_keys(tmp_path / "one") != load_keys(tmp_path / "two")


def test_servers_that_start_at_once_end_up_with_the_same_key(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(load_keys, [path] * 32))
    assert len(found) == 1
    assert list(path.parent.iterdir()) == [path]


@posix
@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602, 0o601])
def test_a_file_that_is_open_to_others_is_refused(path: Path, mode: int) -> None:
    load_keys(path)
    path.chmod(mode)
    with pytest.raises(UnusableKeys, match="chmod 600"):
        load_keys(path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "holds no key"),
        (b"# only a comment\n\n", "holds no key"),
        (b"a" * 31, "a key of 31 bytes: each must have 32 or more"),
        (f"{A} short".encode(), "a key of 5 bytes"),
        (b"\x00\xff" * 40, "printable ASCII"),
        ("ö".encode() * 40, "printable ASCII"),
        (f"{A}\n{B}\n{A}".encode(), "the same key twice"),
        (b"a" * (MAX_FILE + 1), "it is not a file of keys"),
    ],
)
def test_a_malformed_file_is_refused_with_its_name_and_the_reason(path: Path, content: bytes, complaint: str) -> None:
    write(path, content)
    with pytest.raises(UnusableKeys, match=complaint) as refused:
        load_keys(path)
    assert str(refused.value).startswith(str(path))


@pytest.mark.parametrize(
    ("use", "place", "reason"),
    [
        (load_keys, "nowhere/keys", "No such file"),
        (load_keys, ".", "Is a directory"),
        (rotate_keys, ".", "Is a directory"),
    ],
)
def test_a_place_where_no_file_can_be_is_refused_with_its_name_and_left_alone(
    tmp_path: Path, use: Callable[[Path], object], place: str, reason: str
) -> None:
    with pytest.raises(UnusableKeys, match=reason) as refused:
        use(tmp_path / place)
    assert str(tmp_path / place) in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_keys_are_words_in_order_and_comments_are_left_out() -> None:
    keys = parse_keys(f"# first\n  {A}\t{B}\n   # {'c' * 40}\n")
    assert [key.secret for key in keys] == [A.encode(), B.encode()]


def test_a_complaint_names_the_setting_and_never_the_secret() -> None:
    with pytest.raises(UnusableKeys) as refused:
        parse_keys("swordfish", source="HUBBUB_SECRET")
    assert "HUBBUB_SECRET" in str(refused.value)
    assert "swordfish" not in str(refused.value)


def test_a_kid_follows_from_its_secret_alone_and_does_not_show_it() -> None:
    (first,), (again, other) = parse_keys(A), parse_keys(f"{A} {B}")
    assert first.kid == again.kid == "632151b57e914227"
    assert other.kid != first.kid


def test_a_repr_does_not_show_the_secret() -> None:
    assert repr(SigningKey("k1", A.encode())) == "SigningKey(kid='k1')"


def test_rotating_puts_a_new_key_in_front_and_keeps_the_newest_old_ones(path: Path) -> None:
    (first,) = load_keys(path)
    second, *old = rotate_keys(path)
    assert old == [first]
    third, *old = rotate_keys(path)
    assert old == [second]
    assert load_keys(path) == (third, second)
    assert [key.kid for key in rotate_keys(path, keep=2)][1:] == [third.kid, second.kid]
    assert list(path.parent.iterdir()) == [path]


def test_rotating_after_a_leak_keeps_none(path: Path) -> None:
    (leaked,) = load_keys(path)
    (fresh,) = rotate_keys(path, keep=0)
    assert fresh != leaked


def test_where_no_file_is_nothing_is_rotated_and_none_is_made(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    for place in (Path(path.name), Path("nowhere/keys")):
        with pytest.raises(UnusableKeys, match=f"^there is no key file {re.escape(str(place.absolute()))}"):
            rotate_keys(place)
    assert not list(path.parent.iterdir())


@posix
def test_a_rotated_file_is_for_its_owner_alone(path: Path) -> None:
    load_keys(path)
    rotate_keys(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
@pytest.mark.skipif("os.geteuid() != 0", reason="only root may give a file away")
def test_a_file_that_root_rotates_still_belongs_to_its_server(path: Path) -> None:
    load_keys(path)
    path.chmod(0o400)
    os.chown(path, 12345, 54321)
    rotate_keys(path)
    found = path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 54321, 0o400)


@posix
def test_a_link_still_leads_to_the_keys_after_a_rotation(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    load_keys(elsewhere)
    path.symlink_to(elsewhere)
    assert rotate_keys(path) == load_keys(elsewhere)
    assert path.is_symlink()


@posix
@pytest.mark.parametrize("before", [False, True])
def test_a_disk_that_is_full_is_refused_and_nothing_is_left_behind(path: Path, before: bool) -> None:
    known = load_keys(path) if before else ()
    refusal = f"^the key file {re.escape(str(path))} can't be used: File too"
    with full_disk(), pytest.raises(UnusableKeys, match=refusal):
        rotate_keys(path) if before else load_keys(path)
    assert list(path.parent.iterdir()) == ([path] if before else [])
    assert not before or load_keys(path) == known
