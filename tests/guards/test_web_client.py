"""The web client's own files: who may import whom, nothing dead, nothing missing, no words outside the catalogue."""

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from hubbub.web.assets import FOLDER
from tests.guards.project import ROOT

PREACT = {"preact", "preact/hooks", "htm/preact"}
SIGNALS = {"@preact/signals", "@preact/signals-core"}
# Each part, and what it may import besides itself: the parts below it, and libraries. A part is a folder or a module.
PARTS: dict[str, set[str]] = {
    "core": set(),
    "io": {"core"},
    "i18n": {"core", "io"} | SIGNALS,
    "store": {"core", "io", "i18n"} | SIGNALS,
    "ui": {"core", "io", "i18n", "store", "markdown"} | SIGNALS | PREACT,
    "markdown": {"core", "i18n", "ui", "marked"} | PREACT,
    "main": {"core", "io", "i18n", "store", "ui", "markdown"} | SIGNALS | PREACT,
    "worker": set(),  # of no page
}
COMMENT = re.compile(r"/\*.*?\*/|(?<![:<'\"`\\])//[^\n]*", re.DOTALL)
IMPORT = re.compile(r"""(?:^|[;}\s(=])(?:(?:import|export)\b[^'"();=]*?\bfrom\s*|import\s*\(?\s*)(['"`])([^'"`]+)\1""")
EXPORT = re.compile(r"^export (?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)
EXPORT_LIST = re.compile(r"^export \{([^}]*)\};", re.MULTILINE)
IMPORT_LIST = re.compile(r"""import\s*\{([^}]*)\}\s*from\s*"(\.[^"]+)\"""")
IMPORT_SPACE = re.compile(r"""import\s*\*\s*as\s+(\w+)\s+from\s*"(\.[^"]+)\"""")
IMPORT_LATER = re.compile(r"""import\(["`](\.[^"`]+)["`]\)""")
NAME = "hubbub"  # is the same in all languages
SPOKEN = re.compile(r"[A-Za-z]{2,}")
SPOKEN_ATTRIBUTE = re.compile(r"""\b(?:alt|aria-label|aria-description|placeholder|title|label)=["']?(?=[^"'$\s>])""")
CSS_LINK = re.compile(r'href="static/(css/[^"]+)"')

MODULES = {
    path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(FOLDER.rglob("*.js"))
    if "vendor" not in path.parts
}
HTML = (FOLDER / "index.html").read_text(encoding="utf-8")


def code(text: str) -> str:
    return COMMENT.sub("", text)


def imports(text: str) -> list[str]:
    return [name for _, name in IMPORT.findall(code(text))]


def target(importer: str, name: str) -> str:
    """The path of a relative import below the folder of the client."""
    return (FOLDER / PurePosixPath(importer).parent / name).resolve().relative_to(FOLDER).as_posix()


def part(path: str) -> str:
    return PurePosixPath(path).parts[0].removesuffix(".js")


def wrong_imports(importer: str, text: str) -> list[str]:
    """What this module imports and may not."""
    allowed = PARTS[part(importer)] | {part(importer)}
    named = {name: part(target(importer, name)) if name.startswith(".") else name for name in imports(text)}
    return [name for name, meant in named.items() if meant not in allowed]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_is_below_it(module: str) -> None:
    assert wrong_imports(module, MODULES[module]) == []


@pytest.mark.parametrize(
    ("importer", "line"),
    [
        ("core/fold.js", 'import { open } from "../io/db.js";'),
        ("io/api.js", 'import { rooms } from "../store/rooms.js";'),
        ("store/rooms.js", 'import {\n  h,\n} from "preact";'),
        ("store/rooms.js", 'const app = await import("../ui/app.js");'),
        ("ui/app.js", 'import "../main.js";'),
        ("ui/app.js", 'export { Marked } from "marked";'),
        ("ui/app.js", 'import { x } from "https://example.org/x.js";'),
    ],
)
def test_an_import_of_what_is_above_or_elsewhere_is_found(importer: str, line: str) -> None:
    assert len(wrong_imports(importer, f"// a module\n{line}\n")) == 1


def test_imports_of_types_are_none() -> None:
    assert imports('/** @type {import("marked").Token} */\nlet token;\n/** @import { T } from "./t.d.ts" */\n') == []


def reached() -> set[str]:
    """The modules that main.js imports, now or later, and the service worker, which is no module."""
    found = ["main.js", "worker.js"]
    for module in found:
        for name in imports(MODULES[module]):
            if not name.startswith("."):
                continue
            path = target(module, name)
            if "${" in path:  # import(`./${language}.js`): any of the folder
                later = [other for other in MODULES if PurePosixPath(other).parent == PurePosixPath(path).parent]
            else:
                assert path in MODULES, f"{module} imports {name}, which is not there"
                later = [path]
            found.extend(other for other in later if other not in found)
    return set(found)


def test_every_module_is_imported() -> None:
    assert set(MODULES) - reached() == set()


def exports(text: str) -> set[str]:
    lists = ",".join(EXPORT_LIST.findall(code(text)))
    return {*EXPORT.findall(code(text)), *(name.strip() for name in lists.split(",") if name.strip())}


def taken() -> set[tuple[str, str]]:
    """Module and name of everything that another module imports; of one that is imported later, all."""
    found = set()
    for importer, text in ((importer, code(text)) for importer, text in MODULES.items()):
        for names, path in IMPORT_LIST.findall(text):
            found |= {(target(importer, path), name.split(" as ")[0].strip()) for name in names.split(",")}
        for space, path in IMPORT_SPACE.findall(text):
            found |= {(target(importer, path), name) for name in re.findall(rf"\b{space}\.(\w+)", text)}
        for path in IMPORT_LATER.findall(text):
            later = re.compile(re.sub(r"\\\$.*\\}", r"[^/]+", re.escape(target(importer, path))))
            found |= {(other, name) for other in MODULES if later.fullmatch(other) for name in exports(MODULES[other])}
    return found


def test_every_export_is_imported() -> None:
    """But for the store's surface, which stands in a document, and what tests ask for as `m.name`."""
    surface = set(re.findall(r"`(\w+)", (ROOT / "docs" / "web.md").read_text(encoding="utf-8")))
    for path in (ROOT / "tests" / "browser").glob("*.py"):
        surface |= set(re.findall(r"\bm\.(\w+)", path.read_text(encoding="utf-8")))
    exported = {(module, name) for module, text in MODULES.items() for name in exports(text)}
    assert len(exported) > len(MODULES)
    assert {(module, name) for module, name in exported - taken() if name not in surface} == set()


def test_every_sheet_is_linked_once() -> None:
    linked = CSS_LINK.findall(HTML)
    assert sorted(linked) == [path.relative_to(FOLDER).as_posix() for path in sorted(FOLDER.rglob("*.css"))]


def test_the_page_has_nothing_inline() -> None:
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", HTML) == []
    assert HTML.count("<!-- modules -->") == 1


def templates(text: str) -> Iterator[str]:
    """The markup of each html`…`, with its values taken out; those that stand inside values come on their own."""
    starts = [found.end() for found in re.finditer(r"\bhtml`", text)]
    for start in starts:
        at, depth, markup = start, 0, []
        while depth or text[at] != "`":
            if text.startswith("${", at) and not depth:
                depth, at = 1, at + 2
            elif depth and text[at] == "`":
                at = end_of_template(text, at + 1)
            elif depth:
                depth += {"{": 1, "}": -1}.get(text[at], 0)
                at += 1
                if not depth:
                    markup.append("$")
            else:
                markup.append(text[at])
                at += 1
        yield "".join(markup)


def end_of_template(text: str, at: int) -> int:
    """The place after the back-tick that closes the template which was open at `at`."""
    depth = 0
    while depth or text[at] != "`":
        if text.startswith("${", at):
            depth, at = depth + 1, at + 2
        elif depth and text[at] == "`":
            at = end_of_template(text, at + 1)
        else:
            depth += ({"{": 1, "}": -1}.get(text[at], 0)) if depth else 0
            at += 1
    return at + 1


def words(text: str) -> list[str]:
    """Texts and attributes that people would read, and that no catalogue can translate."""
    found = []
    for markup in templates(code(text)):
        spoken = re.sub(r"<!--.*?-->|<kbd>[^<]*</kbd>|<[^<>]*>|&\w+;", " ", re.sub(r"=>|\s>=?\s", " ", markup))
        found += [piece.strip() for piece in spoken.split("$") if SPOKEN.search(piece) and piece.strip() != NAME]
        found += [markup[match.start() : match.start() + 40] for match in SPOKEN_ATTRIBUTE.finditer(markup)]
    return found


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith(("core/", "io/", "i18n/"))])
def test_no_words_are_outside_the_catalogue(module: str) -> None:
    assert words(MODULES[module]) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("html`<p>Hello ${name}</p>`", ["Hello"]),
        ("html`<p>${rooms.map((room) => html`<b>${room.name} members</b>`)}</p>`", ["members"]),
        (
            'html`<button title="Close" class="icon">${t("close")}</button>`',
            ['title="Close" class="icon">$</button>'[:40]],
        ),
        (
            'html`<button title=${t("close")} onClick=${() => { if (a > b) go(); }}>${x ? `a ${y} b` : ""}<//>`',
            [],
        ),
        ("html`<kbd>Esc</kbd> · ${count}`", []),
    ],
)
def test_words_outside_the_catalogue_are_found(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_every_language_has_the_keys_of_english() -> None:
    """`tsc` says so too, where the catalogues have their type; this needs no Node."""
    keys = {
        path.name: set(re.findall(r'^\s{2}"?([\w.]+)"?:', path.read_text(encoding="utf-8"), re.MULTILINE))
        for path in sorted((FOLDER / "i18n").glob("??.js"))
    }
    assert keys["en.js"]
    assert {name: keys["en.js"] ^ found for name, found in keys.items() if found != keys["en.js"]} == {}


def test_the_lock_file_names_nothing_but_hashes() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    for name, package in lock["packages"].items():
        if name:
            assert package["integrity"].startswith("sha512-")
            assert "resolved" not in package  # a mirror will do
            assert "hasInstallScript" not in package
