"""Argon2Hasher: real Argon2id with the cheapest parameters."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher as Argon2

from hubbub.domain.errors import Unavailable
from hubbub.security.passwords import RETRY_AFTER, Argon2Hasher


@pytest.fixture
async def hasher() -> AsyncIterator[Argon2Hasher]:
    hasher = Argon2Hasher(workers=1, queue=2, time_cost=1, memory_cost=8, parallelism=1)
    yield hasher
    await hasher.close()


class Gate:
    """Holds every Argon2 verification until it is opened, and counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = threading.Event()
        self.hashes: list[str | bytes] = []
        verify = Argon2.verify

        def held(argon2: Argon2, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002
            self.hashes.append(hash)
            assert self.opened.wait(timeout=30)
            return verify(argon2, password, hash)

        monkeypatch.setattr(Argon2, "verify", held)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


async def test_a_hash_is_argon2id_and_fits_its_password_alone(hasher: Argon2Hasher) -> None:
    hashed = await hasher.hash("correct horse")
    assert hashed.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert await hasher.verify("correct horse", hashed)
    assert not await hasher.verify("Correct horse", hashed)


async def test_the_same_password_has_another_hash_each_time(hasher: Argon2Hasher) -> None:
    assert await hasher.hash("correct horse") != await hasher.hash("correct horse")


@pytest.mark.parametrize("stored", [None, "", "!", "$2b$12$C6UzMDM.H6dfI/f/IKcEeO"])
async def test_without_a_usable_hash_the_same_work_is_done_in_vain(
    hasher: Argon2Hasher, gate: Gate, stored: str | None
) -> None:
    gate.opened.set()
    hashed = await hasher.hash("correct horse")
    assert await hasher.verify("correct horse", hashed)
    assert not await hasher.verify("correct horse", stored)
    real, dummy = map(str, gate.hashes)
    assert real == hashed
    assert dummy.rsplit("$", 2)[0] == real.rsplit("$", 2)[0]  # the variant, the version and the parameters


async def test_a_hash_of_other_parameters_is_outdated_and_still_verified(hasher: Argon2Hasher) -> None:
    today = Argon2Hasher(time_cost=2, memory_cost=8, parallelism=1)
    old, new = await hasher.hash("correct horse"), await today.hash("correct horse")
    assert await today.verify("correct horse", old)
    assert today.outdated(old)
    assert not today.outdated(new)
    await today.close()


async def test_the_loop_goes_on_while_a_password_is_checked(hasher: Argon2Hasher, gate: Gate) -> None:
    check = asyncio.create_task(hasher.verify("correct horse", None))
    await asyncio.sleep(0)
    assert not check.done()
    gate.opened.set()
    assert await check is False


async def test_who_finds_the_queue_full_is_sent_away_at_once_and_the_others_are_served(
    hasher: Argon2Hasher, gate: Gate
) -> None:
    taken = [asyncio.create_task(hasher.verify("correct horse", None)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        await hasher.verify("correct horse", None)
    assert refused.value.retry_after == RETRY_AFTER
    gate.opened.set()
    assert await asyncio.gather(*taken) == [False] * 3
    assert await hasher.verify("correct horse", None) is False


async def test_a_caller_who_leaves_the_queue_frees_the_place_without_any_work(hasher: Argon2Hasher, gate: Gate) -> None:
    _running, *waiting = tasks = [asyncio.create_task(hasher.verify("correct horse", None)) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    later = [asyncio.create_task(hasher.verify("correct horse", None)) for _ in waiting]
    await asyncio.sleep(0)
    gate.opened.set()
    assert await asyncio.gather(tasks[0], *later) == [False] * 3
    assert len(gate.hashes) == 3


async def test_close_lets_the_running_and_the_waiting_finish_and_then_refuses(hasher: Argon2Hasher, gate: Gate) -> None:
    checks = [asyncio.create_task(hasher.verify("correct horse", None)) for _ in range(2)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(hasher.close())
    await asyncio.sleep(0)
    gate.opened.set()
    await closing
    assert await asyncio.gather(*checks) == [False, False]
    with pytest.raises(Unavailable):
        await hasher.hash("correct horse")


async def test_an_error_never_holds_the_password(hasher: Argon2Hasher) -> None:
    with pytest.raises(UnicodeEncodeError) as failed:
        await hasher.hash("pass\ud800word")
    assert "word" not in str(failed.value)
    assert await hasher.verify("correct horse", None) is False  # its place is free again
