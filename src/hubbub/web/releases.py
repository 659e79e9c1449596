"""The script of the service worker, at `/worker.js`: told what this release of the client consists of.

The worker keeps all of it or nothing, so that the client opens without network. Knows nothing of what the files say.
"""

import json
from collections.abc import Mapping
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hubbub.settings import Settings
from hubbub.web.assets import MEDIA_TYPES, SHEET, Asset, Assets, read_assets
from hubbub.web.pages import Page, pages

WORKER = "worker.js"

# It fetches from this server, and runs nothing but itself.
_POLICY = "default-src 'none'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
_HEADERS = {"Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}  # each visit asks for a newer one


class Worker:
    """The script for these files, and for the pages that are at these paths."""

    def __init__(self, assets: Assets, pages: Mapping[str, Page]) -> None:
        files = f"static/{assets.version}/"
        script = assets.files[WORKER].content
        integrity = {path: page.document.integrity for path, page in pages.items()}
        integrity |= {files + path: asset.integrity for path, asset in assets.files.items() if _is_needed(path)}
        sent = json.dumps([integrity, [page.headers for page in pages.values()]]).encode() + script
        release = {"name": sha256(sent).hexdigest()[:16], "files": files, "integrity": integrity}
        # On the line where its comment was, so that all others stay where they are.
        told = f"self.RELEASE = {json.dumps(release, separators=(',', ':'))};".encode()
        self._script = Asset.of(told + script, MEDIA_TYPES[".js"])

    async def __call__(self, request: Request) -> Response:
        return self._script.send(request, _HEADERS)


def worker_route(settings: Settings) -> Route:
    """The script, at the root: a worker answers for what is below its own address."""
    return Route(f"/{WORKER}", Worker(read_assets(), pages(settings)).__call__)


def _is_needed(path: str) -> bool:
    """Does a page ask for this file? Its sheets are one, and licences are for people."""
    return path == SHEET or not (path.startswith("css/") or path.endswith(".txt") or path == WORKER)
