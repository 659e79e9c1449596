"""The SDK against a server that loses, doubles and swaps: its own arithmetic is all that heals."""

from collections.abc import Callable

import pytest

from hubbub.client.catchup import Catchup
from hubbub.client.outbox import Outbox
from hubbub.domain.ids import Seq
from hubbub.simulator.deterministic.lossy import run_lossy
from hubbub.wire.position import Position, Step


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_the_sdk_comes_out_right_whatever_the_server_does(first: int) -> None:
    for seed in range(first, first + 20):
        assert run_lossy(seed) is None, f"seed {seed}"


def without_arithmetic(patch: pytest.MonkeyPatch) -> None:
    def take(position: Position, seq: Seq) -> Step:
        position.applied = seq
        return Step.APPLY

    patch.setattr(Position, "take", take)


def holes_passed_over(patch: pytest.MonkeyPatch) -> None:
    def take(position: Position, seq: Seq) -> Step:
        if seq <= position.applied:
            return Step.KNOWN
        position.applied = seq
        return Step.APPLY

    patch.setattr(Position, "take", take)


def heads_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Catchup, "heads", lambda catchup, heads, now: None)


def behind_ignored(patch: pytest.MonkeyPatch) -> None:
    heads_not_looked_at(patch)
    patch.setattr(Catchup, "behind", lambda catchup, room_id, now: None)


def unanswered_forgotten_with_the_connection(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outbox, "lost", lambda outbox: None)


@pytest.mark.parametrize(
    "plant",
    [
        without_arithmetic,
        holes_passed_over,
        heads_not_looked_at,
        behind_ignored,
        unanswered_forgotten_with_the_connection,
    ],
)
def test_a_fault_planted_in_the_sdk_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    assert any(run_lossy(seed) is not None for seed in range(60))
