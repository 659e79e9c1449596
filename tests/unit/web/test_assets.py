"""The files of the web client: read from a folder, sent in the form that a caller takes."""

import gzip
from pathlib import Path

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from hubbub.web.assets import FOLDER, MEDIA_TYPES, SHEET, Asset, Assets, accepts_gzip, read_assets

SCRIPT = Asset.of(b"export const answer = 42;\n" * 50, "text/javascript")
# Read by the server, for tools, or for people.
UNSENT = {"index.html", "vendor/vendor.json"}


def folder_of(folder: Path, files: dict[str, str]) -> Assets:
    """A client that consists of these files, and of a page."""
    for name, text in {"index.html": "<!doctype html>", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return read_assets(folder)


def request(path_params: dict[str, str] | None = None, **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "headers": raw, "path_params": path_params or {}})


def test_every_file_of_the_client_is_sent_but_for_types_and_what_the_server_reads() -> None:
    files = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert {path for path in files - set(read_assets().files) if not path.endswith(".d.ts")} == UNSENT


def test_a_file_is_sent_with_gzip_to_who_accepts_it() -> None:
    plain, zipped = SCRIPT.send(request(), {}), SCRIPT.send(request(accept_encoding="gzip, br"), {})
    assert plain.body == gzip.decompress(zipped.body) == SCRIPT.content
    assert (plain.headers.get("content-encoding"), zipped.headers["content-encoding"]) == (None, "gzip")
    assert plain.headers["vary"] == zipped.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != zipped.headers["etag"]


def test_what_gzip_makes_no_smaller_is_sent_as_it_is() -> None:
    sent = Asset.of(bytes(range(64)), "image/png").send(request(accept_encoding="gzip"), {})
    assert "content-encoding" not in sent.headers
    assert "vary" not in sent.headers


@pytest.mark.parametrize("wrap", ["{}", "W/{}", '"other", {}', "*"])
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_what_the_caller_has_is_not_sent_again(wrap: str, encoding: str) -> None:
    etag = SCRIPT.send(request(accept_encoding=encoding), {}).headers["etag"]
    again = SCRIPT.send(request(accept_encoding=encoding, if_none_match=wrap.format(etag)), {"Cache-Control": "x"})
    assert (again.status_code, again.body) == (304, b"")
    assert (again.headers["etag"], again.headers["cache-control"]) == (etag, "x")


def test_what_the_caller_has_in_another_form_is_sent() -> None:
    etag = SCRIPT.send(request(), {}).headers["etag"]
    assert SCRIPT.send(request(accept_encoding="gzip", if_none_match=etag), {}).status_code == 200


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("", False),
        ("gzip", True),
        ("GZip, deflate", True),
        ("br;q=1.0, gzip;q=0.001", True),
        ("gzip;q=0", False),
        ("gzip ; q=0.000", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("x-gzip-like", False),
        ("gzip;q=nonsense", False),
    ],
)
def test_gzip_is_used_where_the_caller_says_so(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


def test_the_version_changes_with_any_content_and_any_name(tmp_path: Path) -> None:
    versions = set()
    for number, (name, text) in enumerate([("a.js", "1"), ("a.js", "2"), ("b.js", "2")]):
        versions.add(folder_of(tmp_path / str(number), {name: text}).version)
    assert len(versions) == 3


def test_only_files_with_a_known_suffix_are_read(tmp_path: Path) -> None:
    assets = folder_of(tmp_path, dict.fromkeys(("a.js", "a.js~", ".secret", "types.d.ts", "folder.css/x.py"), "x"))
    assert set(assets.files) == {"a.js", SHEET}


def test_our_comments_are_left_out_and_every_line_stays_where_it_is(tmp_path: Path) -> None:
    code = "/**\n * Why.\n */\nlet a = 1;\n  /** @type {number} */ (a);\n  /* here */\nlet b = `/* text */`;\n"
    assets = folder_of(tmp_path, {"a.js": code, "vendor/b.js": code})
    assert assets.files["vendor/b.js"].content.decode() == code  # licences are comments too
    assert assets.files["a.js"].content.decode() == (
        "\n\n\nlet a = 1;\n  /** @type {number} */ (a);\n\nlet b = `/* text */`;\n"
    )


def test_the_sheets_of_the_page_are_sent_as_one_in_the_order_of_the_page(tmp_path: Path) -> None:
    links = "\n    ".join(f'<link rel="stylesheet" href="static/css/{name}.css">' for name in ("z", "a"))
    files = {"index.html": f"<head>\n{links}\n</head>", "css/a.css": "a {}", "css/z.css": "z {}", "css/b.css": "b {}"}
    assert folder_of(tmp_path, files).files[SHEET].content == b"z {}\na {}"


@pytest.mark.parametrize(
    "path", ["", "../app.py", "/etc/passwd", "index.html", "vendor/vendor.json", "vendor", "Main.js"]
)
async def test_nothing_but_the_files_exists(path: str) -> None:
    assets = read_assets()
    with pytest.raises(HTTPException) as refused:
        await assets(request({"version": assets.version, "path": path}))
    assert refused.value.status_code == 404


async def test_files_of_another_version_do_not_exist() -> None:
    with pytest.raises(HTTPException) as refused:
        await read_assets()(request({"version": "0" * 16, "path": "main.js"}))
    assert refused.value.status_code == 404


async def test_a_file_may_be_kept_for_ever() -> None:
    assets = read_assets()
    sent = await assets(request({"version": assets.version, "path": "main.js"}))
    assert sent.headers["content-type"] == MEDIA_TYPES[".js"]
    assert sent.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_modules_are_listed_that_are_needed_before_the_first_runs(tmp_path: Path) -> None:
    files = {
        "main.js": '// import no from "./no.js"\nimport {\n  a,\n} from "./ui/a.js";\nimport "./side.js";\n'
        '/** @import { T } from "./types.d.ts" */\nconst later = () => import("./later.js");\n',
        "ui/a.js": 'import { h } from "lib";\nimport { b } from "../b.js";\nexport const text = `from "./no.js"`;\n',
        "b.js": 'export * from "./ui/a.js";\n',
        "side.js": 'const word = "import";\n',
        "lib.js": 'import{x as n}from"./inner.js";import{y}from"./b.js";export{z}from"./outer.js";',
        "inner.js": "",
        "outer.js": "",
        "later.js": "",
        "no.js": "",
    }

    needed = folder_of(tmp_path, files).imported_by("main.js", {"lib": "lib.js"})

    assert needed == ["main.js", "ui/a.js", "side.js", "lib.js", "b.js", "inner.js", "outer.js"]
