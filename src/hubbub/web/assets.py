"""The files of the web client: read, hashed and compressed once, and sent with leave to keep them for ever.

Their URL holds a hash of all of them (`/static/<version>/main.js`): a page never mixes files of two releases, and no
file of the current one is asked about again. Knows nothing of the page that they make up.
"""

import gzip
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256, sha384
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).with_name("static")

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".png": "image/png",
        ".svg": "image/svg+xml",
        ".txt": "text/plain; charset=utf-8",
        ".webmanifest": "application/manifest+json",
    }
)
"""What is sent, by suffix. Nothing else in the folder is."""

# The sheets of the page, one after the other, are sent as one: twenty small files take longer, and compress badly.
SHEET = "css/all.css"
SHEETS = re.compile(r'(?:<link rel="stylesheet" href="static/[^"]+">\s*)*<link rel="stylesheet" href="static/[^"]+">')
_SHEET = re.compile(r'"static/([^"]+)"')

_FOREVER = "public, max-age=31536000, immutable"  # a year, the most that caches honour (RFC 9111 1.2.2)
_ENCODING = re.compile(r"\s*(?P<name>[\w*-]+)\s*(?:;\s*q\s*=\s*(?P<weight>[01](?:\.\d{0,3})?)\s*)?", re.ASCII)
# What has to be there before a module runs; minified modules have several on a line. Not `import("…")`, nor comments.
_STATIC_IMPORT = re.compile(
    r"""(?:^|;|\})\s*(?:(?:import|export)\b[^'"();]*?\bfrom|import)\s*(?P<quote>['"])(?P<name>[^'"]+)(?P=quote)""",
    re.MULTILINE,
)
# Comments that have their lines to themselves: a fifth of what is sent, and nothing that a browser needs.
_COMMENT = re.compile(rb"^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*$", re.MULTILINE | re.DOTALL)
_COMMENTED = (".css", ".js")


@dataclass(frozen=True, slots=True)
class Asset:
    """Bytes in two forms, of which `send` chooses; `zipped` is None where compression makes them no smaller."""

    content: bytes
    zipped: bytes | None
    media_type: str
    etag: str

    @classmethod
    def of(cls, content: bytes, media_type: str) -> "Asset":
        zipped = gzip.compress(content, mtime=0)  # level 9; the same bytes at each start
        smaller = zipped if len(zipped) < len(content) else None
        return cls(content, smaller, media_type, sha256(content).hexdigest()[:32])

    @property
    def integrity(self) -> str:
        """For a page that must not run anything else (Subresource Integrity)."""
        return f"sha384-{b64encode(sha384(self.content).digest()).decode()}"

    def send(self, request: Request, headers: Mapping[str, str], status: int = 200) -> Response:
        """The content as the caller takes it, or nothing, where they have it already (RFC 9110 13.2.1: of a 200)."""
        zipped = self.zipped if accepts_gzip(request.headers.get("accept-encoding", "")) else None
        etag = f'"{self.etag}-gzip"' if zipped is not None else f'"{self.etag}"'  # other bytes (RFC 9110 8.8.3)
        sent = {**headers, "ETag": etag, "Cross-Origin-Resource-Policy": "same-origin"}
        if self.zipped is not None:
            sent["Vary"] = ", ".join(filter(None, (headers.get("Vary"), "Accept-Encoding")))
        if status == 200 and _has(request.headers.get("if-none-match", ""), etag):
            return Response(status_code=304, headers=sent)
        if zipped is not None:
            sent["Content-Encoding"] = "gzip"
        return Response(self.content if zipped is None else zipped, status, sent, self.media_type)


@dataclass(frozen=True, slots=True)
class Assets:
    """All files of the client by their path in the folder, `version`, which is another when any of them is."""

    files: Mapping[str, Asset]
    version: str

    async def __call__(self, request: Request) -> Response:
        """Answer `/static/{version}/{path}`. Only paths that were read at the start exist, so none leads elsewhere."""
        asset = self.files.get(request.path_params["path"])
        if asset is None or request.path_params["version"] != self.version:
            raise HTTPException(404, "the web client of this server has no such file")
        return asset.send(request, {"Cache-Control": _FOREVER})

    def imported_by(self, path: str, names: Mapping[str, str]) -> list[str]:
        """The modules that cannot run without each other, `path` first; `names` has the path of each bare name.

        Modules that are imported later, by `import()`, are not among them.
        """
        found = [path]
        for importer in found:
            for name in _imports(self.files[importer].content.decode()):
                imported = names.get(name) or _resolve(importer, name)
                if imported in self.files and imported not in found:
                    found.append(imported)
        return found


@cache
def read_assets(folder: Path = FOLDER) -> Assets:
    """Everything in the folder that is sent; its `index.html` says in which order the sheets go into one."""
    files: dict[str, Asset] = {}
    for file in sorted(folder.rglob("*")):
        media_type = MEDIA_TYPES.get(file.suffix)
        if media_type is not None and file.is_file():
            path = file.relative_to(folder).as_posix()
            files[path] = Asset.of(_slim(path, file.read_bytes()), media_type)
    linked = _linked_sheets(folder / "index.html")
    files[SHEET] = Asset.of(b"\n".join(files[path].content for path in linked), MEDIA_TYPES[".css"])
    names = "\n".join(f"{path} {asset.etag}" for path, asset in files.items())
    return Assets(MappingProxyType(files), sha256(names.encode()).hexdigest()[:16])


def _slim(path: str, content: bytes) -> bytes:
    """Our own files without their comments, line for line: what an error names is where it says."""
    if not path.endswith(_COMMENTED) or path.startswith("vendor/"):
        return content
    return _COMMENT.sub(lambda found: b"\n" * found[0].count(b"\n"), content)


def _linked_sheets(page: Path) -> list[str]:
    """The paths of the page's sheets, in its order, which is that of the cascade."""
    found = SHEETS.search(page.read_text(encoding="utf-8"))
    return _SHEET.findall(found[0]) if found else []


def accepts_gzip(header: str) -> bool:
    """May an answer to this Accept-Encoding be compressed with gzip? (RFC 9110 12.5.3)"""
    weights = {}
    for part in header.lower().split(","):
        found = _ENCODING.fullmatch(part)
        if found:
            weights[found["name"]] = float(found["weight"] or 1)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _has(if_none_match: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]


def _imports(text: str) -> Iterator[str]:
    return (found["name"] for found in _STATIC_IMPORT.finditer(text))


def _resolve(importer: str, name: str) -> str:
    """The path of a relative import, as a browser resolves it."""
    parts: list[str] = []
    for part in (PurePosixPath(importer).parent / name).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
