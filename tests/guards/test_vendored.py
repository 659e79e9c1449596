"""The vendored modules are those of `package-lock.json`. `./dev vendor --check` asks npm; this needs no network."""

import hashlib
import json
from base64 import b64encode

from tools.vendor import MODULES, ROOT, VENDOR, drift

LOCKED = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
MANIFEST = json.loads((VENDOR / "vendor.json").read_text(encoding="utf-8"))


def test_every_package_has_the_version_licence_and_hash_of_the_lock_file() -> None:
    for package, told in MANIFEST["packages"].items():
        locked = LOCKED[f"node_modules/{package}"]
        assert (told["version"], told["licence"], told["integrity"]) == (
            locked["version"],
            locked["license"],
            locked["integrity"],
        )
        assert (VENDOR / told["licence_file"]).read_text(encoding="utf-8").count("Copyright") > 0
    assert set(MANIFEST["packages"]) == {package for package, _, _ in MODULES.values()}


def test_every_module_is_the_file_that_was_copied() -> None:
    for told in MANIFEST["modules"].values():
        digest = hashlib.sha384((VENDOR / told["file"]).read_bytes()).digest()
        assert told["integrity"] == f"sha384-{b64encode(digest).decode()}"
    assert set(MANIFEST["modules"]) == set(MODULES)


def test_nothing_else_is_in_the_folder() -> None:
    named = {"vendor.json"}
    named |= {told["file"] for told in MANIFEST["modules"].values()}
    named |= {told["licence_file"] for told in MANIFEST["packages"].values()}

    assert drift({path: (VENDOR / path).read_bytes() for path in named}, VENDOR) == []


def test_drift_names_what_is_missing_what_differs_and_what_is_too_much() -> None:
    wanted = {path: (VENDOR / path).read_bytes() for path in ("htm.js", "preact.js")}

    found = drift({**wanted, "preact.js": b"other", "absent.js": b""}, VENDOR)

    assert {"preact.js", "absent.js", "marked.js"} <= set(found)
    assert "htm.js" not in found
