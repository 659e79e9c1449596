"""The page of the web client, at `/` and wherever it can be reloaded: its import map, its policy, and what it is told.

Everything is computed once, when the first application is made, from the files that are there and the settings.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cache
from hashlib import sha256
from html import escape
from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

import hubbub.web.parameters  # noqa: F401 - says what a `number` in a path is
from hubbub.settings import Settings
from hubbub.web.assets import FOLDER, SHEET, SHEETS, Asset, Assets, read_assets
from hubbub.web.problems import refuse

_MODULES = "<!-- modules -->"
_START = "main.js"
ANY_ROOM = "rooms/1"
_DEEPEST = 8  # folders below the root, for which a page is kept that says that nothing is there

# No `unsafe-inline` and no source but this server. The import map must be inline: its hash allows it and nothing else.
# Trusted Types: no string ever becomes HTML or a script, also in code that was meant to do it. The one policy there may
# be is that of `io/release.js`, which knows one address: that of the service worker.
_POLICY = (
    "default-src 'none'; script-src 'self' '{import_map}'; style-src 'self'; img-src 'self' blob: data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types hubbub-worker"
)
_HEADERS = {
    "Cache-Control": "no-cache",  # kept, and asked about each time
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Vary": "Accept",
}
# The first is what browsers ask for unasked. Each room has an address that can be reloaded and sent to others.
_ICONS = {"/favicon.ico": "icons/icon-32.png", "/apple-touch-icon.png": "icons/icon-180.png"}


class Page:
    """The document, for addresses that are `depth` folders below the root."""

    def __init__(self, assets: Assets, registration: str, depth: int) -> None:
        root = "../" * depth
        static = f"{root or './'}static/{assets.version}/"
        vendored = json.loads((FOLDER / "vendor" / "vendor.json").read_text(encoding="utf-8"))["modules"]
        names = {name: f"vendor/{module['file']}" for name, module in vendored.items()}
        import_map = json.dumps(
            {
                "imports": {name: static + path for name, path in names.items()},
                "integrity": {
                    static + path: asset.integrity for path, asset in assets.files.items() if path.endswith(".js")
                },
            },
            separators=(",", ":"),
        )
        start, *needed = assets.imported_by(_START, names)
        lines = [
            _meta("hubbub-registration", registration),
            _meta("hubbub-version", version("hubbub")),
            f'<script type="importmap">{import_map}</script>',
            # Each with its hash, again: without it Chromium drops what it fetched ahead.
            *(
                f'<link rel="modulepreload" href="{static}{path}" integrity="{assets.files[path].integrity}">'
                for path in needed
            ),
            f'<script type="module" src="{static}{start}" integrity="{assets.files[start].integrity}"></script>',
        ]
        html = (FOLDER / "index.html").read_text(encoding="utf-8").replace(_MODULES, "\n    ".join(lines))
        html = SHEETS.sub(f'<link rel="stylesheet" href="static/{SHEET}">', html)
        html = html.replace('"static/', f'"{static}').replace('href="docs"', f'href="{root}docs"')
        self.document = Asset.of(html.encode(), "text/html; charset=utf-8")
        digest = b64encode(sha256(import_map.encode()).digest()).decode()
        self.headers = {**_HEADERS, "Content-Security-Policy": _POLICY.format(import_map=f"sha256-{digest}")}

    async def __call__(self, request: Request) -> Response:
        return self.document.send(request, self.headers)

    async def missing(self, request: Request) -> Response:
        """The same for an address at which there is nothing: the page says so, and leads back."""
        return self.document.send(request, {**self.headers, "Cache-Control": "no-store"}, 404)


def pages(settings: Settings) -> Mapping[str, Page]:
    """The page, by its paths from the root. That of a room is the same for all rooms."""
    return {path: _page(settings.registration, depth=path.count("/")) for path in ("", "accounts", ANY_ROOM)}


@cache
def _page(registration: str, depth: int) -> Page:
    return Page(read_assets(), registration, depth)


class Reloads(Route):
    """An address of the client that is one of the API too: the page is for those who open it in a browser."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found, child = super().matches(scope)
        return (found, child) if found is Match.FULL and _is_opened(scope) else (Match.NONE, {})


def page_routes(settings: Settings) -> Sequence[BaseRoute]:
    """The page, its files, and the icons that browsers ask for by themselves."""
    assets = read_assets()

    async def icon(request: Request) -> Response:
        found = assets.files[_ICONS[request.scope["path"]]]  # not of its URL, which begins with what Host says
        return found.send(request, {"Cache-Control": "public, max-age=86400"})

    return [
        *(Route(f"/{path}", page.__call__) for path, page in pages(settings).items() if path != ANY_ROOM),
        Reloads("/rooms/{room_id:number}", pages(settings)[ANY_ROOM].__call__),
        Reloads("/rooms", _page(settings.registration, depth=0).missing),  # where a room's number was cut off
        Route("/static/{version}/{path:path}", assets.__call__),
        *(Route(path, icon) for path in _ICONS),
    ]


def nowhere(settings: Settings) -> Callable[[Request, Exception], Coroutine[Any, Any, Response]]:
    """The handler for addresses at which there is nothing: a page for browsers, a problem for programs."""

    async def answer(request: Request, error: Exception) -> Response:
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        depth = path.count("/") - 1
        if request.method != "GET" or depth not in range(_DEEPEST + 1) or not _is_opened(request.scope):
            return await refuse(request, error)
        return await _page(settings.registration, depth).missing(request)

    return answer


def _is_opened(scope: Scope) -> bool:
    """Does a browser ask for this to show it? Programs name no HTML in Accept, or say who they are."""
    headers = dict(scope["headers"])
    return b"text/html" in headers.get(b"accept", b"") and b"authorization" not in headers


def _meta(name: str, content: str) -> str:
    return f'<meta name="{name}" content="{escape(content)}">'
