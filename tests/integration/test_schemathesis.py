"""The live server against its own OpenAPI document: generated requests, valid and not, as somebody who is signed in."""

import asyncio
import sys
from pathlib import Path

from tests.integration.conftest import MakeUser
from tests.integration.servers import LiveServer

LEFT_OUT = [
    # What people type has rules that no schema says: half a direct room is with oneself, a reply is to what is there.
    "positive_data_acceptance",
]
ENDS_THE_SESSION = ["logout", "end_session"]


async def test_the_server_keeps_to_its_openapi_document(live: LiveServer, make_user: MakeUser, tmp_path: Path) -> None:
    ann, ben = await make_user("ann"), await make_user("ben")
    body = {"kind": "group", "name": "x", "member_ids": [ben.id]}
    path = (await ann.client.post("/rooms", json=body)).headers["location"]
    await ben.client.post(f"{path}/messages", json={"text": "hi"})
    config = tmp_path / "schemathesis.toml"  # an empty one, so that none of this folder's parents is found
    config.touch()
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", f"{live.url}/openapi.json"),
        *("--header", f"Authorization: Bearer {ann.access_token}"),
        *("--checks", "all", "--exclude-checks", ",".join(LEFT_OUT)),
        *(argument for operation in ENDS_THE_SESSION for argument in ("--exclude-operation-id", operation)),
        *("--max-examples", "10", "--seed", "1", "--generation-database", "none", "--no-color"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await run.communicate()
    assert run.returncode == 0, output.decode()
