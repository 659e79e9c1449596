"""The keys that tokens are signed with.

They come from a setting, or from a file beside the database that is made on the first start. Both hold the same text:
secrets of at least 32 bytes (RFC 7518 3.2), separated by white space; a line that begins with `#` is a comment. **The
first signs, all verify.** A token names its secret by a hash of it, so that nobody has to think up names.

To rotate the key of one server: `rotate_keys(path)`, then start it anew. Of the old keys as many are kept as asked for;
a session whose tokens were all signed by older ones has to sign in again. When a secret has leaked, keep none.
To rotate the key of several servers without an interruption: add the new secret as the *last* on all of them, then move
it to the front on all of them, and take the old one away after the lifetime of a refresh token.
"""

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

MIN_SECRET = 32  # bytes
MAX_FILE = 64 * 1024  # bytes

_HEADER = "# Whoever reads this file can sign in as anybody. The first key signs, all of them verify.\n"
_PRINTABLE = re.compile(r"[!-~]+")


class UnusableKeys(ValueError):
    """The server must not start with these keys. The message says what to do, and holds none of them."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    kid: str  # names the key in the header of a token (RFC 7515 4.1.4)
    secret: bytes = field(repr=False)


def load_keys(path: Path) -> tuple[SigningKey, ...]:
    """The keys in this file, which is made with a new one when it is not there. Raise UnusableKeys.

    Servers that start at the same moment end up with the same key.
    """
    with _usable(path):
        try:
            return _read(path)
        except FileNotFoundError:
            _write_new(path, [secrets.token_urlsafe(48)])
        return _read(path)


def parse_keys(text: str, *, source: str = "the secret") -> tuple[SigningKey, ...]:
    """The keys in this text, the one that signs first. Raise UnusableKeys."""
    words = [word for line in text.splitlines() if not line.lstrip().startswith("#") for word in line.split()]
    if not words:
        raise UnusableKeys(f"{source} holds no key")
    for word in words:
        if not _PRINTABLE.fullmatch(word):
            raise UnusableKeys(f"{source} holds something else than printable ASCII characters")
        if len(word) < MIN_SECRET:
            raise UnusableKeys(f"{source} holds a key of {len(word)} bytes: each must have {MIN_SECRET} or more")
    if len(set(words)) < len(words):
        raise UnusableKeys(f"{source} holds the same key twice")
    return tuple(SigningKey(_kid(word.encode()), word.encode()) for word in words)


def rotate_keys(path: Path, *, keep: int = 1) -> tuple[SigningKey, ...]:
    """Put a new key in front of those in the file, of which the `keep` newest stay. Raise UnusableKeys.

    Where there is no file none is made: a server that has its keys elsewhere would go on with them.
    """
    with _usable(path):
        try:
            kept = _read(path)[:keep]
        except FileNotFoundError:
            raise UnusableKeys(
                f"there is no key file {path.absolute()}: the server makes one on its first start, beside its database"
            ) from None
        file = path.resolve()  # what a link leads to is replaced, and not the link
        words = [secrets.token_urlsafe(48), *(key.secret.decode() for key in kept)]
        with _temporary(file, words) as temporary:
            _give_to_owner_of(file, temporary)
            temporary.replace(file)
        _sync_folder(file)
        return _read(path)


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    """What the operating system refuses is said with the name of the file."""
    try:
        yield
    except OSError as error:
        raise UnusableKeys(f"the key file {path} can't be used: {error.strerror}") from error


def _kid(secret: bytes) -> str:
    return hashlib.sha256(b"hubbub kid " + secret).hexdigest()[:16]


def _read(path: Path) -> tuple[SigningKey, ...]:
    with path.open("rb") as file:
        # Of the open file, not of the path: between two looks at a path it may become another file.
        mode = os.fstat(file.fileno()).st_mode
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UnusableKeys(f"{path} is open to other users of this machine: chmod 600 it, and rotate the key")
        content = file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise UnusableKeys(f"{path} has more than {MAX_FILE} bytes: it is not a file of keys")
    return parse_keys(content.decode("ascii", "replace"), source=str(path))


def _write_new(path: Path, words: Sequence[str]) -> None:
    """Make the file, complete from its first moment on; when another process was first, leave theirs."""
    with _temporary(path, words) as temporary, suppress(FileExistsError):
        path.hardlink_to(temporary)
    _sync_folder(path)


@contextmanager
def _temporary(path: Path, words: Sequence[str]) -> Iterator[Path]:
    """A file beside `path` with these keys, on disk. It is gone afterwards, also when it could not be written."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(_HEADER + "".join(f"{word}\n" for word in words))
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _give_to_owner_of(path: Path, other: Path) -> None:
    """Root rotates the keys of a server that runs as somebody else, and has to be able to read them."""
    if os.name != "posix":
        return
    owned = path.stat()
    if owned.st_uid != os.geteuid():
        os.chown(other, owned.st_uid, owned.st_gid)
    other.chmod(stat.S_IMODE(owned.st_mode))


def _sync_folder(path: Path) -> None:
    """Make the file's name survive a power failure too. Windows refuses to open a folder, and does without."""
    with suppress(PermissionError):
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
