"""Copy the modules that the web client imports from node_modules into the package, with their licences.

`./dev vendor` does it after `npm ci`, which has compared every package with its hash in package-lock.json; `--check`
only says what differs. The files are copied byte for byte, and nothing is built. `vendor.json` says what each of them
is, and under which name it is imported: the server makes the page's import map of it.
"""

import hashlib
import json
import sys
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "src" / "hubbub" / "web" / "static" / "vendor"
LICENCES = ("MIT", "Apache-2.0")  # pyproject.toml names them too: a wheel holds these files

MODULES = {  # the name that is imported: (its package, the file there, the file here)
    "preact": ("preact", "dist/preact.mjs", "preact.js"),
    "preact/hooks": ("preact", "hooks/dist/hooks.mjs", "preact-hooks.js"),
    "htm": ("htm", "dist/htm.mjs", "htm.js"),
    "htm/preact": ("htm", "preact/index.mjs", "htm-preact.js"),
    "@preact/signals-core": ("@preact/signals-core", "dist/signals-core.mjs", "signals-core.js"),
    "@preact/signals": ("@preact/signals", "dist/signals.mjs", "signals.js"),
    "marked": ("marked", "lib/marked.esm.js", "marked.js"),
}


def vendored(node_modules: Path, lock: Mapping[str, Any]) -> dict[str, bytes]:
    """What the folder has to hold: the content of each file by its path there."""
    files: dict[str, bytes] = {}
    packages: dict[str, dict[str, str]] = {}
    modules: dict[str, dict[str, str]] = {}
    for name, (package, source, file) in MODULES.items():
        locked = lock["packages"][f"node_modules/{package}"]
        if locked["license"] not in LICENCES:
            sys.exit(f"tools.vendor: {package} is under {locked['license']}, which pyproject.toml does not name")
        licence = f"licences/{package.lstrip('@').replace('/', '-')}.txt"
        files[file] = (node_modules / package / source).read_bytes()
        files[licence] = (node_modules / package / "LICENSE").read_bytes()
        integrity = f"sha384-{b64encode(hashlib.sha384(files[file]).digest()).decode()}"
        modules[name] = {"file": file, "package": package, "source": source, "integrity": integrity}
        packages[package] = {
            "version": locked["version"],
            "licence": locked["license"],
            "licence_file": licence,
            "integrity": locked["integrity"],
        }
    manifest = {"packages": packages, "modules": modules}
    files["vendor.json"] = (json.dumps(manifest, indent=2) + "\n").encode()
    return files


def drift(wanted: Mapping[str, bytes], folder: Path) -> list[str]:
    """The paths of files that are missing, differ, or should not be there."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return sorted(
        path
        for path in found | set(wanted)
        if path not in wanted or path not in found or (folder / path).read_bytes() != wanted[path]
    )


def main(args: list[str]) -> int:
    if args not in ([], ["--check"]):
        sys.exit("./dev vendor takes no arguments but --check")
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    wanted = vendored(ROOT / "node_modules", lock)
    differing = drift(wanted, VENDOR)
    for path in differing:
        print(f"tools.vendor: {path} {'is not' if args else 'was not'} what package-lock.json asks for")
        if not args and path in wanted:
            (VENDOR / path).parent.mkdir(parents=True, exist_ok=True)
            (VENDOR / path).write_bytes(wanted[path])
        elif not args:
            (VENDOR / path).unlink()
    return 1 if args and differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
