"""Autobahn|Testsuite's fuzzing client against both transports: `./dev autobahn`.

The suite needs Python 2.7, which is not asked of anybody: without it, or without its packages, this says so and passes.
What the suite found is compared with what is expected of it; the reports are in `build/autobahn/index.html`.
"""

import asyncio
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import uvloop

from tests.autobahn.echo import echoing
from tests.guards.project import ROOT

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
REPORTS = ROOT / "build" / "autobahn"
TIMEOUT = 600.0  # seconds for all cases; they take about one minute

GROUPS = {  # 12 and 13 are permessage-deflate, which is off
    1: "framing",
    2: "pings and pongs",
    3: "reserved bits",
    4: "opcodes",
    5: "fragmentation",
    6: "UTF-8",
    7: "closing",
    9: "large messages",
    10: "automatic fragmentation",
}
CASES = 301  # of each transport

OK, NON_STRICT, FAILED = "OK", "NON-STRICT", "FAILED"
PASSED = {"OK", "INFORMATIONAL"}

Results: TypeAlias = Mapping[str, str]
"""What became of each case."""

# 7.1.5: a close frame inside of a fragmented message is answered with 1002, not 1000, by websockets' parser.
# 6.4: text is validated when it is complete, not with each fragment.
EXPECTED = {"7.1.5": FAILED, **dict.fromkeys(("6.4.1", "6.4.2", "6.4.3", "6.4.4"), NON_STRICT)}

# A message, and right behind it nonsense. Both transports answer after the read that brought the message. If the
# nonsense came in the same read, the socket has failed by then; whether it did is up to TCP.
OK_OR_NON_STRICT = {"3.2", "3.3", "3.4", "4.1.3", "4.1.4", "4.1.5", "4.2.3", "4.2.4", "4.2.5", "5.15"}

# `site` reads the .pth file without which Python 2.7 does not find zope.interface.
WSTEST = """\
import site, sys
sys.path.insert(0, sys.argv[1])
site.addsitedir(sys.argv.pop(1))
from autobahntestsuite.wstest import run
run()
"""


class Unavailable(Exception):
    """The suite can't be run here."""


def differences(results: Results) -> Iterator[str]:
    """What is not as expected."""
    if len(results) != CASES:
        yield f"{len(results)} cases instead of {CASES}"
    for case, found in results.items():
        expected = {NON_STRICT, OK} if case in OK_OR_NON_STRICT else {EXPECTED.get(case, OK)}
        if found not in expected:
            yield f"{case} is {found}, not {' or '.join(sorted(expected))}"


def results_of(report: Mapping[str, Mapping[str, object]]) -> Results:
    """One word for each case: what the suite says of the messages, unless it objects to how the socket was closed."""
    results = {}
    for case, found in report.items():
        objections = [str(found[key]) for key in ("behavior", "behaviorClose") if found[key] not in PASSED]
        results[case] = objections[0] if objections else OK
    return results


def table(transports: Mapping[str, Results]) -> Iterator[str]:
    """A line for each group of cases."""
    yield f"{'':29}" + "".join(f"{name:32}" for name in transports)
    for number, name in GROUPS.items():
        cells = []
        for results in transports.values():
            counts = Counter(found for case, found in results.items() if case.partition(".")[0] == str(number))
            cells.append(", ".join(f"{count} {found}" for found, count in counts.most_common()))
        yield f"{number:>3}  {name:24}" + "".join(f"{cell:32}" for cell in cells)


def find_python() -> str:
    """A Python 2.7 with pip. Raise Unavailable when there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for found in (shutil.which("python2.7"), *sorted(map(str, pyenv.glob("versions/2.7*/bin/python")))):
        if found is None:
            continue
        if subprocess.run([found, "-c", "import pip"], capture_output=True, check=False).returncode == 0:
            return found  # a shim of pyenv may be there and not start
    raise Unavailable("there is no Python 2.7 with pip, neither on the PATH nor of pyenv")


def installed(python: str) -> Path:
    """The folder with the suite's packages, after installing them once. Raise Unavailable when that fails."""
    folder = ROOT / ".venv-autobahn" / hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        print("autobahn: installing the suite: about half a minute, once", flush=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
            pip = [python, "-m", "pip", "install", "-qq", "--no-input", "--disable-pip-version-check"]
            pip += ["--no-deps", "--require-hashes", "--target", f"{unfinished}/packages", "-r", str(REQUIREMENTS)]
            done = subprocess.run(pip, env={**os.environ, "PIP_USER": "0"}, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                *_, reason = done.stderr.splitlines() or [f"pip ended with {done.returncode}"]
                raise Unavailable(f"the suite can't be installed: {reason}")
            Path(unfinished, "packages").rename(folder)
    return folder


async def tested(python: str, packages: Path) -> dict[str, Results]:
    """Run all cases against both transports."""
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    async with echoing(detached=True) as detached, echoing(detached=False) as plain:
        spec = {
            "outdir": str(REPORTS),
            "servers": [{"agent": "detached", "url": detached}, {"agent": "plain ASGI", "url": plain}],
            "cases": [f"{group}.*" for group in GROUPS],
        }
        specification, log = REPORTS / "spec.json", REPORTS / "log.txt"
        specification.write_text(json.dumps(spec), encoding="utf-8")
        with log.open("wb") as output:
            client = await asyncio.create_subprocess_exec(
                *(python, "-s", "-E", "-c", WSTEST, str(packages), "-m", "fuzzingclient", "-s", str(specification)),
                stdout=output,
                stderr=output,
            )
            try:
                await asyncio.wait_for(client.wait(), TIMEOUT)
            finally:
                if client.returncode is None:
                    client.kill()
    if client.returncode != 0:
        sys.exit(f"autobahn: the fuzzing client failed: {log}")
    report = json.loads((REPORTS / "index.json").read_text(encoding="utf-8"))
    return {name: results_of(report.get(name, {})) for name in ("detached", "plain ASGI")}


def main() -> int:
    try:
        python = find_python()
        packages = installed(python)
    except Unavailable as reason:
        print(f"autobahn: skipped: {reason}")
        return 0
    logging.disable(logging.ERROR)  # over plain ASGI uvicorn logs a traceback for text that is not UTF-8
    started = time.monotonic()
    transports = uvloop.run(tested(python, packages))
    print("\n".join(table(transports)))
    found = [f"{name}: {line}" for name, results in transports.items() for line in differences(results)]
    for line in found:
        print(f"autobahn: not as expected: {line}")
    count, seconds = sum(map(len, transports.values())), time.monotonic() - started
    verdict = f"{len(found)} not as expected" if found else "all as expected"
    print(f"autobahn: {count} cases in {seconds:.0f} s, {verdict}; see {REPORTS.relative_to(ROOT)}/index.html")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
