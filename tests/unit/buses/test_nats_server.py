"""A NATS server of our own: who knows its URL gets in, and nobody else."""

import asyncio
from pathlib import Path

import pytest

from hubbub.buses.nats import open_nats
from hubbub.buses.nats_address import parse_addresses
from hubbub.buses.nats_server import NoNatsServer, PrivateNats, nats_server


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def trouble_at(url: str) -> str | None:
    bus = await open_nats(parse_addresses(url), None, "test")
    try:
        return bus.trouble
    finally:
        await bus.close()


async def test_it_takes_who_has_its_url_also_when_it_was_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    nats = PrivateNats()
    try:
        await nats.start()
        url = nats.url
        assert await trouble_at(url) is None
        assert "Authorization Violation" in (await trouble_at(f"nats://127.0.0.1:{parse_addresses(url)[0].port}") or "")
        assert names_in(tmp_path) == [], "its token is not on the disk"
        await nats.close()
        await asyncio.wait_for(nats.ended(), 10)
        await nats.start()
        assert nats.url == url
        assert await trouble_at(url) is None
    finally:
        await nats.close()


async def test_one_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    nats = PrivateNats()
    monkeypatch.setattr(nats, "_port", 99_999)
    with pytest.raises(NoNatsServer, match="does not start"):
        await nats.start()
    await nats.close()


def test_it_comes_with_the_extra_or_is_on_the_path() -> None:
    assert nats_server().name == "nats-server"
