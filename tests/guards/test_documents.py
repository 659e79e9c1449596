"""What must hold for every text of the project. Each rule is tried on a planted fault as well."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guards.project import ROOT, texts

LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)", re.MULTILINE)
CODE = re.compile(r"^(```+|~~~+).*?^\1|(`+)[^`].*?\2", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
ANCHOR = re.compile(r"<a (?:id|name)=\"([^\"]+)\"")

# Joined, so that this file does not break its own rules.
UNFINISHED = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME"]) + r")\b")
REGISTRIES = re.compile(
    "|".join(["pypi" + r"\.org", "python" + "hosted", "npm" + r"js\.(?:org|com)", "yarn" + r"pkg\."])
)


def broken_links(root: Path) -> Iterator[str]:
    """Relative links of Markdown files to a file or a heading that does not exist."""
    for name, text in texts(root):
        if not name.endswith(".md"):
            continue
        for match in LINK.finditer(without_code(text)):
            link = match[1] or match[2]
            if re.match(r"[a-z][a-z0-9+.-]*:", link):
                continue
            path, _, fragment = link.partition("#")
            target = (root / name).parent / path if path else root / name
            if not target.exists() or (
                fragment and target.suffix == ".md" and fragment not in anchors(target.read_text(encoding="utf-8"))
            ):
                yield f"{name}: {link}"


def anchors(text: str) -> set[str]:
    """The fragments that a rendered Markdown file answers to."""
    found = set(ANCHOR.findall(text))
    for heading in HEADING.findall(without_code(text, keep_spans=True)):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(next(name for name in numbered(slug) if name not in found))
    return found


def numbered(slug: str) -> Iterator[str]:
    yield slug
    number = 0
    while True:
        number += 1
        yield f"{slug}-{number}"


def without_code(text: str, *, keep_spans: bool = False) -> str:
    return CODE.sub(lambda match: match[0] if keep_spans and match[2] else "", text)


def lines_with(pattern: re.Pattern[str], root: Path) -> Iterator[str]:
    for name, text in texts(root):
        if name == "uv.lock":  # its format names the registry
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if pattern.search(line):
                yield f"{name}:{number}: {line.strip()}"


def test_every_relative_link_leads_somewhere() -> None:
    assert list(broken_links(ROOT)) == []


def test_nothing_is_left_as_a_note_to_self() -> None:
    assert list(lines_with(UNFINISHED, ROOT)) == []


def test_only_the_lock_file_names_a_package_registry() -> None:
    assert list(lines_with(REGISTRIES, ROOT)) == []


@pytest.mark.parametrize(
    ("link", "is_broken"),
    [
        ("[a](other.md)", False),
        ("[a](other.md#two-words)", False),
        ("[a](other.md#two-words-1)", False),
        ("[a](#here)", False),
        ("[a](folder)", False),
        ("[a](https://example.org/missing.md)", False),
        ("`[a](missing.md)`", False),
        ("```\n[a](missing.md)\n```", False),
        ("[a](missing.md)", True),
        ("![a](missing.png)", True),
        ("[a]: missing.md", True),
        ("[a](other.md#three)", True),
        ("[a](#there)", True),
    ],
)
def test_a_planted_link_is_found_when_it_is_broken(tmp_path: Path, link: str, is_broken: bool) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "other.md").write_text("# Two `words`\n\n## Two words\n")
    (tmp_path / "page.md").write_text(f"# Here\n\n{link}\n")

    assert bool(list(broken_links(tmp_path))) is is_broken


def test_planted_words_are_found_but_not_in_what_others_wrote(tmp_path: Path) -> None:
    for folder in ("src", "vendor", ".venv", ".ci"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("# TO" + "DO: later\nURL = 'https://pypi" + ".org/simple'\n")
    (tmp_path / "uv.lock").write_text("registry = 'https://pypi" + ".org/simple'\n")
    (tmp_path / "picture.png").write_bytes(b"\0TO" + b"DO")

    assert [line.partition(": ")[0] for line in lines_with(UNFINISHED, tmp_path)] == [".ci/a.py:1", "src/a.py:1"]
    assert [line.partition(": ")[0] for line in lines_with(REGISTRIES, tmp_path)] == [".ci/a.py:2", "src/a.py:2"]
