"""Three nodes on PostgreSQL and NATS, as processes, whose parts are killed, cut off and restarted while people talk."""

import asyncio
import signal
import sys
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from hubbub.audit.live import audit_server
from hubbub.audit.plans import Plan
from hubbub.domain.ids import Seq
from tests.guards.project import ROOT
from tests.integration.servers import PATIENCE
from tools.clusters import running_cluster
from tools.faults import Faults, not_in_the_database


class Unseen:
    """Progress that nobody looks at."""

    def begin(self, what: str, total: float) -> None: ...
    def advance(self, amount: float) -> None: ...


@pytest.mark.timeout(400)  # seconds; half a minute where nothing else runs
async def test_whatever_dies_nothing_is_lost_doubled_or_reordered(tmp_path: Path) -> None:
    async with running_cluster(tmp_path) as cluster:
        faults = Faults(cluster, pause=1, cut=2)
        plan = Plan(urls=cluster.urls, clients=9, rooms=3, rooms_each=2, seconds=0, rate=30)
        report = await audit_server(plan, Unseen(), faults.happen)
        assert report.findings.counts == {}, report.findings.shown
        assert await not_in_the_database(cluster.database_url, report.messages) == []
        elsewhere = replace(report.messages[0], seq=Seq(report.messages[0].seq + 100_000))
        assert await not_in_the_database(cluster.database_url, [elsewhere]) == [elsewhere]
    assert len(faults.spans) == 6
    for before, after in zip(faults.spans, faults.spans[1:], strict=False):
        while_it_lasted = [
            came for came, waited in report.delays.deliveries if came >= before.begun and came - waited < after.begun
        ]
        assert while_it_lasted, before.name
    assert report.connections > report.clients


async def test_anybody_can_try_a_cluster(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.clusters", "--nodes", "2", "--port", "0"]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        line = await process.stdout.readline()
        assert line, said
        said += line.decode()
    urls = [line.split()[2] for line in said.splitlines() if line.startswith("  node ")]
    url = said.splitlines()[1].rpartition(" ")[2]
    assert len(urls) == 2
    for each in (url, *urls):
        async with httpx2.AsyncClient(base_url=each, trust_env=False, timeout=PATIENCE) as client:
            assert (await client.get("/health/ready")).json()["status"] == "ok"
    process.send_signal(signal.SIGINT)
    rest, _ = await process.communicate()
    assert (process.returncode, rest.decode()) == (0, "stopping\n")
