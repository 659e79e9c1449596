"""The texts of this project, for guards that read all of them."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Folders of tools, and code that was written elsewhere.
SKIPPED = {"__pycache__", "build", "dist", "htmlcov", "node_modules", "vendor"}
KEPT = {".ci", ".github"}


def texts(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """(path relative to `root`, content) of each text file, in the order of their paths."""
    for path in sorted(files(root)):
        content = path.read_bytes()
        if b"\0" not in content:
            yield path.relative_to(root).as_posix(), content.decode()


def files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_symlink():
            continue
        if path.is_file():
            yield path
        elif path.name in KEPT or not (path.name in SKIPPED or path.name.startswith(".")):
            yield from files(path)
